import { join } from 'node:path';
import type { EntryRange } from '@waybill/stream';
import { hashKey, newHash } from './bloom.ts';
import type { Entry } from './entries.ts';
import { Segment } from './segment.ts';
import { mergedRows } from './segment-merge.ts';
import type { SegmentEntry } from './segment-list.ts';

/** The segments of all stores of a folder, for reading. */
export class Segments {
  readonly #folder: string;
  readonly #open = new Map<string, Segment>();
  /** By store, the newest first. */
  #byStore = new Map<string, readonly Segment[]>();
  readonly #hash = newHash();
  readonly #key = Buffer.allocUnsafeSlow(8_192);

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** From now on there are these. @throws Error for one that is damaged; then nothing has changed */
  adopt(entries: readonly SegmentEntry[]): void {
    const fresh = entries.filter(({ file }) => !this.#open.has(file));
    for (const { file } of fresh) this.#open.set(file, new Segment(join(this.#folder, file)));
    const files = new Set(entries.map(({ file }) => file));
    const byStore = new Map<string, Segment[]>();
    for (const { store, file } of entries) byStore.set(store, [this.#open.get(file)!, ...(byStore.get(store) ?? [])]);
    this.#byStore = byStore;
    for (const [file, segment] of this.#open) {
      if (files.has(file)) continue;
      segment.close();
      this.#open.delete(file);
    }
  }

  /** @throws Error for a row that cannot be read */
  find(store: string, key: string): Buffer | undefined {
    const segments = this.#byStore.get(store);
    if (!segments || key.length * 3 > this.#key.length) return undefined; // No row has such a key.
    const bytes = this.#key.subarray(0, this.#key.write(key));
    hashKey(bytes, 0, bytes.length, this.#hash);
    for (const segment of segments) {
      const value = segment.find(bytes, this.#hash);
      if (value) return value;
    }
    return undefined;
  }

  /** The rows of a range, but for its limit. Reads all of the store: for checks, not for the way of a record. */
  entries(store: string, { prefix = '', reverse = false }: EntryRange): readonly Entry[] {
    const segments = (this.#byStore.get(store) ?? []).toReversed();
    const rows = mergedRows(segments.map((segment) => segment.all()));
    const entries = [...rows.map(({ key, value }): Entry => [key.toString(), Buffer.from(value)])].filter(([key]) =>
      key.startsWith(prefix),
    );
    return reverse ? entries.toReversed() : entries;
  }

  close(): void {
    this.adopt([]);
  }
}
