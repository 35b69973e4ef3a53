import { StreamError } from '../errors.ts';
import type { EntryRange, LoadChanges, OpenStore, StoreChanges, StorePosition, SweepOrder, TaskStore } from '../state-store.ts';
import type { Actor, Scheduler } from './scheduler.ts';

/** What a kill -9 leaves of one store. */
export type Durable = { rows: Map<string, Buffer>; position: StorePosition; writtenAtMs: number | undefined; owner: number };

const emptyPosition: StorePosition = { changelog: new Map() };

/** The disk of one machine: its stores outlive the processes that use them, as of their last flush. */
export class ModelDisk {
  readonly #scheduler: Scheduler;
  readonly #stores = new Map<string, Durable>();
  /** Writes fail, as on a full disk. */
  isFailing = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** For one process; a store that it opens is lost to the one that had it open before. */
  openStoreOf(actor: Actor): OpenStore {
    return async (group, partition) => new ModelStore(this, this.#scheduler, actor, this.durable(group, partition));
  }

  durable(group: string, partition: number): Durable {
    const name = `${group}-${partition}`;
    const durable = this.#stores.get(name) ?? {
      rows: new Map<string, Buffer>(),
      position: emptyPosition,
      writtenAtMs: undefined,
      owner: 0,
    };
    this.#stores.set(name, durable);
    return durable;
  }

  wipe(): void {
    this.#stores.clear();
  }
}

const separator = '\0';
const flushMsMax = 500;

/** Commits into memory; rows and position reach the disk together, some time later. */
class ModelStore implements TaskStore {
  readonly #disk: ModelDisk;
  readonly #scheduler: Scheduler;
  readonly #actor: Actor;
  readonly #durable: Durable;
  readonly #owner: number;
  readonly #overlay = new Map<string, Buffer | null>();
  #position: StorePosition;
  #writtenAtMs: number | undefined;
  #cancelFlush: (() => void) | undefined;
  #failure: StreamError | undefined;

  constructor(disk: ModelDisk, scheduler: Scheduler, actor: Actor, durable: Durable) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#actor = actor;
    this.#durable = durable;
    this.#owner = durable.owner += 1;
    this.#position = durable.position;
    this.#writtenAtMs = durable.writtenAtMs;
  }

  get(store: string, key: string): Buffer | undefined {
    const name = `${store}${separator}${key}`;
    return (this.#overlay.has(name) ? this.#overlay.get(name) : this.#durable.rows.get(name)) ?? undefined;
  }

  *entries(store: string, { prefix = '', after, limit = Number.POSITIVE_INFINITY, reverse = false }: EntryRange = {}) {
    const rows = new Map<string, Buffer | null>([...this.#durable.rows, ...this.#overlay]);
    const start = `${store}${separator}`;
    const found = [...rows]
      .filter((row): row is [string, Buffer] => row[0].startsWith(start + prefix) && row[1] !== null)
      .map(([name, value]) => [name.slice(start.length), value] as const)
      .filter(([key]) => after === undefined || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
      .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    if (reverse) found.reverse();
    yield* found.slice(0, limit);
  }

  async commit({ puts, position }: StoreChanges): Promise<void> {
    if (this.#failure) throw this.#failure;
    for (const { store, key, value } of puts) this.#overlay.set(`${store}${separator}${key}`, value);
    this.#position = position;
    this.#writtenAtMs = this.#scheduler.clockOf(this.#actor).now();
    this.#flushSoon();
  }

  async load({ rows, position }: LoadChanges): Promise<void> {
    await this.commit({ puts: rows.map((row) => ({ ...row, key: row.key.toString() })), position });
  }

  sweep({ store, below }: SweepOrder): void {
    const expired = [...this.entries(store)].filter(([, value]) => value.compare(below) < 0);
    for (const [key] of expired) this.#overlay.set(`${store}${separator}${key}`, null);
  }

  async clear(): Promise<void> {
    await this.flush();
    this.#durable.rows.clear();
    this.#position = emptyPosition;
    this.#writtenAtMs = undefined;
    await this.flush();
  }

  async flush(): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#write();
    if (this.#failure) throw this.#failure;
  }

  async close(): Promise<void> {
    if (!this.#failure) await this.flush();
  }

  position = (): StorePosition => this.#position;
  writtenAtMs = (): number | undefined => this.#writtenAtMs;

  #flushSoon(): void {
    const flush = (): void => {
      this.#cancelFlush = undefined;
      this.#write();
    };
    const delayMs = this.#scheduler.random.below(flushMsMax);
    this.#cancelFlush ??= this.#scheduler.post(`${this.#actor.name}: flush`, flush, { delayMs, actor: this.#actor });
  }

  /** Its failure shows at the next call. */
  #write(): void {
    const durable = this.#durable;
    if (durable.owner !== this.#owner) this.#failure = new StreamError('FENCED', 'another process has opened the same store');
    else if (this.#disk.isFailing) this.#failure = new StreamError('STORE_FAILED', 'the disk is full');
    if (this.#failure) return;
    for (const [name, value] of this.#overlay) {
      if (value === null) durable.rows.delete(name);
      else durable.rows.set(name, value);
    }
    this.#overlay.clear();
    durable.position = this.#position;
    durable.writtenAtMs = this.#writtenAtMs;
  }
}
