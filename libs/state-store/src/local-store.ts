import {
  rowKeyBytesMax,
  StreamError,
  type EntryRange,
  type LoadChanges,
  type StoreChanges,
  type StorePosition,
  type SweepOrder,
  type TaskStore,
} from '@waybill/stream';
import { entriesOf } from './entries.ts';
import { positionOf, type Manifest } from './manifest.ts';
import { Overlay } from './overlay.ts';
import { giveBackMemory } from './packing-memory.ts';
import { RowPacker } from './rows.ts';
import { SegmentDamaged } from './segment.ts';
import type { Segments } from './segments.ts';
import type { Written } from './writer-thread.ts';
import type { AskWriter } from './writer.ts';

export type FlushLimits = {
  /** Memory that rows may take before they are written; twice as much while they are. */
  readonly overlayBytesMax: number;
  /** Oldest that a row becomes before it is written: what a kill -9 makes to be read again. */
  readonly flushAfterMs: number;
  /** Loaded rows that are written at once: in key order, and merged later, so more is faster. */
  readonly loadBytesMax: number;
};

export type LocalStoreOptions = FlushLimits & {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Those of the manifest. */
  readonly segments: Segments;
  readonly askWriter: AskWriter;
  /** After rows and position have been written. */
  readonly onFlushed: () => void;
  /** Before the store is closed: what still copies it has to end. */
  readonly onClosing: () => Promise<void>;
};

/**
 * The rows of a task in a folder: segments that never change, and a manifest that names them together with the changelog position, so
 * that neither can be ahead of the other after a kill -9.
 *
 * A commit goes into memory, over the segments. A second thread writes what has gathered as new segments, now and then, while the next
 * gathers, and merges them when it has nothing else to do: a row that changes often is written seldom, and the thread that runs the stage
 * only packs. A kill -9 costs the tail of the state topics.
 */
export class LocalStore implements TaskStore {
  readonly #options: LocalStoreOptions;
  readonly #segments: Segments;
  /** Committed and not handed over yet. */
  #gathering: Overlay;
  /** Being written, and read until the segments show it. */
  #writing: { readonly overlay: Overlay; readonly done: Promise<void> } | undefined;
  #loading: RowPacker | undefined;
  readonly #sweeps = new Map<string, SweepOrder>();
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  constructor(options: LocalStoreOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#gathering = new Overlay(positionOf(options.manifest), options.manifest.writtenAtMs);
  }

  get(store: string, key: string): Buffer | undefined {
    let row = this.#gathering.get(store, key);
    if (row === undefined) row = this.#writing?.overlay.get(store, key);
    if (row !== undefined) return row ?? undefined;
    try {
      return this.#segments.find(store, key) ?? undefined;
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  *entries(store: string, range: EntryRange = {}): Generator<readonly [string, Buffer]> {
    try {
      yield* entriesOf(this.#segments.scan(store, range), [this.#writing?.overlay, this.#gathering], store, range);
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
    if (this.#gathering.weightBytes >= this.#options.overlayBytesMax) await this.#handOver();
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
    this.#sweeps.set(order.store, order);
  }

  async clear(): Promise<void> {
    await this.flush();
    const position = { changelog: new Map<string, number>() };
    const writtenAtMs = Date.now();
    await this.#ask({ kind: 'clear', changelog: [], writtenAtMs });
    this.#segments.adopt([]);
    this.#gathering = new Overlay(position, writtenAtMs);
  }

  async flush(): Promise<void> {
    await this.#handOver();
    await this.#writing?.done;
    this.#refuseFailed();
  }

  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    clearTimeout(this.#timer);
    await this.#options.onClosing();
    await this.#ask({ kind: 'close', isInOrder: !this.#failure }).catch(() => undefined);
    this.#segments.close();
    if (this.#failure && (this.#failure as StreamError).code !== 'FENCED') throw this.#failure;
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
    const { position, writtenAtMs } = overlay;
    this.#sweeps.clear();
    this.#loading = undefined;
    this.#gathering = new Overlay(position, writtenAtMs);
    const asked = this.#ask({ kind, changelog: [...position.changelog], writtenAtMs: writtenAtMs!, rows, sweeps }, [rows.bytes]);
    const done = asked.then((written) => this.#written(written as Written), () => undefined); // prettier-ignore
    this.#writing = { overlay, done };
  }

  #handOverLater(): void {
    const handOver = (): void => void this.#handOver().catch(() => undefined); // The next call says it.
    this.#timer ??= setTimeout(handOver, this.#options.flushAfterMs).unref();
  }

  #written({ segments, memory }: Written): void {
    giveBackMemory(memory);
    try {
      this.#segments.adopt(segments);
    } catch (error) {
      return void this.#unreadable(error);
    }
    this.#writing = undefined;
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
    if (cause instanceof SegmentDamaged) this.#options.askWriter({ kind: 'distrust', damage: cause.message }).catch(() => undefined);
    const advice = 'start again; should it last, delete the folder: the log restores it';
    const what = `the state in ${this.#options.folder} cannot be read; ${advice}`;
    this.#failure ??= new StreamError('STORE_FAILED', what, { cause });
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
