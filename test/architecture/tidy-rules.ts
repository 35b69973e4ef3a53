import ts from 'typescript';

/** A text file of the repository: its path from the root, and what is in it. */
export type TextFile = { readonly path: string; readonly text: string };
/** Finds what breaks a rule, as `line: what`. */
type Find = (file: TextFile) => readonly string[];
export type TidyRule = { readonly applies: (path: string) => boolean; readonly find: Find };

export const limits = { fileLinesMax: 400, functionLinesMax: 70, lineLengthMax: 140 } as const;

const isGenerated = (path: string): boolean => path.endsWith('.generated.ts') || path.endsWith('package-lock.json');
const isSource = (path: string): boolean => /[.](ts|mjs|js|sh)$/.test(path) && !isGenerated(path);
/** Names of modules begin like hosts. */
const isGoModule = (path: string): boolean => /(^|\/)go[.](mod|sum)$/.test(path);
const isTypeScript = (path: string): boolean => path.endsWith('.ts') && !isGenerated(path);
const isTest = (path: string): boolean => /[.]test[.]ts$/.test(path);
const mayPrint = (path: string): boolean => /^(apps\/cli|infra|test)\//.test(path) || isTest(path);

/** Words are put together here so that this file does not break its own rule. */
const word = (...parts: readonly string[]): RegExp => new RegExp(`\\b${parts.join('')}\\b`);
const unfinished = [word('TO', 'DO'), word('FIX', 'ME')];
/** Where packages come from is the business of the machine that installs them. */
const packageHosts = [
  ['npmjs', 'org'],
  ['npmjs', 'com'],
  ['yarnpkg', 'com'],
  ['maven', 'org'],
  ['maven', 'apache', 'org'],
  ['golang', 'org'],
  ['pypi', 'org'],
  ['python' + 'hosted', 'org'],
  ['debian', 'org'],
  ['ubuntu', 'com'],
].map((labels) => word('(?:[a-z0-9-]+[.])', labels[0] === 'pypi' ? '?' : '', labels.join('[.]')));
/** Homes of people and of build machines; containers' own users may be named. */
const machinePaths = [
  /(?<![\w.$}-])\/(?:home|Users)\/(?!nonroot\b|node\b)[A-Za-z0-9_.-]+\//,
  /(?<![\w.$}-])\/(?:root|work|workspaces)\/[\w.-]/,
  /\b[A-Z]:\\Users\\/,
];

/** All that keeps the tree readable, by name. Each is proven by a sample in `tidy.test.ts`. */
export const tidyRules = {
  'file-is-short': {
    applies: isSource,
    find: ({ text }) => {
      const count = text.trimEnd().split('\n').length;
      return count > limits.fileLinesMax ? [`1: ${count} lines, at most ${limits.fileLinesMax}`] : [];
    },
  },
  'line-is-short': {
    applies: isSource,
    find: matchLines((line) =>
      line.length > limits.lineLengthMax ? `${line.length} characters, at most ${limits.lineLengthMax}` : undefined,
    ),
  },
  'function-is-short': { applies: isTypeScript, find: findLongFunctions },
  'nothing-is-left-for-later': { applies: isText, find: matchLines((line) => matchAny(line, unfinished)) },
  'only-people-are-printed-to': { applies: (path) => isTypeScript(path) && !mayPrint(path), find: findConsole },
  'no-package-host': { applies: (path) => isText(path) && !isGoModule(path), find: matchLines((line) => matchAny(line, packageHosts)) },
  'no-path-of-one-machine': { applies: isText, find: matchLines((line) => matchAny(line, machinePaths)) },
  'lockfile-names-no-host': {
    applies: (path) => path.endsWith('package-lock.json'),
    find: matchLines((line) => (/"resolved": "[a-z+]+:\/\//.test(line) ? line.trim() : undefined)),
  },
} as const satisfies Readonly<Record<string, TidyRule>>;

export type TidyRuleName = keyof typeof tidyRules;

function isText(path: string): boolean {
  return !/[.](png|jpg|gz|zip|tgz|bin|ico|woff2)$/.test(path);
}

function matchLines(judge: (line: string) => string | undefined): Find {
  return ({ text }) =>
    text.split('\n').flatMap((line, index) => {
      const fault = judge(line);
      return fault === undefined ? [] : [`${index + 1}: ${fault}`];
    });
}

const matchAny = (line: string, patterns: readonly RegExp[]): string | undefined =>
  patterns.map((pattern) => pattern.exec(line)?.[0]).find((match) => match !== undefined);

/** A `describe` in a test is a chapter, not a function. */
function findLongFunctions(file: TextFile): readonly string[] {
  return collect(file, (node, lineOf) => {
    if (!isFunction(node) || node.body === undefined || isChapter(node)) return undefined;
    const count = lineOf(node.getEnd()) - lineOf(node.getStart()) + 1;
    return count > limits.functionLinesMax
      ? `${node.name?.getText() ?? 'function'}: ${count} lines, at most ${limits.functionLinesMax}`
      : undefined;
  });
}

function findConsole(file: TextFile): readonly string[] {
  return collect(file, (node) =>
    ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console' ? `${node.getText()}: log with pino` : undefined,
  );
}

const isFunction = (node: ts.Node): node is ts.FunctionLikeDeclaration =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node) ||
  ts.isAccessor(node);

const isChapter = (node: ts.Node): boolean =>
  ts.isCallExpression(node.parent) && /^(describe|suite)\b/.test(node.parent.expression.getText());

/** What `judge` says of each node, with its line. */
function collect(
  { path, text }: TextFile,
  judge: (node: ts.Node, lineOf: (position: number) => number) => string | undefined,
): readonly string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    const fault = judge(node, lineOf);
    if (fault !== undefined) faults.push(`${lineOf(node.getStart())}: ${fault}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return faults;
}
