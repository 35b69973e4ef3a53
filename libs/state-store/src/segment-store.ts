import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMarksStore, type SweepOrder } from '@waybill/stream';
import { isDeleted, type Cursor } from './cursor.ts';
import { isFull } from './disk-space.ts';
import type { RowReader } from './rows.ts';
import { segmentFile, toMerge, type SegmentEntry } from './segment-list.ts';
import { Merging } from './segment-merging.ts';
import { SegmentWriter, type WrittenSegment } from './segment-writer.ts';

type Entries = readonly SegmentEntry[];

/** With more segments of a store a write waits for the merging: whoever reads looks into each. */
const segmentsMax = 24;
/** Some milliseconds. */
const stepRows = 4_096;

/**
 * The segments of one store of the process, for the thread that writes. A flush puts its rows into new ones, a segment per store; small
 * ones become one now and then, a step at a time; one whose marks have all expired goes. What counts is the list that the caller writes
 * down with the position: until then nothing that was there is touched, and what no list names belongs to nobody.
 */
export class SegmentStore {
  readonly #folder: string;
  readonly #owner: string;
  /** By store of marks, what sorts below is expired. */
  readonly #below = new Map<string, Buffer>();
  #merging: Merging | undefined;
  /** To take the place of what it was made of with the next list. */
  #merged: { readonly from: ReadonlySet<string>; readonly entry: SegmentEntry } | undefined;
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

  /** @returns the list with these rows, to be written down @throws Error of the file system */
  add(before: Entries, rows: RowReader): Entries {
    let entries = before;
    for (let part = rows.shift(); part; part = rows.shift()) entries = [...entries, this.#write(part.store, part.rows, part.count)];
    this.#begin(entries);
    const isFull = (store: string): boolean => entries.filter((entry) => entry.store === store).length > segmentsMax;
    const stores = new Set(entries.map(({ store }) => store));
    while (this.#merging && [...stores].some(isFull)) {
      this.step();
      entries = this.#adopted(entries);
      this.#begin(entries);
    }
    return this.#adopted(entries).filter((entry) => !this.#isExpired(entry));
  }

  /** Merges some rows. @returns whether there is more to merge @throws SegmentDamaged, Error of the file system */
  step(): boolean {
    const merging = this.#merging;
    if (!merging) return false;
    const written = this.#stepOf(merging);
    if (!written) return this.#merging !== undefined;
    this.#merging = undefined;
    const { entries, file } = merging;
    const newest = entries.reduce((max, entry) => (entry.newest !== undefined && entry.newest > max ? entry.newest : max), '');
    const entry = { store: entries[0]!.store, file, ...written, ...(newest !== '' && { newest }) };
    this.#merged = { from: new Set(entries.map((from) => from.file)), entry };
    return false;
  }

  /** A disk that is full for a merge has room for rows still: it is begun again later. */
  #stepOf(merging: Merging): WrittenSegment | undefined {
    try {
      return merging.step(stepRows);
    } catch (error) {
      this.#merging = undefined;
      if (isFull(error)) return undefined;
      throw error;
    }
  }

  /** After a list has been written down. */
  settle(before: Entries, after: Entries): void {
    const kept = new Set(after.map(({ file }) => file));
    const known = [...before.map(({ file }) => file), ...this.#made];
    this.#made = [];
    this.#retired = [...this.#retired, ...known.filter((file) => !kept.has(file))];
    this.#removeRetired();
  }

  /** Runs while no file of the newest list is deleted. */
  async whileKept<T>(run: () => Promise<T>): Promise<T> {
    this.#copies += 1;
    try {
      return await run();
    } finally {
      this.#copies -= 1;
      this.#removeRetired();
    }
  }

  /** What is being merged is left. */
  close(): void {
    this.#merging?.abandon();
    this.#merging = undefined;
  }

  #begin(entries: Entries): void {
    if (this.#merging || this.#merged) return;
    for (const store of new Set(entries.map((entry) => entry.store))) {
      const own = entries.filter((entry) => entry.store === store);
      const merging = toMerge(own);
      if (merging.length === 0) continue;
      const options = { isWhole: merging[0] === own[0], below: this.#below.get(store) };
      this.#merging = new Merging(this.#folder, this.#newFile(), merging, options);
      return;
    }
  }

  /** In the place of what it was made of, of which some may have expired; what came meanwhile is newer. */
  #adopted(entries: Entries): Entries {
    const merged = this.#merged;
    if (!merged) return entries;
    this.#merged = undefined;
    this.#made = [...this.#made, merged.entry.file];
    const at = entries.findIndex(({ file }) => merged.from.has(file));
    const isNeeded = at >= 0 && merged.entry.rows > 0;
    return entries.flatMap((entry, index) => {
      if (index === at && isNeeded) return [merged.entry];
      return merged.from.has(entry.file) ? [] : [entry];
    });
  }

  #write(store: string, rows: Cursor, count: number): SegmentEntry {
    const file = this.#newFile();
    this.#made = [...this.#made, file];
    const newest = isMarksStore(store) ? new Newest() : undefined;
    const writer = new SegmentWriter(join(this.#folder, file), count);
    try {
      while (rows.next()) {
        newest?.see(rows);
        writer.add(rows);
      }
      return { store, file, ...writer.finish(), ...(newest && { newest: newest.value.toString('hex') }) };
    } catch (error) {
      writer.abandon();
      throw error;
    }
  }

  #newFile(): string {
    this.#number += 1;
    return segmentFile(this.#owner, this.#number);
  }

  #isExpired({ store, newest }: SegmentEntry): boolean {
    const below = this.#below.get(store);
    return below !== undefined && newest !== undefined && Buffer.from(newest, 'hex').compare(below) < 0;
  }

  #removeRetired(): void {
    if (this.#copies > 0) return;
    for (const file of this.#retired) rmSync(join(this.#folder, file), { force: true });
    this.#retired = [];
  }
}

/** The greatest of a store of marks' values, which are of 8 bytes. */
class Newest {
  readonly value = Buffer.alloc(8);

  see(row: Cursor): void {
    if (isDeleted(row)) throw new Error('a mark cannot be deleted');
    if (row.bytes.compare(this.value, 0, this.value.length, row.valueStart, row.valueEnd) > 0)
      row.bytes.copy(this.value, 0, row.valueStart, row.valueEnd);
  }
}
