import { InvalidArgumentError } from 'commander';

/** A whole number from `min` to `max`, as an option's value. */
export const integer =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
    return value;
  };

/** A number that is not negative, as an option's value: `12.50`. */
export function amount(text: string): number {
  if (!/^\d{1,12}(\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError('must be an amount like 50 or 12.50');
  return Number(text);
}

/** `3`, `0-5` or `0,2,4-5`: each number once, in order. */
export function parsePartitions(text: string): readonly number[] {
  const numbers = text.split(',').flatMap((part) => {
    const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (from === undefined || Number(to) < Number(from)) throw new InvalidArgumentError('write it like 3, 0-5 or 0,2,4-5');
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => Number(from) + at);
  });
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

export const list = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** A point of the log: an offset (`1200`), or a time with its zone (`2026-11-20T10:00Z`); a day alone begins at 00:00 UTC. */
export function parseBound(text: string): { readonly offset: number } | { readonly atMs: number } {
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) };
  const atMs = findTime(text);
  if (atMs === undefined) throw new InvalidArgumentError('write an offset like 1200, or a time with its zone like 2026-11-20T10:00Z');
  return { atMs };
}

/** A time with its zone, Unix ms; a day alone begins at 00:00 UTC. */
export function parseTime(text: string): number {
  const atMs = findTime(text);
  if (atMs === undefined) throw new InvalidArgumentError('write a time with its zone like 2026-11-20T10:00Z, or a day like 2026-11-20');
  return atMs;
}

function findTime(text: string): number | undefined {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const atMs = isTime ? Date.parse(text) : NaN;
  return atMs >= 0 ? atMs : undefined;
}
