import { setTimeout as sleep } from 'node:timers/promises';
import { StreamError, type NewRecord, type Offsets, type Transaction, type Writer } from '@waybill/stream';
import type { Connections } from './connections.ts';
import { errorMessage } from './error-message.ts';
import { coordinators, wireErrorType, type Broker, type Cluster, type ProduceTopic } from './wire.ts';

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

/** Answers that no further try can change. */
const refusedTypes = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'POLICY_VIOLATION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'UNSUPPORTED_VERSION',
]);

export type Chunk = { readonly topic: string; readonly partition: number; readonly records: readonly NewRecord[] };

/**
 * Opens the one writer of (group, partition). The transactional id is made of both, so that opening fences an earlier owner and
 * ends its open transaction (exactly-once in the form before KIP-447, which this protocol level allows).
 *
 * After any error but success a writer is spent: kafkajs' protocol versions know no epoch bump, and going on with the same
 * producer after a lost answer can tear a transaction (Jepsen, bufstream 0.1.0).
 */
export async function openWriter(options: WriterOptions, signal?: AbortSignal): Promise<Writer> {
  const { connections, group, partition, transactionTimeoutMs: transactionTimeout } = options;
  const transactionalId = `${group}-${partition}`;
  const open = async (cluster: Cluster) => {
    const coordinator = await connections.coordinator(cluster, coordinators.transaction, transactionalId);
    return coordinator.initProducerId({ transactionalId, transactionTimeout });
  };
  const ids = await connections.run('control', [], open, signal);
  return new TransactionalWriter(options, { transactionalId, producerId: ids.producerId, producerEpoch: ids.producerEpoch });
}

type Identity = { readonly transactionalId: string; readonly producerId: string; readonly producerEpoch: number };

class TransactionalWriter implements Writer {
  readonly #connections: Connections;
  readonly #group: string;
  readonly #partition: number;
  readonly #identity: Identity;
  readonly #sequences = new Map<string, number>();
  readonly #timeoutMs: number;
  readonly #spent = new AbortController();

  constructor({ connections, group, partition, transactionTimeoutMs }: WriterOptions, identity: Identity) {
    this.#timeoutMs = transactionTimeoutMs;
    this.#connections = connections;
    this.#group = group;
    this.#partition = partition;
    this.#identity = identity;
  }

  async commit({ records, consumed }: Transaction): Promise<Offsets> {
    const { transactionalId } = this.#identity;
    if (this.#spent.signal.aborted) throw new StreamError('COMMIT_UNCERTAIN', `writer ${transactionalId} is spent`);
    if (records.length === 0 && consumed.size === 0) return new Map();
    // The broker aborts a transaction that takes longer, so that there is nothing to wait for.
    const signal = AbortSignal.any([this.#spent.signal, AbortSignal.timeout(this.#timeoutMs)]);
    try {
      const [next] = await Promise.all([this.#sendRecords(records, signal), this.#sendOffsets(consumed, signal)]);
      await this.#onCoordinator(coordinators.transaction, signal, (broker) =>
        broker.endTxn({ ...this.#identity, transactionResult: true }),
      );
      return next;
    } catch (error) {
      this.#spent.abort();
      throw commitError(transactionalId, records, error);
    }
  }

  async close(): Promise<void> {
    this.#spent.abort();
  }

  async #sendRecords(records: readonly NewRecord[], signal: AbortSignal): Promise<Offsets> {
    const rounds = inRounds(records);
    if (rounds.length === 0) return new Map();
    const topics = [...Map.groupBy(rounds[0]!, ({ topic }) => topic)].map(([topic, chunks]) => {
      return { topic, partitions: chunks.map(({ partition }) => partition) };
    });
    const add = (broker: Broker): Promise<unknown> => broker.addPartitionsToTxn({ ...this.#identity, topics });
    await retryConcurrent(() => this.#onCoordinator(coordinators.transaction, signal, add));
    const next = new Map<string, number>();
    for (const round of rounds) for (const [topic, offset] of await this.#produce(round, signal)) next.set(topic, offset);
    return next;
  }

  async #sendOffsets(consumed: Offsets, signal: AbortSignal): Promise<void> {
    if (consumed.size === 0) return;
    const groupId = this.#group;
    const add = (broker: Broker): Promise<unknown> => broker.addOffsetsToTxn({ ...this.#identity, groupId });
    await retryConcurrent(() => this.#onCoordinator(coordinators.transaction, signal, add));
    const topics = [...consumed].map(([topic, offset]) => ({
      topic,
      partitions: [{ partition: this.#partition, offset: String(offset) }],
    }));
    const commit = (broker: Broker): Promise<unknown> => broker.txnOffsetCommit({ ...this.#identity, groupId, topics });
    await retryConcurrent(() => this.#onCoordinator(coordinators.group, signal, commit));
  }

  #onCoordinator<T>(type: 0 | 1, signal: AbortSignal, call: (broker: Broker) => Promise<T>): Promise<T> {
    const id = type === coordinators.transaction ? this.#identity.transactionalId : this.#group;
    const connections = this.#connections;
    return connections.once('control', [], async (cluster) => call(await connections.coordinator(cluster, type, id)), signal);
  }

  /** One request per leading broker. @returns the offset after the last record, for topics that were written in our own partition */
  async #produce(chunks: readonly Chunk[], signal: AbortSignal): Promise<Offsets> {
    const next = new Map<string, number>();
    const topics = [...new Set(chunks.map(({ topic }) => topic))];
    const produce = async (cluster: Cluster): Promise<void> => {
      const send = async ([nodeId, leaderChunks]: readonly [string, readonly Chunk[]]): Promise<void> => {
        const broker = await cluster.findBroker({ nodeId });
        const data = topicData(leaderChunks, this.#sequences);
        const response = await broker.produce({ ...this.#identity, acks: -1, timeout: produceTimeoutMs, topicData: data });
        for (const { topicName, partitions } of response.topics) {
          const own = partitions.find(({ partition }) => partition === this.#partition);
          const sent = leaderChunks.find(({ topic, partition }) => topic === topicName && partition === this.#partition);
          if (own && sent) next.set(topicName, Number(own.baseOffset) + sent.records.length);
        }
      };
      await Promise.all([...chunksByLeader(cluster, chunks)].map(send));
    };
    await this.#connections.once('control', topics, produce, signal);
    return next;
  }
}

/** @throws Error for a partition that does not exist */
export function chunksByLeader(cluster: Cluster, chunks: readonly Chunk[]): ReadonlyMap<string, readonly Chunk[]> {
  return Map.groupBy(chunks, ({ topic, partition }) => {
    const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    if (leader === undefined) throw new Error(`${topic} has no partition ${partition}`);
    return leader;
  });
}

function commitError(transactionalId: string, records: readonly NewRecord[], error: unknown): StreamError {
  const type = wireErrorType(error);
  const options = { cause: error };
  if (fencedTypes.has(type)) return new StreamError('FENCED', `writer ${transactionalId} has been fenced: ${type}`, options);
  if (refusedTypes.has(type)) {
    const topics = [...new Set(records.map(({ topic }) => topic))].join(', ');
    const what = `the broker refuses the transaction of ${transactionalId} to ${topics}: ${type}`;
    return new StreamError(
      'RECORD_REFUSED',
      `${what}; compare the topics' settings with \`waybill deploy\`, and the app's rights`,
      options,
    );
  }
  return new StreamError('COMMIT_UNCERTAIN', `transaction of ${transactionalId} has no known outcome: ${errorMessage(error)}`, options);
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
