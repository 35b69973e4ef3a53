import { setTimeout as sleep } from 'node:timers/promises';
import { StreamError, type NewRecord, type Offsets, type Transaction, type Writer } from '@waybill/stream';
import type { Connections } from './connections.ts';
import { errorMessage } from './error-message.ts';
import { coordinators, wireErrorType, type Broker, type ProduceTopic } from './wire.ts';

export type WriterOptions = {
  readonly connections: Connections;
  readonly group: string;
  readonly partition: number;
  readonly transactionTimeoutMs: number;
};

const produceTimeoutMs = 30_000;
/** Below the broker's default `message.max.bytes` of 1 MiB, which bounds a batch. */
const batchBytesMax = 900_000;
const batchRecordsMax = 1_000;

const fencedTypes = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'TRANSACTION_COORDINATOR_FENCED',
  'INVALID_TXN_STATE',
]);

type ProducedOffsets = Map<string, number>;
type Chunk = { readonly topic: string; readonly partition: number; readonly records: readonly NewRecord[] };

/**
 * Opens the one writer of (group, partition). The transactional id is made of both, so that opening fences an earlier owner and
 * ends its open transaction (exactly-once in the form before KIP-447, which this protocol level allows).
 *
 * After any error but success a writer is spent: kafkajs' protocol versions know no epoch bump, and going on with the same
 * producer after a lost answer can tear a transaction (Jepsen, bufstream 0.1.0).
 */
export async function openWriter(options: WriterOptions): Promise<Writer> {
  const { connections } = options;
  const transactionalId = `${options.group}-${options.partition}`;
  const ids = await connections.run('control', [], async (cluster) => {
    const coordinator = await cluster.findGroupCoordinator({ groupId: transactionalId, coordinatorType: coordinators.transaction });
    return coordinator.initProducerId({ transactionalId, transactionTimeout: options.transactionTimeoutMs });
  });
  const identity = { transactionalId, producerId: ids.producerId, producerEpoch: ids.producerEpoch };
  const sequences = new Map<string, number>();
  let spent = false;

  const onCoordinator = <T>(type: 0 | 1, groupId: string, call: (broker: Broker) => Promise<T>): Promise<T> =>
    retryConcurrent(() =>
      once(connections, [], async (cluster) => call(await cluster.findGroupCoordinator({ groupId, coordinatorType: type }))),
    );

  async function produce(chunks: readonly Chunk[]): Promise<ProducedOffsets> {
    const next: ProducedOffsets = new Map();
    const topics = [...new Set(chunks.map(({ topic }) => topic))];
    await once(connections, topics, async (cluster) => {
      const byLeader = new Map<string, Chunk[]>();
      for (const chunk of chunks) {
        const [leader] = Object.keys(cluster.findLeaderForPartitions(chunk.topic, [chunk.partition]));
        if (leader === undefined) throw new Error(`${chunk.topic} has no partition ${chunk.partition}`);
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), chunk]);
      }
      await Promise.all(
        [...byLeader].map(async ([nodeId, leaderChunks]) => {
          const broker = await cluster.findBroker({ nodeId });
          const response = await broker.produce({
            ...identity,
            acks: -1,
            timeout: produceTimeoutMs,
            topicData: topicData(leaderChunks, sequences),
          });
          for (const { topicName, partitions } of response.topics) {
            for (const { partition, baseOffset } of partitions) {
              const count = leaderChunks.find((chunk) => chunk.topic === topicName && chunk.partition === partition)!.records.length;
              if (partition === options.partition) next.set(topicName, Number(baseOffset) + count);
            }
          }
        }),
      );
    });
    return next;
  }

  async function sendOffsets(consumed: Offsets): Promise<void> {
    if (consumed.size === 0) return;
    await onCoordinator(coordinators.transaction, transactionalId, (broker) =>
      broker.addOffsetsToTxn({ ...identity, groupId: options.group }),
    );
    const topics = [...consumed].map(([topic, offset]) => ({
      topic,
      partitions: [{ partition: options.partition, offset: String(offset) }],
    }));
    await onCoordinator(coordinators.group, options.group, (broker) =>
      broker.txnOffsetCommit({ ...identity, groupId: options.group, topics }),
    );
  }

  async function sendRecords(records: readonly NewRecord[]): Promise<ProducedOffsets> {
    const rounds = inRounds(records);
    if (rounds.length === 0) return new Map();
    const topics = [...Map.groupBy(rounds[0]!, ({ topic }) => topic)].map(([topic, chunks]) => ({
      topic,
      partitions: chunks.map(({ partition }) => partition),
    }));
    await onCoordinator(coordinators.transaction, transactionalId, (broker) => broker.addPartitionsToTxn({ ...identity, topics }));
    const next: ProducedOffsets = new Map();
    for (const round of rounds) for (const [topic, offset] of await produce(round)) next.set(topic, offset);
    return next;
  }

  return {
    async commit({ records, consumed }: Transaction) {
      if (spent) throw new StreamError('COMMIT_UNCERTAIN', `writer ${transactionalId} is spent`);
      if (records.length === 0 && consumed.size === 0) return new Map();
      try {
        const [next] = await Promise.all([sendRecords(records), sendOffsets(consumed)]);
        await once(connections, [], async (cluster) => {
          const broker = await cluster.findGroupCoordinator({ groupId: transactionalId, coordinatorType: coordinators.transaction });
          await broker.endTxn({ ...identity, transactionResult: true });
        });
        return next;
      } catch (error) {
        spent = true;
        const type = wireErrorType(error);
        if (fencedTypes.has(type)) throw new StreamError('FENCED', `writer ${transactionalId} has been fenced: ${type}`, { cause: error });
        throw new StreamError('COMMIT_UNCERTAIN', `transaction of ${transactionalId} has no known outcome: ${errorMessage(error)}`, {
          cause: error,
        });
      }
    },
    async close() {
      spent = true;
    },
  };
}

/** A single try on the control connection: what may have reached the broker must not be sent again by itself. */
function once<T>(connections: Connections, topics: readonly string[], operation: Parameters<typeof connections.run<T>>[2]): Promise<T> {
  return connections
    .run<T | { readonly failure: unknown }>('control', topics, async (cluster) => {
      try {
        return await operation(cluster);
      } catch (failure) {
        return { failure }; // As a value, so that `run` does not try again.
      }
    })
    .then((result) => {
      if (typeof result === 'object' && result !== null && 'failure' in result) throw result.failure;
      return result;
    });
}

/** The end of the transaction before is written in the background; until then the coordinator answers so. Nothing has happened yet. */
async function retryConcurrent<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (wireErrorType(error) !== 'CONCURRENT_TRANSACTIONS' || attempt >= 200) throw error;
      await sleep(Math.min(20, 2 * attempt));
    }
  }
}

/**
 * Records cut into rounds of produce requests. A request may hold one batch per partition, so that a partition with more than
 * one batch's worth needs several rounds; the first round names every partition of the transaction.
 */
export function inRounds(records: readonly NewRecord[]): readonly (readonly Chunk[])[] {
  const rounds: Chunk[][] = [];
  for (const [, group] of Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`)) {
    const { topic, partition } = group[0]!;
    let chunk: NewRecord[] = [];
    let bytes = 0;
    let round = 0;
    const flush = (): void => {
      (rounds[round] ??= []).push({ topic, partition, records: chunk });
      round += 1;
      chunk = [];
      bytes = 0;
    };
    for (const record of group) {
      const size = recordBytes(record);
      if (chunk.length > 0 && (bytes + size > batchBytesMax || chunk.length >= batchRecordsMax)) flush();
      chunk.push(record);
      bytes += size;
    }
    flush();
  }
  return rounds;
}

const recordBytes = (record: NewRecord): number =>
  (record.value?.length ?? 0) +
  (record.key?.length ?? 0) +
  64 +
  Object.entries(record.headers).reduce((sum, [name, value]) => sum + name.length + value.length + 8, 0);

/** Wire form of one round of chunks; advances the sequence numbers when there are any. */
export function topicData(chunks: readonly Chunk[], sequences: Map<string, number> | undefined): readonly ProduceTopic[] {
  return [...Map.groupBy(chunks, ({ topic }) => topic)].map(([topic, topicChunks]) => ({
    topic,
    partitions: topicChunks.map(({ partition, records }) => {
      const place = `${topic}/${partition}`;
      const firstSequence = sequences?.get(place) ?? 0;
      sequences?.set(place, (firstSequence + records.length) % 2 ** 31);
      return { partition, firstSequence, messages: records.map(({ key, value, headers }) => ({ key, value, headers })) };
    }),
  }));
}
