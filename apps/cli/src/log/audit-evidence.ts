import { type AuditHead, auditedTopics, topics } from '@waybill/domain';
import { type Codec, type EventLog, recordsOf, StreamError } from '@waybill/stream';
import type { AuditEvidence, ChainRecord } from '@waybill/transparency-log';

/** What a verification reads of the log; it changes nothing and joins no group. */
export type AuditLog = Pick<EventLog, 'bounds' | 'committed' | 'read' | 'partitions'>;
const group = 'audit';
/** A head is written with every link; the last records of its topic hold the newest. */
const headTailMin = 100;

/** Gathers what `verifyAudit` compares for one partition. Positions and head are read first, then the chain, which may only have grown. */
export async function auditEvidence(log: AuditLog, codec: Codec, partition: number): Promise<AuditEvidence> {
  const names = auditedTopics.map(({ name }) => name);
  const passed = await log.committed(group, names, partition);
  const head = await findHead(log, codec, partition);
  return {
    ...{ partition, topics: names, passed, head },
    chain: chainOf(log, codec, partition),
    records: (topic, from, to) => recordsIn(log, topic, partition, from, to),
    firstOffset: async (topic) => (await log.bounds({ topic, partition })).first,
  };
}

/** More than these are not counted one by one: the answer is then the offsets between, markers of transactions and all. */
const countedMax = 10_000;

/** Records that the audit has not come to: not yet chained, and so not yet provable. */
export async function pendingRecords(log: AuditLog, { partition, topics: names, passed }: AuditEvidence): Promise<number> {
  let pending = 0;
  for (const topic of names) {
    const { first, end } = await log.bounds({ topic, partition });
    const from = Math.max(first, passed.get(topic) ?? 0);
    if (end - from > countedMax) pending += end - from;
    else for await (const _ of recordsOf(log, { topic, partition }, { from, to: end })) pending++;
  }
  return pending;
}

async function* recordsIn(log: AuditLog, topic: string, partition: number, from: number, to: number) {
  const { first } = await log.bounds({ topic, partition });
  yield* recordsOf(log, { topic, partition }, { from: Math.max(from, first), to });
}

async function* chainOf(log: AuditLog, codec: Codec, partition: number): AsyncGenerator<ChainRecord> {
  const place = { topic: topics.audit.name, partition };
  const { first, end } = await log.bounds(place);
  for await (const { offset, value } of recordsOf(log, place, { from: first, to: end })) {
    const record = await findRecord(codec, value);
    yield { offset, entry: record?.type === 'AuditEntry' ? record.data : null };
  }
}

async function findHead(log: AuditLog, codec: Codec, partition: number): Promise<AuditHead | undefined> {
  const place = { topic: topics.auditHeads.name, partition };
  const { first, end } = await log.bounds(place);
  // Markers and what compaction has removed may fill the tail: look back further until a row is there.
  for (let tail = headTailMin; ; tail *= 4) {
    const from = Math.max(first, end - tail);
    let head: AuditHead | undefined;
    for await (const { value } of recordsOf(log, place, { from, to: end })) {
      const record = await findRecord(codec, value);
      if (record?.type === 'AuditHead') head = record.data;
    }
    if (head !== undefined || from <= first) return head;
  }
}

async function findRecord(codec: Codec, value: Buffer | null) {
  try {
    return value === null ? undefined : await codec.decode(value);
  } catch (error) {
    if (error instanceof StreamError && error.code === 'RECORD_UNDECODABLE') return undefined;
    throw error;
  }
}
