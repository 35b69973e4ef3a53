/** A set of characters: inclusive ranges of code points, ascending, none touching the next. */
export type Chars = readonly (readonly [first: number, last: number])[];

const codePointMax = 0x10_ffff;

export const none: Chars = [];
export const all: Chars = [[0, codePointMax]];
export const only = (char: string): Chars => between(char, char);
export const between = (first: string, last: string): Chars => [[first.codePointAt(0)!, last.codePointAt(0)!]];

export function union(...sets: readonly Chars[]): Chars {
  const ranges: [number, number][] = [];
  for (const [first, last] of sets.flat().toSorted((a, b) => a[0] - b[0])) {
    const open = ranges.at(-1);
    if (open && first <= open[1] + 1) open[1] = Math.max(open[1], last);
    else ranges.push([first, last]);
  }
  return ranges;
}

export function except(set: Chars): Chars {
  const ranges: [number, number][] = [];
  let from = 0;
  for (const [first, last] of set) {
    if (from < first) ranges.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= codePointMax) ranges.push([from, codePointMax]);
  return ranges;
}

export const has = (set: Chars, codePoint: number): boolean => set.some(([first, last]) => first <= codePoint && codePoint <= last);

/** The one character of a set of one. */
export function findOnly(set: Chars): string | undefined {
  const [range, more] = set;
  return range && more === undefined && range[0] === range[1] ? String.fromCodePoint(range[0]) : undefined;
}
