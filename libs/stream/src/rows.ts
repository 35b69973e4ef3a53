import type { RecordType, Topic, TypedRecord } from '@waybill/domain';
import { valueBytesMax, type Codec, type NewRecord } from './event-log.ts';
import { heldBytesMax, heldStore } from './held.ts';
import { rowKeyBytesMax, type StateStore } from './state-store.ts';

/** A row with its bytes: what cannot be encoded has to show before anything of its step counts. */
export type Row = { readonly store: string; readonly key: string; readonly row: TypedRecord | null; readonly value: Buffer | null };

export type WrittenRow = NewRecord & { readonly store: string; readonly key: string };

export type RowsOptions = {
  readonly store: Pick<StateStore, 'get' | 'entries'>;
  readonly codec: Codec;
  /** State topics by the names of their stores. */
  readonly topics: Readonly<Record<string, Topic>>;
};

/** Rows as the inputs of one transaction leave them, over those in the store. Only the newest of a key is written. */
export class RowsDraft {
  readonly #options: RowsOptions;
  readonly #changed = new Map<string, Map<string, Row>>();
  /** What `get` failed to read: a row whose writer's schema has not been loaded yet, because another version of the app wrote it. */
  unread: Buffer | undefined;

  constructor(options: RowsOptions) {
    this.#options = options;
  }

  /** @throws StreamError `RECORD_UNDECODABLE`, with the row's bytes in `unread` */
  get<T extends RecordType>(store: string, key: string, type: T): Extract<TypedRecord, { type: T }>['data'] | undefined {
    const changed = this.#changed.get(store)?.get(key);
    if (changed) return changed.row?.type === type ? (changed.row.data as never) : undefined;
    const bytes = findBytes(this.#options.store, store, key);
    if (bytes === undefined) return undefined;
    this.unread = bytes;
    const row = this.#options.codec.decodeSync(bytes);
    this.unread = undefined;
    return row.type === type ? (row.data as never) : undefined;
  }

  /** Of the rows as they are now, those in the store included. */
  keys(store: string, { after, limit }: { readonly after?: string; readonly limit: number }): readonly string[] {
    const changed = this.#changed.get(store) ?? new Map<string, Row>();
    const added = [...changed.values()].filter(({ key, row }) => row !== null && (after === undefined || compareKeys(key, after) > 0));
    const kept = new Set<string>();
    for (const [key] of this.#options.store.entries(store, after === undefined ? {} : { after })) {
      if (kept.size >= limit) break;
      if (!changed.has(key)) kept.add(key);
    }
    return [...kept, ...added.map(({ key }) => key)].toSorted(compareKeys).slice(0, limit);
  }

  /** @throws Error for a row that the log or the store would not take */
  prepare(store: string, key: string, row: TypedRecord | null): Row {
    if (!this.#options.topics[store]) throw new Error(`there is no topic for rows of ${store}`);
    const value = row === null ? null : this.#options.codec.encode(row);
    refuseLongKey('the key of a row', store, key);
    refuseLong(`a row of ${store}`, value, store === heldStore ? heldBytesMax : valueBytesMax);
    return { store, key, row, value };
  }

  put(row: Row): void {
    let rows = this.#changed.get(row.store);
    if (!rows) this.#changed.set(row.store, (rows = new Map<string, Row>()));
    rows.set(row.key, row);
  }

  rowsOf(store: string): readonly Row[] {
    return [...(this.#changed.get(store)?.values() ?? [])];
  }

  /** What the log and the store are given of each row: its bytes alone, so that nothing holds the decoded ones until both have them. */
  written(partition: number): readonly WrittenRow[] {
    const written: WrittenRow[] = [];
    for (const [store, rows] of this.#changed) {
      const topic = this.#options.topics[store]!.name;
      for (const { key, value } of rows.values()) written.push({ store, topic, partition, key, value, headers: noHeaders });
    }
    return written;
  }
}

const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const noHeaders = Object.freeze({});

/** Said here, where it parks one record: the broker or the store would say it of a whole transaction, for ever. */
export function refuseLong(what: string, bytes: Buffer | null, bytesMax: number): void {
  if (bytes !== null && bytes.length > bytesMax) throw new Error(`${what} is ${bytes.length} bytes long; the limit is ${bytesMax}`);
}

/** As `refuseLong`, for the key under which a row lies in a store. */
export function refuseLongKey(what: string, store: string, key: string): void {
  const bytes = keyBytes(store, key);
  if (bytes > rowKeyBytesMax) throw new Error(`${what} of ${store} is ${bytes} bytes long; the limit is ${rowKeyBytesMax}`);
}

/** What lies under a key, which may come from anybody: under one that is too long nothing does, and no store is asked for it. */
export const findBytes = (rows: Pick<StateStore, 'get'>, store: string, key: string): Buffer | undefined =>
  keyBytes(store, key) > rowKeyBytesMax ? undefined : rows.get(store, key);

/** No character takes more than three bytes: short keys are not counted. */
const keyBytes = (store: string, key: string): number =>
  (store.length + key.length) * 3 <= rowKeyBytesMax ? 0 : Buffer.byteLength(store) + Buffer.byteLength(key);
