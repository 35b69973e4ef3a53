// Batches without a record: what the log cleaner leaves of the last one of a producer, for the sake of its sequence number.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Topic } from '@waybill/domain';
import type { EventLog } from '@waybill/stream';
import { Kafka, logLevel } from 'kafkajs';
import assert from 'node:assert/strict';
import type { FaultCluster } from './fault-cluster.ts';

export type EmptyBatch = { readonly partition: number; readonly baseOffset: number; readonly lastOffset: number };

/**
 * Deletes keys that nobody has, by a producer of its own: one batch per partition that means nothing. The next such call takes
 * its records away, and compaction leaves the batch empty.
 */
export async function writeVoid({ brokers, log }: FaultCluster, topic: Topic): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers.direct], clientId: 'void', logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const keys = ['void-1', 'void-2', 'void-3'];
  const messages = Array.from({ length: log.partitions }, (_, partition) => keys.map((key) => ({ partition, key, value: null })));
  await producer.send({ topic: topic.name, messages: messages.flat(), acks: -1 });
  await producer.disconnect();
}

/** Of a record batch, format 2 (Kafka's `DefaultRecordBatch`). */
const layout = { baseOffset: 0, length: 8, lastOffsetDelta: 23, recordsCount: 57, head: 61 };

/** As they lie in the segments of a cluster of one broker. @throws Error of the file system when the cleaner comes in between */
export function emptyBatches({ dir, log }: FaultCluster, topic: Topic): readonly EmptyBatch[] {
  const found: EmptyBatch[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    const folder = join(dir, 'broker-1', 'log', `${topic.name}-${partition}`);
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log')))
      for (const batch of emptyIn(readFileSync(join(folder, name)))) found.push({ partition, ...batch });
  }
  return found;
}

function emptyIn(bytes: Buffer): readonly Omit<EmptyBatch, 'partition'>[] {
  const found: Omit<EmptyBatch, 'partition'>[] = [];
  for (let at = 0; at + layout.head <= bytes.length; at += 12 + bytes.readInt32BE(at + layout.length)) {
    if (bytes.readInt32BE(at + layout.length) === 0) break; // Not written yet.
    const baseOffset = Number(bytes.readBigInt64BE(at + layout.baseOffset));
    if (bytes.readInt32BE(at + layout.recordsCount) > 0) continue;
    found.push({ baseOffset, lastOffset: baseOffset + bytes.readInt32BE(at + layout.lastOffsetDelta) });
  }
  return found;
}

/** Reads from the beginning and from the last offset of each: neither stands still there nor leaves a record out. */
export async function assertReadsOver(log: EventLog, topic: Topic, batches: readonly EmptyBatch[]): Promise<void> {
  for (const { partition, baseOffset, lastOffset } of batches) {
    const place = { topic: topic.name, partition };
    const { first, end: to } = await log.bounds(place);
    const read = async (from: number): Promise<readonly number[]> => {
      const offsets: number[] = [];
      await log.read(place, { from, to }, (records) => void offsets.push(...records.map(({ offset }) => offset)));
      return offsets;
    };
    const all = await read(first);
    for (const from of [baseOffset, lastOffset]) {
      const expected = all.filter((offset) => offset >= from);
      assert.deepEqual(await read(from), expected, `${topic.name}/${partition} is read over the empty batch at ${from}`);
    }
  }
}
