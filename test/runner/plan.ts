/** What is run, in order: the one place where a new kind of test or check is added. */
export type Step =
  | { readonly name: string; readonly kind: 'command'; readonly argv: readonly string[]; readonly timeoutMs: number }
  | { readonly name: string; readonly kind: 'tests'; readonly globs: readonly string[]; readonly timeoutMs: number };

export type Suite = {
  readonly name: string;
  /** Steps and test files at a time. 1 where files would take each other's ports. */
  readonly concurrency: number;
  /** Files that take long are told of one by one. */
  readonly isToldByFile: boolean;
  readonly steps: readonly Step[];
};

/** The whole run is to take 15 minutes on two quiet cores; this is where a run that hangs ends, not one that shares its machine. */
export const runTimeoutMs = 20 * 60_000;

const command = (name: string, script: string, ...args: readonly string[]): Step => ({
  name,
  kind: 'command',
  argv: [`node_modules/${script}`, ...args],
  timeoutMs: 5 * 60_000,
});
/** `timeoutMs` bounds each file. */
const tests = (name: string, timeoutMs: number, ...globs: readonly string[]): Step => ({ name, kind: 'tests', globs, timeoutMs });

/** All of our source; also what the architecture tests look at. */
export const sourceFolders: readonly string[] = ['apps', 'libs', 'schemas', 'infra', 'test'];

/** The slow steps come first, so that the last one to end is a short one. */
export const suites: readonly Suite[] = [
  {
    name: 'check',
    concurrency: 2,
    isToldByFile: false,
    steps: [
      command('lint', 'eslint/bin/eslint.js', '.', '--max-warnings=0'),
      command('types', 'typescript/bin/tsc', '-p', 'tsconfig.json', '--pretty', 'false'),
      command('format', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'),
      command('directions', 'dependency-cruiser/bin/dependency-cruiser.mjs', '--config', '.dependency-cruiser.mjs', ...sourceFolders),
      tests('architecture', 2 * 60_000, 'test/architecture/*.test.ts'),
      tests('unit', 4 * 60_000, '{apps,libs}/*/src/**/*.test.ts', 'infra/**/*.test.ts', 'test/{bench,fuzz,runner,support}/*.test.ts'),
    ],
  },
  { name: 'contract', concurrency: 2, isToldByFile: false, steps: [tests('contract', 2 * 60_000, 'test/contract/*.test.ts')] },
  // Two at a time: they mostly wait for servers of their own, which take free ports.
  { name: 'integration', concurrency: 2, isToldByFile: true, steps: [tests('integration', 6 * 60_000, 'test/integration/*.test.ts')] },
  { name: 'e2e', concurrency: 1, isToldByFile: true, steps: [tests('e2e', 10 * 60_000, 'test/e2e/*.test.ts')] },
];

/** @throws Error that lists the names, for a name that is neither a suite nor a step */
export function select(only: readonly string[]): readonly Suite[] {
  if (only.length === 0) return suites;
  const names = new Set(suites.flatMap((suite) => [suite.name, ...suite.steps.map((step) => step.name)]));
  const unknown = only.filter((name) => !names.has(name));
  if (unknown.length > 0)
    throw new Error(`--only ${unknown.join(', ')}: there is no such suite or step; there are ${[...names].join(', ')}`);
  return suites
    .map((suite) => ({ ...suite, steps: suite.steps.filter((step) => only.includes(suite.name) || only.includes(step.name)) }))
    .filter((suite) => suite.steps.length > 0);
}

/** A suite of the files named on the command line; they may need servers, so they run one at a time. */
export const filesSuite = (files: readonly string[], timeoutMs: number): Suite => ({
  name: 'files',
  concurrency: 1,
  isToldByFile: true,
  steps: [tests('files', timeoutMs, ...files)],
});
