import {
  isMarksStore,
  rowKeyBytesMax,
  StreamError,
  type EntryRange,
  type LoadChanges,
  type StoreChanges,
  type StorePosition,
  type SweepOrder,
  type TaskStore,
} from '@waybill/stream';
import { entriesOf, writtenOf } from './entries.ts';
import { metaOf, putMeta, readMeta, type Database, type Meta } from './environment.ts';
import { Overlay } from './overlay.ts';
import { RowPacker } from './rows.ts';
import { removeOthers } from './segment-list.ts';
import { SegmentDamaged } from './segment.ts';
import { Segments } from './segments.ts';
import { distrust } from './state-mark.ts';
import type { AskWriter } from './writer.ts';
import type { Written } from './writer-thread.ts';

export type FlushLimits = {
  /** Memory that rows may take before they are written; twice as much while they are. */
  readonly overlayBytesMax: number;
  /** Oldest that a row becomes before it is written: what a kill -9 makes to be read again. */
  readonly flushAfterMs: number;
  /** Loaded rows per transaction: they are written in key order, so more is faster. */
  readonly loadBytesMax: number;
};

export type LmdbStoreOptions = FlushLimits & {
  readonly folder: string;
  readonly database: Database;
  readonly owner: string;
  readonly askWriter: AskWriter;
  /** After rows and position have been written. */
  readonly onFlushed: () => void;
  /** Before LMDB is closed: what still reads it has to end. */
  readonly onClosing: () => Promise<void>;
  /** After LMDB has been closed with everything written. */
  readonly onClosed: () => Promise<void>;
};

/**
 * One LMDB environment per task: rows of its stores under `<store>\0<key>`, the list of the segments with the rows of its marks, and the
 * changelog position, written in one transaction, so that none can be ahead of the others after a kill -9.
 *
 * A commit goes into memory, over LMDB. A second thread writes what has gathered, now and then, while the next gathers: a row that
 * changes often is written seldom, and the thread that runs the stage only packs. A kill -9 costs the tail of the state topics.
 */
export class LmdbStore implements TaskStore {
  readonly #options: LmdbStoreOptions;
  /** Committed and not handed over yet. */
  #gathering: Overlay;
  /** Being written, and read until LMDB shows it. */
  #writing: { readonly overlay: Overlay; readonly done: Promise<void> } | undefined;
  #loading: RowPacker | undefined;
  readonly #sweeps = new Map<string, SweepOrder>();
  /** Rows of stores of marks, that are written. */
  readonly #segments: Segments;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  /** Of one transaction, so that it does not change too many pages. */
  #rowsMax = Infinity;

  constructor(options: LmdbStoreOptions) {
    this.#options = options;
    const { database, owner, folder } = options;
    const meta = database.transactionSync(() => {
      const before: Partial<Meta> & Pick<Meta, 'changelog'> = readMeta(database) ?? { changelog: [] };
      putMeta(database, { ...before, owner }); // Becoming the owner is no commit.
      return before;
    });
    this.#gathering = new Overlay({ changelog: new Map(meta.changelog) }, meta.writtenAtMs);
    this.#segments = new Segments(folder);
    try {
      this.#segments.adopt(meta.segments ?? []);
    } catch (error) {
      throw this.#unreadable(error);
    }
    removeOthers(folder, meta.segments ?? []);
  }

  get(store: string, key: string): Buffer | undefined {
    let row = this.#gathering.get(store, key);
    if (row === undefined) row = this.#writing?.overlay.get(store, key);
    if (row !== undefined) return row ?? undefined;
    try {
      return isMarksStore(store) ? this.#segments.find(store, key) : this.#options.database.getBinary(`${store}\0${key}`);
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  *entries(store: string, range: EntryRange = {}): Generator<readonly [string, Buffer]> {
    try {
      const { database } = this.#options;
      const written = isMarksStore(store) ? this.#segments.entries(store, range) : writtenOf(database, store, range);
      yield* entriesOf(written, [this.#writing?.overlay, this.#gathering], store, range);
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  position = (): StorePosition => this.#gathering.position;
  writtenAtMs = (): number | undefined => this.#gathering.writtenAtMs;

  async commit(changes: StoreChanges): Promise<void> {
    this.#refuseFailed();
    for (const { store, key } of changes.puts) this.#refuseLong(store, key);
    if (this.#loading) await this.#handOver();
    this.#gathering.commit(changes, Date.now());
    const { weightBytes, rowCount } = this.#gathering;
    if (weightBytes >= this.#options.overlayBytesMax || rowCount >= this.#rowsMax) await this.#handOver();
    else this.#handOverLater();
  }

  async load({ rows, position }: LoadChanges): Promise<void> {
    this.#refuseFailed();
    for (const { store, key } of rows) this.#refuseLong(store, key);
    if (!this.#loading && !this.#gathering.isEmpty) await this.#handOver(); // It is older, and must be written before.
    this.#loading ??= new RowPacker(this.#options.loadBytesMax);
    for (const { store, key, value } of rows) this.#loading.add(store, key, value);
    this.#gathering.commit({ puts: [], position }, Date.now());
    if (this.#loading.bytes >= this.#options.loadBytesMax) await this.#handOver();
  }

  sweep(order: SweepOrder): void {
    const { store, limit, below } = this.#sweeps.get(order.store) ?? { ...order, limit: 0 };
    this.#sweeps.set(store, { store, limit: limit + order.limit, below: Buffer.compare(below, order.below) > 0 ? below : order.below });
  }

  async clear(): Promise<void> {
    await this.flush();
    const position = { changelog: new Map<string, number>() };
    const writtenAtMs = Date.now();
    await this.#ask({ kind: 'clear', meta: metaOf(this.#options.owner, position, writtenAtMs) });
    this.#segments.adopt([]);
    this.#gathering = new Overlay(position, writtenAtMs);
  }

  async flush(): Promise<void> {
    await this.#handOver();
    await this.#writing?.done;
    this.#refuseFailed();
  }

  async close(): Promise<void> {
    const { onClosing, onClosed, database } = this.#options;
    await this.flush().catch(() => undefined);
    clearTimeout(this.#timer);
    await onClosing();
    await this.#ask({ kind: 'close' }).catch((error: Error) => (this.#failure ??= error));
    await database.close();
    this.#segments.close();
    if (!this.#failure) await onClosed();
    else if ((this.#failure as StreamError).code !== 'FENCED') throw this.#failure;
  }

  /** Gives the second thread what has gathered. Waits while it still writes what it was given before: memory is bounded. */
  async #handOver(): Promise<void> {
    while (this.#writing && !this.#failure) await this.#writing.done;
    this.#refuseFailed();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const overlay = this.#gathering;
    if (overlay.isEmpty) return;
    const kind = this.#loading ? 'load' : 'write';
    const rows = this.#loading?.finish() ?? overlay.pack();
    const sweeps = [...this.#sweeps.values()];
    const meta = metaOf(this.#options.owner, overlay.position, overlay.writtenAtMs);
    this.#sweeps.clear();
    this.#loading = undefined;
    this.#gathering = new Overlay(overlay.position, overlay.writtenAtMs);
    const asked = this.#ask({ kind, meta, rows, sweeps }, [rows.bytes]);
    this.#writing = { overlay, done: asked.then((written) => this.#written(written as Written), () => undefined) }; // prettier-ignore
  }

  #handOverLater(): void {
    const handOver = (): void => void this.#handOver().catch(() => undefined); // The next call says it.
    this.#timer ??= setTimeout(handOver, this.#options.flushAfterMs).unref();
  }

  #written({ leafPages, segments }: Written): void {
    this.#options.database.resetReadTxn(); // Or this turn would still read what was there before.
    this.#segments.adopt(segments);
    this.#writing = undefined;
    this.#rowsMax = rowsForPages(leafPages);
    this.#options.onFlushed();
  }

  /** What fails once has failed for good: the rows that could not be written stay readable, and no later one is taken. */
  async #ask(...order: Parameters<AskWriter>): Promise<unknown> {
    try {
      return await this.#options.askWriter(...order);
    } catch (error) {
      this.#failure ??= error as Error;
      throw error;
    }
  }

  /** Nothing is committed any more on the ground of rows that cannot be read. */
  #unreadable(cause: unknown): Error {
    const { folder } = this.#options;
    if (cause instanceof SegmentDamaged) distrust(folder);
    const advice = 'start again; should it last, delete the folder: the log restores it';
    this.#failure ??= new StreamError('STORE_FAILED', `the state in ${folder} cannot be read; ${advice}`, { cause });
    return this.#failure;
  }

  #refuseFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  #refuseLong(store: string, key: string | Buffer): void {
    if (store.length + key.length * 3 <= rowKeyBytesMax) return;
    const bytes = Buffer.byteLength(store) + Buffer.byteLength(key);
    if (bytes > rowKeyBytesMax) throw new StreamError('STORE_FAILED', `a key of ${bytes} bytes is over the limit of ${rowKeyBytesMax}`);
  }
}

/** LMDB holds the pages that a transaction changes in memory, and keeps that memory: 40 MiB for each store. */
const changedPagesMax = 10_000;

/** How many rows, their keys at random, change so many of the pages there are. */
const rowsForPages = (pages: number): number =>
  pages <= changedPagesMax ? Infinity : Math.floor(-pages * Math.log(1 - changedPagesMax / pages));
