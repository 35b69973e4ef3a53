import type { Offsets } from './event-log.ts';

/** Longest store name and key of a row together, UTF-8 bytes. Every implementation takes so many. */
export const rowKeyBytesMax = 1_900;

/** Bytes of one task's rows, in one local file or folder. `libs/state-store` implements it over LMDB; tests over a Map. */
export type StateStore = {
  get(store: string, key: string): Buffer | undefined;
  /** In key order (UTF-8 bytes); the iteration sees the store as it was at the start. */
  entries(store: string, range?: EntryRange): Iterable<readonly [key: string, value: Buffer]>;
  /**
   * Writes rows and position in one local transaction.
   * @throws StreamError `FENCED` when another process has opened the same store since
   */
  commit(changes: StoreChanges): Promise<void>;
  /** Position of the newest commit, empty maps for a new store. */
  position(): StorePosition;
  close(): Promise<void>;
};

/** A store that knows how old it is, so that one left alone too long can be read anew. */
export type TaskStore = StateStore & {
  /** When the newest commit was made, by this machine's clock; `undefined` for a new store. */
  writtenAtMs(): number | undefined;
  /** Forgets all rows and the position, in one local transaction. */
  clear(): Promise<void>;
  /**
   * Expires rows a few at a time: looks at the next `limit` rows of a store in key order, from where its last sweep ended and round
   * and round, and deletes those that are expired. Where it stands is forgotten with the process. Rows not yet flushed are looked at
   * once they are.
   * @returns how many rows were deleted
   */
  sweep(store: string, options: SweepOptions): number;
  /**
   * Resolves once everything committed until now would survive a kill -9. Nothing has to wait for it: what is lost is in the log.
   * @throws StreamError as `commit`
   */
  flush(): Promise<void>;
};

export type SweepOptions = {
  /** Most rows that one call looks at: it is synchronous. */
  readonly limit: number;
  readonly isExpired: (key: string, value: Buffer) => boolean;
};

export type EntryRange = { readonly prefix?: string; readonly limit?: number; readonly reverse?: boolean };

export type StoreChanges = {
  /** In order; a later one of the same key wins. `null` deletes. */
  readonly puts: readonly { readonly store: string; readonly key: string; readonly value: Buffer | null }[];
  readonly position: StorePosition;
};

/** Next offsets of the state topics that the rows were read from or written to. */
export type StorePosition = { readonly changelog: Offsets };

export type OpenStore = (group: string, partition: number) => Promise<TaskStore>;
