import type { Event, Topic } from '@waybill/domain';
import type { Clock } from './clock.ts';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord } from './event-log.ts';
import { decodeEvent } from './record.ts';

export type SharedTables = {
  /** Newest event per key, in key order; the same array until something changes. */
  table(name: string): readonly Event[];
  /** Up to where each table has been read: the next offset per partition. */
  positions(): TablePositions;
  close(): Promise<void>;
};

/** Next offset by partition, by the name of the table. */
export type TablePositions = Readonly<Record<string, ReadonlyMap<number, number>>>;

export type SharedTablesOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly tables: Readonly<Record<string, Topic>>;
  /** A record that cannot be read; it is skipped. */
  readonly onFault: (error: unknown) => void;
  /** Something was read into a table. */
  readonly onChanged?: (topic: string) => void;
  /** The tables are read no longer. */
  readonly onEnd: (error: unknown) => void;
};

/**
 * Reads small topics whole, and goes on reading: every instance sees a change as soon as it is committed.
 * Resolves when everything that was there at the start has been read, so that no decision is made on half a table.
 * What cannot be decoded is skipped and told to `onFault`; the newest event of that key before it stays in force.
 * @throws Error for a topic that forgets: what is in force would depend on when an instance was started
 */
export async function openSharedTables(options: SharedTablesOptions): Promise<SharedTables> {
  const { log, codec, clock } = options;
  const names = Object.keys(options.tables);
  for (const name of names) refuseForgetful(name, options.tables[name]!);
  const tables = new Map(names.map((name) => [name, new Table()]));
  const byTopic = new Map(names.map((name) => [options.tables[name]!.name, tables.get(name)!]));
  const opened = {
    table: (name: string) => tables.get(name)?.sorted ?? [],
    positions: () => Object.fromEntries([...tables].map(([name, table]) => [name, table.positions])),
  };
  if (names.length === 0) return { ...opened, close: async () => undefined };

  const closing = new AbortController();
  const decode = async (record: LogRecord): Promise<Event | null | undefined> => {
    for (;;) {
      try {
        return record.value === null ? null : await decodeEvent(codec, record);
      } catch (error) {
        options.onFault(error);
        // Skipping what cannot be read only now would leave an outdated row in force until the next start.
        if (!(error instanceof StreamError && error.handling === 'retry')) return undefined;
        await clock.sleep(1_000, closing.signal);
      }
    }
  };
  const caughtUp = Promise.withResolvers<void>();
  const following = log.follow({
    topics: [...byTopic.keys()],
    from: () => undefined,
    signal: closing.signal,
    onCaughtUp: () => caughtUp.resolve(),
    onReset: ({ topic, partition }, end) => byTopic.get(topic)!.beginAnew(partition, end),
    async onRecords({ topic, partition }, records, next) {
      const events: [string, Event | null][] = [];
      for (const record of records) {
        const event = await decode(record);
        if (event !== undefined) events.push([record.key?.toString() ?? '', event]);
      }
      byTopic.get(topic)!.take(partition, events, next);
      if (events.length > 0) options.onChanged?.(topic);
    },
  });
  following.catch((error: unknown) => {
    caughtUp.reject(error);
    if (!closing.signal.aborted) options.onEnd(error);
  });
  await caughtUp.promise;
  return {
    ...opened,
    async close() {
      closing.abort();
      await following.catch(() => undefined);
    },
  };
}

type Partition = {
  rows: Map<string, Event>;
  next: number;
  /** While it is read anew: what has been found so far, and where it is whole. */
  anew: { readonly rows: Map<string, Event>; readonly end: number } | undefined;
};

/** The newest event per key. Sorted when it is looked at, not when it changes: thousands of rows may change between two looks. */
class Table {
  readonly #partitions = new Map<number, Partition>();
  #sorted: readonly Event[] | undefined;

  get sorted(): readonly Event[] {
    this.#sorted ??= [...this.#partitions.values()]
      .flatMap(({ rows }) => [...rows])
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, event]) => event);
    return this.#sorted;
  }

  get positions(): ReadonlyMap<number, number> {
    return new Map([...this.#partitions].map(([partition, { next }]) => [partition, next]));
  }

  /** Everything known of a partition may have been deleted meanwhile. It stays in force until all has been read: half a table is worse. */
  beginAnew(partition: number, end: number): void {
    const known = this.#partition(partition);
    known.anew = { rows: new Map(), end };
  }

  take(number: number, events: readonly (readonly [key: string, event: Event | null])[], next: number): void {
    const partition = this.#partition(number);
    const rows = partition.anew?.rows ?? partition.rows;
    for (const [key, event] of events) {
      if (event === null) rows.delete(key);
      else rows.set(key, event);
    }
    partition.next = next;
    const isWhole = partition.anew !== undefined && next >= partition.anew.end;
    if (isWhole) {
      partition.rows = rows;
      partition.anew = undefined;
    }
    if (isWhole || (events.length > 0 && partition.anew === undefined)) this.#sorted = undefined;
  }

  #partition(number: number): Partition {
    const known = this.#partitions.get(number);
    if (known) return known;
    const partition: Partition = { rows: new Map(), next: 0, anew: undefined };
    this.#partitions.set(number, partition);
    return partition;
  }
}

function refuseForgetful(name: string, { name: topic, retentionMs }: Topic): void {
  if (retentionMs === -1) return;
  throw new Error(`the table ${name} cannot be read from ${topic}, which keeps records for ${retentionMs} ms only: keep them for ever`);
}
