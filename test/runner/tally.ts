import type { Fault, Outcome, Skip } from './outcome.ts';

/** The events of node:test's `run()` that count, as far as they are used here. */
export type TestEvent =
  | { readonly type: 'test:start' | 'test:dequeue'; readonly data: { readonly name: string; readonly nesting: number } }
  | { readonly type: 'test:pass' | 'test:fail'; readonly data: TestResult }
  | { readonly type: 'test:stdout' | 'test:stderr'; readonly data: { readonly message: string } }
  | { readonly type: 'test:summary'; readonly data: { readonly file?: string | undefined } };

type TestResult = {
  readonly name: string;
  readonly nesting: number;
  readonly line?: number | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: { readonly type?: string | undefined; readonly error?: unknown };
};

export type Tally = {
  readonly take: (event: TestEvent) => void;
  /** The test that began last: the one to name when a file hangs. */
  readonly current: () => string;
  readonly outcome: () => Outcome;
};

const outputLengthMax = 16_384;

/**
 * Counts the real tests of one file: leaves only, since a test with subtests and a `describe` are headings.
 *
 * Two silences of node:test are made faults. A file without tests is reported as one passed test named as the file. And a
 * file that calls `process.exit(0)` midway is reported the same way, whatever had failed before: so that the file's own
 * summary must have come, or the file has failed.
 *
 * @param file as given to `run()`, relative to its `cwd`
 * @param isFiltered some tests were asked for by name, so that a file may well have none of them
 */
export function createTally(file: string, isFiltered: boolean): Tally {
  const path: string[] = []; // As results are told: in order.
  const running: string[] = []; // As tests begin.
  const hasChildren: boolean[] = [];
  const faults: Fault[] = [];
  const skips: Skip[] = [];
  let passedCount = 0;
  let hasSummary = false;
  let output = '';

  function take({ type, data }: TestEvent): void {
    if (type === 'test:start') path.splice(data.nesting, path.length, data.name);
    else if (type === 'test:dequeue') running.splice(data.nesting, running.length, data.name);
    else if (type === 'test:stdout' || type === 'test:stderr') output = `${output}${data.message}`.slice(-outputLengthMax);
    else if (type === 'test:summary') hasSummary ||= data.file !== undefined;
    else if (type === 'test:pass' || type === 'test:fail') takeResult(type === 'test:pass', data);
  }

  function takeResult(passed: boolean, result: TestResult): void {
    const { name, nesting } = result;
    const isFile = nesting === 0 && name === file;
    const isHeading = isFile || result.details.type === 'suite' || hasChildren[nesting + 1] === true;
    hasChildren[nesting + 1] = false;
    if (!isFile) hasChildren[nesting] = true;

    const where = isFile ? file : [`${file}:${result.line ?? 0}`, ...path.slice(0, nesting), name].join(' > ');
    if (result.skip !== undefined && result.skip !== false) skips.push({ where, why: reasonOf(result.skip) });
    else if (result.todo !== undefined && result.todo !== false)
      skips.push({ where, why: `still to be written: ${reasonOf(result.todo)}` });
    else if (!passed && !(isHeading && isBecauseOfChildren(result.details.error))) {
      faults.push({ where, what: describeError(result.details.error) });
    } else if (passed && !isHeading) passedCount++;
  }

  function outcome(): Outcome {
    const found = [...faults];
    const isFileToldOf = found.some(({ where }) => where === file);
    if (!hasSummary && !isFileToldOf)
      found.push({ where: file, what: 'has no tests, or ended (process.exit?) before it had told of them' });
    else if (found.length + passedCount + skips.length === 0 && !isFiltered) found.push({ where: file, what: 'has no tests' });
    const last = found.pop();
    if (last === undefined) return { passedCount, faults: [], skips };
    const what = output.trim() === '' ? last.what : `${last.what}\noutput of ${file}:\n${output.trimEnd()}`;
    return { passedCount, faults: [...found, { where: last.where, what }], skips };
  }

  return { take, current: () => running.join(' > '), outcome };
}

const reasonOf = (reason: string | boolean): string => (typeof reason === 'string' ? reason : 'no reason given');
const isBecauseOfChildren = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'failureType' in error && error.failureType === 'subtestsFailed';

/** Message, stack without Node's own frames, and causes; node:test wraps what a test threw in an error of its own. */
function describeError(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && depth < 4 ? describeError(error.cause, depth + 1) : '';
  if ('failureType' in error) return cause === '' ? `${error.message}${endingOf(error)}` : cause;
  const text = (error.stack ?? error.message)
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:/.test(line))
    .join('\n');
  return cause === '' ? text : `${text}\ncaused by: ${cause}`;
}

/** How a file's process ended, where that is the fault: every test in it may have passed. */
function endingOf(error: object): string {
  if ('signal' in error && typeof error.signal === 'string') return `: its process was killed by ${error.signal}`;
  return 'exitCode' in error && typeof error.exitCode === 'number' ? `: its process ended with exit code ${error.exitCode}` : '';
}
