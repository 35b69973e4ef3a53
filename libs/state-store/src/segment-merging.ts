import { join } from 'node:path';
import { SegmentCursor } from './segment-cursor.ts';
import type { SegmentEntry } from './segment-list.ts';
import { MergedCursor, type MergeOptions } from './segment-merge.ts';
import { SegmentWriter, type WrittenSegment } from './segment-writer.ts';
import { Segment } from './segment.ts';

/** Segments that become one, some rows at a time, beside the writes that go on. */
export class Merging {
  readonly entries: readonly SegmentEntry[];
  readonly file: string;
  readonly #opened: Segment[] = [];
  readonly #rows: MergedCursor;
  readonly #writer: SegmentWriter;

  /** @param entries of one store, the oldest first @throws SegmentDamaged, Error of the file system */
  constructor(folder: string, file: string, entries: readonly SegmentEntry[], options: Pick<MergeOptions, 'isWhole' | 'below'>) {
    this.entries = entries;
    this.file = file;
    try {
      for (const entry of entries) this.#opened.push(new Segment(join(folder, entry.file)));
      const sources = this.#opened.map((segment) => new SegmentCursor(segment));
      this.#rows = new MergedCursor(sources, { ...options, commonBytes: commonBytes(this.#opened) });
      const rowsMax = entries.reduce((sum, { rows }) => sum + rows, 0);
      this.#writer = new SegmentWriter(join(folder, file), rowsMax);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Merges so many rows. @returns what has been written, once that is all @throws as the constructor; then nothing is left of it */
  step(rowsMax: number): WrittenSegment | undefined {
    try {
      for (let count = 0; count < rowsMax; count++) {
        if (this.#rows.next()) this.#writer.add(this.#rows);
        else return this.#finish();
      }
      return undefined;
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  abandon(): void {
    this.#close();
    this.#writer.abandon();
  }

  #finish(): WrittenSegment {
    const written = this.#writer.finish();
    this.#close();
    return written;
  }

  #close(): void {
    for (const segment of this.#opened.splice(0)) segment.close();
  }
}

/** Of all keys between the first and the last one. */
function commonBytes(segments: readonly Segment[]): number {
  const keys = segments.flatMap((segment) => {
    const last = new SegmentCursor(segment, { reverse: true });
    return last.next() ? [segment.firstKey(0), last.bytes.subarray(last.keyStart, last.keyEnd)] : [];
  });
  const [first = Buffer.alloc(0)] = keys;
  let common = first.length;
  for (const key of keys) for (let at = 0; at < common; at++) if (key[at] !== first[at]) common = at;
  return common;
}
