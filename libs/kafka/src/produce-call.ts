import type { ByteReader } from './byte-reader.ts';
import { writeBatch, type BatchPlan, type BatchProducer } from './record-batch-encoder.ts';
import { protocolError } from './wire-error.ts';
import { wireCall, type WireCall } from './wire-call.ts';

/** The last version before flexible fields; Kafka 2.1 to 4.x take it. */
export const produceApi = { apiKey: 0, apiVersion: 7, apiName: 'Produce' } as const;

const acksAll = -1;

export type ProduceBatch = { readonly topic: string; readonly partition: number; readonly batch: BatchPlan };
export type Produced = { readonly topic: string; readonly partition: number; readonly baseOffset: number };

/** One batch per partition, acknowledged by all replicas in sync. The broker takes whole batches, each or not. */
export function produceCall(
  batches: readonly ProduceBatch[],
  producer: BatchProducer & { readonly transactionalId: string | null },
  timeoutMs: number,
): WireCall<readonly Produced[]> {
  const { transactionalId } = producer;
  const topics = Map.groupBy(batches, ({ topic }) => topic);
  let size = 2 + Buffer.byteLength(transactionalId ?? '') + 2 + 4 + 4;
  for (const topic of topics.keys()) size += 2 + Buffer.byteLength(topic) + 4;
  for (const { batch } of batches) size += 4 + 4 + batch.size;

  return wireCall(
    produceApi,
    size,
    (writer) => {
      writer.text(transactionalId);
      writer.int16(acksAll);
      writer.int32(timeoutMs);
      writer.int32(topics.size);
      for (const [topic, partitions] of topics) {
        writer.text(topic);
        writer.int32(partitions.length);
        for (const { partition, batch } of partitions) {
          writer.int32(partition);
          writer.int32(batch.size);
          writeBatch(writer, batch, producer);
        }
      }
    },
    decode,
  );
}

/** @throws the broker's error for any of the partitions: a part of the batches may be in the log nevertheless */
function decode(reader: ByteReader): { readonly throttleMs: number; readonly body: readonly Produced[] } {
  const topics = reader.array(() => {
    const topic = reader.text();
    return reader.array(() => {
      const [partition, errorCode, baseOffset] = [reader.int32(), reader.int16(), reader.int64()];
      reader.at += 16; // Append time and start of the log.
      if (errorCode !== 0) throw protocolError(errorCode, `${topic}/${partition}`);
      return { topic, partition, baseOffset };
    });
  });
  return { body: topics.flat(), throttleMs: reader.int32() };
}
