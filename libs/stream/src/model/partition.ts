import type { LogRecord, NewRecord, TopicPartition } from '../event-log.ts';
import { BrokerError } from './broker-error.ts';

type Entry = {
  readonly offset: number;
  /** `undefined` for a control record. */
  readonly record: LogRecord | undefined;
  state: 'open' | 'committed' | 'aborted';
};

export type Fetched = { readonly records: readonly LogRecord[]; readonly next: number };

/** One partition as the broker keeps it: data and control records with their offsets, open transactions, what compaction left. */
export class Partition {
  readonly place: TopicPartition;
  /** Every record that was ever committed, in order; what compaction and retention must not make wrong. */
  readonly history: LogRecord[] = [];
  #entries: Entry[] = [];
  readonly #open = new Map<string, Entry[]>();
  readonly #waiting = new Set<() => void>();
  #first = 0;
  #end = 0;

  constructor(place: TopicPartition) {
    this.place = place;
  }

  get first(): number {
    return this.#first;
  }

  /** Also of what is not stable yet. */
  get end(): number {
    return this.#end;
  }

  /** Last stable offset: what lies beyond may still be aborted. */
  get stableEnd(): number {
    return Math.min(this.#end, ...[...this.#open.values()].map((entries) => entries[0]!.offset));
  }

  /** @returns the offset of the first record */
  append(records: readonly NewRecord[], nowMs: number, transaction?: string): number {
    const baseOffset = this.#end;
    const entries = records.map(({ key, value, headers, timestampMs = nowMs }, index): Entry => {
      const bytes = { key: key === null ? null : Buffer.from(key), value, headers };
      return { offset: baseOffset + index, record: { ...this.place, offset: baseOffset + index, timestampMs, ...bytes }, state: 'open' };
    });
    this.#entries.push(...entries);
    this.#end += entries.length;
    if (transaction === undefined) this.#settle(entries, 'committed');
    else this.#open.set(transaction, [...(this.#open.get(transaction) ?? []), ...entries]);
    this.#wake();
    return baseOffset;
  }

  /** Ends a transaction here with a control record, which takes an offset. */
  mark(transaction: string, state: 'committed' | 'aborted'): void {
    const entries = this.#open.get(transaction) ?? [];
    this.#open.delete(transaction);
    this.#settle(entries, state);
    this.#entries.push({ offset: this.#end, record: undefined, state: 'committed' });
    this.#end += 1;
    this.#wake();
  }

  /**
   * Committed records from `offset` on, out of at most `entriesMax` entries; `next` moves on over what there is nothing to show of.
   * @throws BrokerError `OFFSET_OUT_OF_RANGE`
   */
  fetch(offset: number, entriesMax: number): Fetched {
    if (offset < this.#first || offset > this.#end) throw new BrokerError('OFFSET_OUT_OF_RANGE');
    const stableEnd = this.stableEnd;
    const from = this.#entries.findIndex((entry) => entry.offset >= offset);
    const found = from < 0 ? [] : this.#entries.slice(from, from + entriesMax).filter((entry) => entry.offset < stableEnd);
    const isWhole = found.length < entriesMax;
    const records = found.flatMap(({ record, state }) => (record && state === 'committed' ? [record] : []));
    return { records, next: isWhole ? Math.max(offset, stableEnd) : found.at(-1)!.offset + 1 };
  }

  /** Of the first committed record of this time or later; the stable end where there is none. */
  offsetAt(timestampMs: number): number {
    const stableEnd = this.stableEnd;
    const isFound = ({ record, state, offset }: Entry): boolean =>
      record !== undefined && state === 'committed' && offset < stableEnd && record.timestampMs >= timestampMs;
    return this.#entries.find(isFound)?.offset ?? stableEnd;
  }

  /** Calls back once, as soon as there may be more to fetch. @returns what takes it back */
  onGrowth(call: () => void): () => void {
    this.#waiting.add(call);
    return () => this.#waiting.delete(call);
  }

  /** What the log cleaner does below `limit`: the newest committed record per key stays, tombstones and all else vanish. */
  compact(limit: number, keepsTombstones: boolean): void {
    const bound = Math.min(limit, this.stableEnd);
    const newest = new Map<string, number>();
    for (const { record, state, offset } of this.#entries)
      if (record?.key && state === 'committed' && offset < this.stableEnd) newest.set(record.key.toString('latin1'), offset);
    const isKept = ({ offset, record }: Entry): boolean => {
      if (offset >= bound) return true;
      if (!record?.key || newest.get(record.key.toString('latin1')) !== offset) return false;
      return record.value !== null || keepsTombstones;
    };
    this.#entries = this.#entries.filter(isKept);
  }

  /** Retention: everything before `offset` is gone, as far as it is stable. */
  expire(offset: number): void {
    this.#first = Math.max(this.#first, Math.min(offset, this.stableEnd));
    this.#entries = this.#entries.filter((entry) => entry.offset >= this.#first);
  }

  #settle(entries: readonly Entry[], state: 'committed' | 'aborted'): void {
    for (const entry of entries) {
      entry.state = state;
      if (state === 'committed') this.history.push(entry.record!);
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) call();
  }
}
