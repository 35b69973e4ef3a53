import type { AuditEntry, AuditHead } from '@waybill/domain';
import { headOf, linkRecord } from './chain.ts';
import type { HashedRecord } from './record-hash.ts';
import type { AuditEvidence } from './verify-audit.ts';

/** A record of partition 0, told apart by its offset; used by the tests of this folder. */
export const recordAt = (topic: string, offset: number, value = `${topic} ${offset}`): HashedRecord => ({
  topic,
  partition: 0,
  offset,
  timestampMs: 1_700_000_000_000 + offset,
  key: Buffer.from('127.0.0.1:5000/demo/app'),
  value: Buffer.from(value),
  headers: { ce_id: Buffer.from(`${topic}-${offset}`) },
});

export function chainOf(records: readonly HashedRecord[]): readonly AuditEntry[] {
  let head: AuditHead | undefined;
  return records.map((record) => {
    const entry = linkRecord(head, record, { eventId: record.headers['ce_id']?.toString() ?? null, eventType: 'ImagePushed' });
    head = headOf(entry);
    return entry;
  });
}

/** What a faithful log shows of `records` chained in the given order; tests override what they break. */
export function evidenceOf(records: readonly HashedRecord[], broken: Partial<AuditEvidence> = {}): AuditEvidence {
  const chain = chainOf(records);
  const passed = new Map<string, number>();
  for (const { topic, offset } of records) passed.set(topic, Math.max(passed.get(topic) ?? 0, offset + 1));
  return {
    partition: 0,
    topics: [...passed.keys()],
    chain: streamOf(chain.map((entry, offset) => ({ offset, entry }))),
    head: chain.length === 0 ? undefined : headOf(chain.at(-1)!),
    passed,
    records: recordsOf(records),
    firstOffset: async () => 0,
    ...broken,
  };
}

export const recordsOf =
  (records: readonly HashedRecord[]): AuditEvidence['records'] =>
  (topic, from, to) =>
    streamOf(records.filter((r) => r.topic === topic && r.offset >= from && r.offset < to).toSorted((a, b) => a.offset - b.offset));

export async function* streamOf<T>(items: Iterable<T>): AsyncIterable<T> {
  yield* items;
}
