import type { StoreChanges, StorePosition } from '@waybill/stream';
import { RowPacker, type PackedRows } from './rows.ts';

/** What a row weighs in memory beside its key and value: entry of the map, string, buffer. For the bound, not exact. */
const rowOverheadBytes = 200;

/** Rows that are committed but not written yet, the newest per key, with the position that belongs to them. */
export class Overlay {
  readonly #stores = new Map<string, Map<string, Buffer | null>>();
  #weightBytes = 0;
  #rowCount = 0;
  #changes = 0;
  position: StorePosition;
  writtenAtMs: number | undefined;

  constructor(position: StorePosition, writtenAtMs: number | undefined) {
    this.position = position;
    this.writtenAtMs = writtenAtMs;
  }

  /** Memory that it takes, roughly. */
  get weightBytes(): number {
    return this.#weightBytes;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Nothing to write, not even a position. */
  get isEmpty(): boolean {
    return this.#changes === 0;
  }

  commit({ puts, position }: StoreChanges, writtenAtMs: number): void {
    for (const { store, key, value } of puts) {
      let rows = this.#stores.get(store);
      if (!rows) this.#stores.set(store, (rows = new Map<string, Buffer | null>()));
      const before = rows.size;
      rows.set(key, value);
      if (rows.size === before) continue;
      this.#rowCount += 1;
      this.#weightBytes += rowOverheadBytes + key.length + (value?.length ?? 0);
    }
    this.#changes += 1;
    this.position = position;
    this.writtenAtMs = writtenAtMs;
  }

  /** `null` for a row that is deleted here, `undefined` for one that is not here. */
  get(store: string, key: string): Buffer | null | undefined {
    return this.#stores.get(store)?.get(key);
  }

  rows(store: string): ReadonlyMap<string, Buffer | null> {
    return this.#stores.get(store) ?? new Map<string, Buffer | null>();
  }

  pack(): PackedRows {
    const packer = new RowPacker(this.#weightBytes + 1);
    for (const [store, rows] of this.#stores) for (const [key, value] of rows) packer.add(store, key, value);
    return packer.finish();
  }
}
