import type { LogRecord, TopicPartition } from '@waybill/stream';
import type { AbortedTransaction, FetchedPartition, WireRecord } from './wire.ts';

/** What a fetch of one partition yields to the application. */
export type FetchResult = {
  readonly records: readonly LogRecord[];
  /** Where to read on; beyond the last record where control records, aborted ones or compaction left nothing to show. */
  readonly next: number;
};

/**
 * The records of a fetched partition that are committed, from `fetchOffset` on.
 *
 * A batch may begin before the offset asked for, and the broker lists aborted transactions in the order of their ends, not of
 * their beginnings; so they are sorted first. An abort marker is a control record of type 0, never a record whose key happens to
 * have the same bytes. Source: Kafka's CompletedFetch (`consumeAbortedTransactionsUpTo`, `containsAbortMarker`).
 */
export function committedRecords(place: TopicPartition, fetchOffset: number, fetched: FetchedPartition): FetchResult {
  const isAborted = abortedFilter(fetched.abortedTransactions);
  const records: LogRecord[] = [];
  for (const message of fetched.messages) {
    const aborted = isAborted(message);
    if (message.isControlRecord || aborted) continue;
    const offset = Number(message.offset);
    if (offset >= fetchOffset) records.push(toLogRecord(place, offset, message));
  }
  const reached = fetched.messages.lastOffset === undefined ? fetchOffset : Number(fetched.messages.lastOffset) + 1;
  return { records, next: Math.max(fetchOffset, reached) };
}

function abortedFilter(abortedTransactions: readonly AbortedTransaction[]): (message: WireRecord) => boolean {
  if (abortedTransactions.length === 0) return () => false;
  const waiting = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .toSorted((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<string>();
  let begun = 0;
  return (message) => {
    const offset = Number(message.offset);
    while (begun < waiting.length && waiting[begun]!.firstOffset <= offset) open.add(waiting[begun++]!.producerId);
    const { producerId, inTransaction } = message.batchContext;
    if (message.isControlRecord) {
      if (isAbortMarker(message)) open.delete(producerId);
      return true;
    }
    return inTransaction && open.has(producerId);
  };
}

/** Key of a control record: version int16, type int16; type 0 is ABORT (Kafka protocol, ControlRecordType). */
const isAbortMarker = ({ key }: WireRecord): boolean => key !== null && key.length >= 4 && key.readInt16BE(2) === 0;

/** Copies what is kept: a slice would pin the whole fetch response in memory. */
const copy = (bytes: Buffer | null | undefined): Buffer | null => (bytes === null || bytes === undefined ? null : Buffer.from(bytes));

function toLogRecord(place: TopicPartition, offset: number, message: WireRecord): LogRecord {
  const headers: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    const last = Array.isArray(value) ? (value as readonly Buffer[]).at(-1) : (value as Buffer);
    if (last) headers[name] = Buffer.from(last);
  }
  return { ...place, offset, timestampMs: Number(message.timestamp), key: copy(message.key), value: copy(message.value), headers };
}
