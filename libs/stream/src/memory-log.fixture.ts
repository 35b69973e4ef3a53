// A log and a store in memory, for what a real broker shows too seldom: fencing, uncertain ends and rebalances at a chosen moment.
import type { Topic } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { EventLog, LogRecord, NewRecord, Offsets, Transaction, Writer } from './event-log.ts';
import {
  rowKeyBytesMax,
  type EntryRange,
  type LoadChanges,
  type StoreChanges,
  type StorePosition,
  type SweepOrder,
  type TaskStore,
} from './state-store.ts';

/** A state topic whose rows are short. */
export const seen: Topic = { name: 'waybill.seen.v1', kind: 'state', records: ['SeenMark'], key: 'id', retentionMs: -1, purpose: 'test' };

/** One partition number. A transaction's marker takes an offset, as in Kafka. */
export class MemoryLog {
  readonly records = new Map<string, LogRecord[]>();
  readonly offsets = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  #epoch = 0;

  append(record: NewRecord): void {
    const { topic, partition, value, headers } = record;
    const offset = this.end(topic);
    const key = record.key === null ? null : Buffer.from(record.key);
    this.records.set(topic, [
      ...(this.records.get(topic) ?? []),
      { topic, partition, offset, timestampMs: record.timestampMs ?? 1_000, key, value, headers },
    ]);
    this.#ends.set(topic, offset + 1);
  }

  end(topic: string): number {
    return this.#ends.get(topic) ?? 0;
  }

  keys(topic: string): readonly string[] {
    return (this.records.get(topic) ?? []).map(({ key }) => key!.toString());
  }

  /** What compaction and its `delete.retention.ms` leave of a topic: the newest value per key, and no tombstones. */
  compact(topic: string): void {
    const newest = new Map((this.records.get(topic) ?? []).map((record) => [record.key!.toString(), record]));
    const kept = [...newest.values()].filter(({ value }) => value !== null);
    this.records.set(
      topic,
      kept.toSorted((a, b) => a.offset - b.offset),
    );
  }

  openWriter(): Writer {
    const epoch = ++this.#epoch;
    const refuseFenced = (): void => {
      if (epoch !== this.#epoch) throw new StreamError('FENCED', 'a newer writer is open');
    };
    return {
      close: async () => undefined,
      commit: async (transaction) => {
        await Promise.resolve();
        refuseFenced();
        return this.#commit(transaction);
      },
    };
  }

  #commit({ records, consumed }: Transaction): Offsets {
    for (const record of records) this.append(record);
    const touched = new Set(records.map(({ topic }) => topic));
    const next = new Map([...touched].map((topic) => [topic, this.end(topic)]));
    for (const topic of touched) this.#ends.set(topic, this.end(topic) + 1);
    for (const [topic, offset] of consumed) this.offsets.set(topic, offset);
    return next;
  }

  /** The port. `joinGroup` and `follow` are not part of the model. */
  port(changes: Partial<EventLog> = {}): EventLog {
    const port: Partial<EventLog> = {
      partitions: 1,
      partitionOf: () => 0,
      openWriter: async () => this.openWriter(),
      committed: async (_group, topics) => new Map([...this.offsets].filter(([topic]) => topics.includes(topic))),
      bounds: async ({ topic }) => ({ first: 0, end: this.end(topic) }),
      offsetAt: async ({ topic }, timestampMs) =>
        (this.records.get(topic) ?? []).find((record) => record.timestampMs >= timestampMs)?.offset ?? this.end(topic),
      hasOpenTransaction: async () => false,
      read: async ({ topic }, { from, to }, onRecords) => {
        const found = (this.records.get(topic) ?? []).filter(({ offset }) => offset >= from && offset < to);
        if (from < to) await onRecords(found, to);
      },
      ...changes,
    };
    return port as EventLog;
  }
}

export class MemoryStore implements TaskStore {
  readonly rows = new Map<string, Buffer>();
  atMs = 5_000;
  #position: StorePosition = { changelog: new Map() };

  get(store: string, key: string): Buffer | undefined {
    if (Buffer.byteLength(store + key) > rowKeyBytesMax) throw new StreamError('STORE_FAILED', 'no room for the key'); // As on disk.
    return this.rows.get(`${store}\0${key}`);
  }

  *entries(store: string, { after }: Pick<EntryRange, 'after'> = {}): Iterable<readonly [string, Buffer]> {
    for (const [name, value] of [...this.rows].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const key = name.slice(store.length + 1);
      if (name.startsWith(`${store}\0`) && (after === undefined || key > after)) yield [key, value];
    }
  }

  async commit({ puts, position }: StoreChanges): Promise<void> {
    for (const { store, key, value } of puts) {
      if (value === null) this.rows.delete(`${store}\0${key}`);
      else this.rows.set(`${store}\0${key}`, value);
    }
    this.#position = position;
  }

  async clear(): Promise<void> {
    this.rows.clear();
    this.#position = { changelog: new Map() };
  }

  /** All rows at once: what is amortised is of the real store. */
  sweep({ store, below }: SweepOrder): void {
    for (const [key, value] of this.entries(store)) if (value.compare(below) < 0) this.rows.delete(`${store}\0${key}`);
  }

  async load({ rows, position }: LoadChanges): Promise<void> {
    await this.commit({ puts: rows.map((row) => ({ ...row, key: row.key.toString() })), position });
  }

  flush = async (): Promise<void> => undefined;
  writtenAtMs = (): number => this.atMs;
  position = (): StorePosition => this.#position;
  close = async (): Promise<void> => undefined;
}
