import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { segmentBytesMax } from './segment-file.ts';

/** A segment as the position's transaction names it: what it does not name is not there. */
export type SegmentEntry = {
  readonly store: string;
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  /** The greatest value, in hexadecimal digits. */
  readonly newest: string;
};

const extension = '.segment';

export const isSegmentFile = (name: string): boolean => name.endsWith(extension);

/** Names of two owners differ: one that has lost the store may still be writing. */
export const segmentFile = (owner: string, number: number): string => `${owner.slice(0, 8)}-${number}${extension}`;

/** Deletes what a process left that died while it wrote, or before it could delete. */
export function removeOthers(folder: string, entries: readonly SegmentEntry[]): void {
  const known = new Set(entries.map(({ file }) => file));
  for (const name of readdirSync(folder)) if (isSegmentFile(name) && !known.has(name)) rmSync(join(folder, name), { force: true });
}

/** So many small ones are merged: few to look into, and each row is written again about as often as the rows double. */
const mergedMin = 8;

/**
 * Which of a store's segments are to become one: the newest ones, and each older one that is not larger than all newer ones together.
 * @param entries of one store, the oldest first
 * @returns the oldest first; none when it is not worth it yet
 */
export function toMerge(entries: readonly SegmentEntry[]): readonly SegmentEntry[] {
  let bytes = 0;
  let from = entries.length;
  for (; from > 0; from--) {
    const older = entries[from - 1]!.bytes;
    if (from < entries.length && (older > bytes || older + bytes > segmentBytesMax)) break;
    bytes += older;
  }
  return entries.length - from >= mergedMin ? entries.slice(from) : [];
}
