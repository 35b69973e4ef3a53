/** Values by placeholder name. */
export type Placeholders = Readonly<Record<string, string>>;

/** What a template may name; `{sbom}` makes an SBOM first, `{output}` has the report read from that file instead of stdout. */
export const placeholderNames = ['image', 'registry', 'repository', 'digest', 'sbom', 'output'] as const;

const placeholder = /\{([a-z]+)\}/g;

/**
 * Splits a command line into its arguments, once and before any value is filled in. There is no shell: of its syntax only quotes
 * are known (`'…'` and `"…"`, no escapes, no variables), so that a path may hold blanks.
 * @throws Error for an open quote or an empty command
 */
export function parseCommand(text: string): readonly string[] {
  const argv: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (const char of text) {
    if (quote !== '') {
      if (char === quote) quote = '';
      else word = `${word ?? ''}${char}`;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) argv.push(word);
      word = undefined;
    } else word = `${word ?? ''}${char}`;
  }
  if (quote !== '') throw new Error(`a quote (${quote}) is not closed`);
  if (word !== undefined) argv.push(word);
  if (argv[0] === undefined || argv[0] === '') throw new Error('the command is empty');
  return argv;
}

/** Names of the placeholders in a command, each once. */
export const placeholdersIn = (argv: readonly string[]): ReadonlySet<string> =>
  new Set(argv.flatMap((argument) => [...argument.matchAll(placeholder)].map((match) => match[1]!)));

/** Fills values in. A value is taken as it is: braces, quotes and blanks in it mean nothing. */
export const fillPlaceholders = (argv: readonly string[], values: Placeholders): readonly string[] =>
  argv.map((argument) => argument.replaceAll(placeholder, (whole, name: string) => values[name] ?? whole));
