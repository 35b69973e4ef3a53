import { StreamError } from './errors.ts';
import type { Offsets } from './event-log.ts';

/** Longest store name and key of a row together, UTF-8 bytes. Every implementation takes so many. */
export const rowKeyBytesMax = 1_900;

/**
 * Whether rows of a store are only added to: values of 8 bytes that sort as their time does, which nothing deletes but a sweep. No
 * other store is called so, since a declared name is an identifier.
 */
export const isMarksStore = (store: string): boolean => store.startsWith('#');

/** Bytes of one task's rows, in one local file or folder. `libs/state-store` implements it with files of its own; tests over a Map. */
export type StateStore = {
  get(store: string, key: string): Buffer | undefined;
  /** In key order (UTF-8 bytes); the iteration sees the store as it was at the start. */
  entries(store: string, range?: EntryRange): Iterable<readonly [key: string, value: Buffer]>;
  /**
   * Takes rows and position, which reach the disk together, some time later: a kill -9 leaves the store as one commit or another left
   * it. Waits only when too much has gathered.
   * @throws StreamError `FENCED` when another process has opened the same store since, `STORE_FAILED`; also for a commit before
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
   * Expires rows of a store of marks: those whose value sorts below may be deleted from now on, also by a later order that says less.
   * When they go is the store's affair: it may wait until all that were written at about the same time have expired.
   */
  sweep(order: SweepOrder): void;
  /**
   * As `commit`, for a restore: many rows, of which none is read before a `flush` has resolved.
   * @throws StreamError as `commit`
   */
  load(changes: LoadChanges): Promise<void>;
  /**
   * Resolves once everything committed until now would survive a kill -9. Nothing has to wait for it: what is lost is in the log.
   * @throws StreamError as `commit`
   */
  flush(): Promise<void>;
};

/** `below` is compared byte by byte, as rows are that begin with a time in big-endian order. */
export type SweepOrder = { readonly store: string; readonly below: Uint8Array };

export type EntryRange = {
  readonly prefix?: string;
  /** Only what comes behind this key, whether it is there or not; not backwards. Costs no look at what comes before it. */
  readonly after?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
};

export type StoreChanges = {
  /** In order; a later one of the same key wins. `null` deletes. */
  readonly puts: readonly { readonly store: string; readonly key: string; readonly value: Buffer | null }[];
  readonly position: StorePosition;
};

export type LoadChanges = {
  /** In order; a later one of the same key wins. */
  readonly rows: readonly { readonly store: string; readonly key: string | Buffer; readonly value: Buffer | null }[];
  readonly position: StorePosition;
};

/** Next offsets of the state topics that the rows were read from or written to. */
export type StorePosition = { readonly changelog: Offsets };

/** That another process has opened the store says nothing about the partition, and a new writer does not mend it: the process ends. */
export async function ofStore<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StreamError && error.code === 'FENCED') throw new StreamError('STORE_FAILED', error.message, { cause: error });
    throw error;
  }
}

export type OpenStore = (group: string, partition: number) => Promise<TaskStore>;
