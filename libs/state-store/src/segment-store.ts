import { copyFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMarksStore, type SweepOrder } from '@waybill/stream';
import type { RowReader } from './rows.ts';
import type { Row } from './segment-file.ts';
import { segmentFile, toMerge, type SegmentEntry } from './segment-list.ts';
import { mergedRows } from './segment-merge.ts';
import { writeSegment } from './segment-writer.ts';
import { Segment } from './segment.ts';

type Entries = readonly SegmentEntry[];

/**
 * The segments of one store of the process, for the thread that writes. A flush puts its rows of a store of marks into a new one; small
 * ones become one now and then; one whose rows have all expired goes. What counts is the list that the caller writes down with the
 * position: until then nothing that was there is touched, and what no list names belongs to nobody.
 */
export class SegmentStore {
  readonly #folder: string;
  readonly #owner: string;
  /** By store, what sorts below is expired. */
  readonly #below = new Map<string, Buffer>();
  /** Made since a list was written down: not all of them need be in the next. */
  #made: readonly string[] = [];
  /** In no list any more. */
  #retired: readonly string[] = [];
  #copies = 0;
  #number = 0;

  constructor(folder: string, owner: string) {
    this.#folder = folder;
    this.#owner = owner;
  }

  sweep({ store, below }: SweepOrder): void {
    const known = this.#below.get(store);
    if (!known || known.compare(below) < 0) this.#below.set(store, Buffer.from(below));
  }

  /**
   * Takes the rows of stores of marks: they sort before all others.
   * @returns the list with them, to be written down
   */
  add(before: Entries, rows: RowReader): Entries {
    let entries = before;
    for (let { store } = rows; isMarksStore(store); { store } = rows) {
      const count = rows.countOf(store);
      entries = [...entries, this.#write(store, rowsOf(rows, store, count), count)];
      entries = this.#merged(entries, store);
    }
    return entries.filter((entry) => !this.#isExpired(entry));
  }

  /** After a list has been written down. */
  settle(before: Entries, after: Entries): void {
    const kept = new Set(after.map(({ file }) => file));
    const known = [...before.map(({ file }) => file), ...this.#made];
    this.#made = [];
    this.#retired = [...this.#retired, ...known.filter((file) => !kept.has(file))];
    this.#removeRetired();
  }

  /** Runs a copy of the list's database, which tells the list that it holds, and copies the segments after it. */
  async copyTo<T extends { readonly segments: Entries }>(target: string, copyDatabase: () => Promise<T>): Promise<T> {
    this.#copies += 1; // What is retired meanwhile may be in the copy's list.
    try {
      const copied = await copyDatabase();
      for (const { file } of copied.segments) await copyFile(join(this.#folder, file), join(target, file));
      return copied;
    } finally {
      this.#copies -= 1;
      this.#removeRetired();
    }
  }

  #write(store: string, rows: Iterable<Row>, rowsMax: number): SegmentEntry {
    const file = segmentFile(this.#owner, (this.#number += 1));
    this.#made = [...this.#made, file];
    const { newest, ...sizes } = writeSegment(join(this.#folder, file), rows, rowsMax);
    return { store, file, ...sizes, newest: newest.toString('hex') };
  }

  #merged(entries: Entries, store: string): Entries {
    const merging = new Set(toMerge(entries.filter((entry) => entry.store === store)));
    if (merging.size === 0) return entries;
    const opened: Segment[] = [];
    try {
      for (const { file } of merging) opened.push(new Segment(join(this.#folder, file)));
      const rows = mergedRows(
        opened.map((segment) => segment.all()),
        this.#below.get(store),
      );
      const rowsMax = opened.reduce((sum, segment) => sum + segment.rows, 0);
      return [...entries.filter((entry) => !merging.has(entry)), this.#write(store, rows, rowsMax)];
    } finally {
      for (const segment of opened) segment.close();
    }
  }

  #isExpired({ store, newest }: SegmentEntry): boolean {
    const below = this.#below.get(store);
    return below !== undefined && Buffer.from(newest, 'hex').compare(below) < 0;
  }

  #removeRetired(): void {
    if (this.#copies > 0) return;
    for (const file of this.#retired) rmSync(join(this.#folder, file), { force: true });
    this.#retired = [];
  }
}

function* rowsOf(rows: RowReader, store: string, count: number): Generator<Row> {
  for (let left = count; left > 0; left--) {
    const { key, value } = rows.shift(store.length + 1)!;
    if (value === null) throw new Error('a mark cannot be deleted');
    yield { key, value };
  }
}
