import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMarksStore } from '@waybill/stream';

/** A segment as the manifest names it: what it does not name is not there. */
export type SegmentEntry = {
  readonly store: string;
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  /** Of a store of marks the greatest value, in hexadecimal digits. */
  readonly newest?: string;
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
/** Of marks larger ones are not merged, so that old ones go as whole files. Rows change: what they were must go at some time. */
const marksBytesMax = 64 * 1_048_576;

/**
 * Which of a store's segments are to become one: neighbours, each of them not larger than all newer ones of them together. Of several
 * such groups the newest.
 * @param entries of one store, the oldest first
 * @returns the oldest first; none when it is not worth it yet
 */
export function toMerge(entries: readonly SegmentEntry[]): readonly SegmentEntry[] {
  const bytesMax = entries[0] && isMarksStore(entries[0].store) ? marksBytesMax : Infinity;
  for (let to = entries.length; to >= mergedMin; to--) {
    const from = groupBefore(entries, to, bytesMax);
    if (to - from >= mergedMin) return entries.slice(from, to);
  }
  return [];
}

/** Where the group begins that ends before `to`. */
function groupBefore(entries: readonly SegmentEntry[], to: number, bytesMax: number): number {
  let from = to - 1;
  let bytes = entries[from]!.bytes;
  for (; from > 0; from--) {
    const older = entries[from - 1]!.bytes;
    if (older > bytes || older + bytes > bytesMax) break;
    bytes += older;
  }
  return from;
}
