import { diff } from 'node:util';

export type DiffLine = { readonly mark: '+' | '-' | ' '; readonly text: string };

/** More lines than this are not compared one by one: the time that takes grows with their square. */
const comparedMax = 2_000;

/**
 * What changes between two texts, line by line, with `around` lines before and after each change.
 * @returns undefined between two parts that are not beside each other
 */
export function lineDiff(before: string, after: string, around = 2): readonly (DiffLine | undefined)[] {
  const [old, young] = [linesOf(before), linesOf(after)];
  if (old.join('\n') === young.join('\n')) return [];
  const lines = old.length + young.length > comparedMax ? replaced(old, young) : compared(old, young);
  const isNear = (at: number): boolean => lines.slice(Math.max(0, at - around), at + around + 1).some(({ mark }) => mark !== ' ');
  const shown = lines.flatMap((line, at) => (isNear(at) ? [{ line, at }] : []));
  return shown.flatMap(({ line, at }, index) => (index > 0 && shown[index - 1]!.at < at - 1 ? [undefined, line] : [line]));
}

const linesOf = (text: string): readonly string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

const replaced = (before: readonly string[], after: readonly string[]): readonly DiffLine[] => [
  ...before.map((text): DiffLine => ({ mark: '-', text })),
  ...after.map((text): DiffLine => ({ mark: '+', text })),
];

const marks = { '-1': '+', '0': ' ', '1': '-' } as const;
const compared = (before: readonly string[], after: readonly string[]): readonly DiffLine[] =>
  (diff(before, after) as readonly (readonly [-1 | 0 | 1, string])[]).map(([sign, text]) => ({ mark: marks[sign], text }));
