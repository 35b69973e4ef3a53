import type { NewRecord } from '@waybill/stream';
import type { ProduceBatch } from './produce-call.ts';
import { contentSize, planBatch } from './record-batch-encoder.ts';
import type { Cluster } from './wire.ts';

/** One batch-to-be. `contentSizes` are per record. */
export type Chunk = {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly NewRecord[];
  readonly contentSizes: readonly number[];
};

/** Below the broker's default `message.max.bytes` of 1 MiB, which bounds a batch, so that topics of others take it too. */
const batchBytesMax = 900_000;
const batchRecordsMax = 20_000;
/** Of a record beyond its content: length, attributes, deltas. */
const recordOverhead = 5 + 1 + 10 + 5;

type OpenChunk = { topic: string; partition: number; records: NewRecord[]; contentSizes: number[]; bytes: number; round: number };

/**
 * Records cut into rounds of produce requests. A request may hold one batch per partition, so that a partition with more than
 * one batch's worth needs several rounds; the first round names every partition of the transaction.
 */
export function inRounds(records: readonly NewRecord[]): readonly (readonly Chunk[])[] {
  const rounds: OpenChunk[][] = [];
  const open = new Map<string, OpenChunk[]>();
  for (const record of records) {
    const { topic, partition } = record;
    let ofTopic = open.get(topic);
    if (!ofTopic) open.set(topic, (ofTopic = []));
    const size = contentSize(record);
    let chunk = ofTopic[partition];
    if (!chunk || chunk.bytes + size + recordOverhead > batchBytesMax || chunk.records.length >= batchRecordsMax) {
      chunk = { topic, partition, records: [], contentSizes: [], bytes: 0, round: chunk ? chunk.round + 1 : 0 };
      ofTopic[partition] = chunk;
      (rounds[chunk.round] ??= []).push(chunk);
    }
    chunk.records.push(record);
    chunk.contentSizes.push(size);
    chunk.bytes += size + recordOverhead;
  }
  return rounds;
}

/** Rounds by the node that leads their partitions, for each node in order. @throws Error for a partition that does not exist */
export function roundsByLeader(
  cluster: Pick<Cluster, 'findLeaderForPartitions'>,
  rounds: readonly (readonly Chunk[])[],
): ReadonlyMap<string, readonly (readonly Chunk[])[]> {
  const byLeader = new Map<string, (readonly Chunk[])[]>();
  for (const round of rounds) {
    const leaders = Map.groupBy(round, ({ topic, partition }) => {
      const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
      if (leader === undefined) throw new Error(`${topic} has no partition ${partition}`);
      return leader;
    });
    for (const [leader, chunks] of leaders) byLeader.set(leader, [...(byLeader.get(leader) ?? []), chunks]);
  }
  return byLeader;
}

/** The batches of one round; advances the sequence numbers per partition where there are any. */
export function planRound(chunks: readonly Chunk[], sequences: Map<string, number> | undefined): readonly ProduceBatch[] {
  const nowMs = Date.now();
  return chunks.map(({ topic, partition, records, contentSizes }) => {
    const place = `${topic}/${partition}`;
    const baseSequence = sequences ? (sequences.get(place) ?? 0) : -1;
    sequences?.set(place, (baseSequence + records.length) % 2 ** 31);
    return { topic, partition, batch: planBatch(records, contentSizes, baseSequence, nowMs) };
  });
}
