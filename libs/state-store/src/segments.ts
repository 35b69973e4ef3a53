import { join } from 'node:path';
import type { EntryRange } from '@waybill/stream';
import { hashKey, newHash } from './bloom.ts';
import type { Cursor } from './cursor.ts';
import { SegmentCursor } from './segment-cursor.ts';
import type { SegmentEntry } from './segment-list.ts';
import { MergedCursor } from './segment-merge.ts';
import { Segment } from './segment.ts';

/** The segments of all stores of a folder, for reading. */
export class Segments {
  readonly #folder: string;
  readonly #open = new Map<string, Segment>();
  /** By store, the newest first. */
  #byStore = new Map<string, readonly Segment[]>();
  /** Not in the list any more, but some iteration may stand in them. */
  #left: Segment[] = [];
  #iterations = 0;
  readonly #hash = newHash();
  readonly #key = Buffer.allocUnsafeSlow(8_192);

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** From now on there are these. @throws Error for one that is damaged; then nothing has changed */
  adopt(entries: readonly SegmentEntry[]): void {
    for (const { file } of entries) if (!this.#open.has(file)) this.#open.set(file, new Segment(join(this.#folder, file)));
    const files = new Set(entries.map(({ file }) => file));
    const byStore = new Map<string, Segment[]>();
    for (const { store, file } of entries) byStore.set(store, [this.#open.get(file)!, ...(byStore.get(store) ?? [])]);
    this.#byStore = byStore;
    for (const [file, segment] of this.#open) {
      if (files.has(file)) continue;
      this.#open.delete(file);
      this.#left.push(segment);
    }
    this.#closeLeft();
  }

  /** A copy of the value, `null` for a row that is deleted, `undefined` for none. @throws Error for a row that cannot be read */
  find(store: string, key: string): Buffer | null | undefined {
    const segments = this.#byStore.get(store);
    if (!segments || key.length * 3 > this.#key.length) return undefined; // No row has such a key.
    const bytes = this.#key.subarray(0, this.#key.write(key));
    hashKey(bytes, 0, bytes.length, this.#hash);
    for (const segment of segments) {
      const value = segment.find(bytes, this.#hash);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Runs over the rows of a range as they are now, but for its limit; deleted ones are among them, and a few that `after` excludes. */
  *scan(store: string, { prefix = '', after = '', reverse = false }: EntryRange): Generator<Cursor> {
    const [begin, behind] = [Buffer.from(prefix), Buffer.from(after)];
    const range = { prefix: begin, from: begin.compare(behind) < 0 ? behind : begin, reverse };
    const segments = (this.#byStore.get(store) ?? []).toReversed();
    this.#iterations += 1;
    try {
      const sources = segments.map((segment) => new SegmentCursor(segment, range));
      const rows = new MergedCursor(sources, { reverse, commonBytes: range.prefix.length });
      while (rows.next()) yield rows;
    } finally {
      this.#iterations -= 1;
      this.#closeLeft();
    }
  }

  /** Reads every block. @throws Error for one that is damaged */
  check(): void {
    for (const segment of this.#open.values()) segment.check();
  }

  close(): void {
    this.adopt([]);
  }

  #closeLeft(): void {
    if (this.#iterations > 0) return;
    for (const segment of this.#left.splice(0)) segment.close();
  }
}
