import { setTimeout as sleep } from 'node:timers/promises';
import { StreamError, type NewRecord, type Offsets, type Transaction, type Writer } from '@waybill/stream';
import type { Connections, Use } from './connections.ts';
import { errorMessage } from './error-message.ts';
import { produceCall, type ProduceBatch } from './produce-call.ts';
import { inRounds, planRound, roundsByLeader, type Chunk } from './produce-rounds.ts';
import { isUnknownTopic, missingTopicText } from './unknown-topic.ts';
import { coordinators, send, type Broker, type Cluster } from './wire.ts';
import { wireErrorType } from './wire-error.ts';

export type WriterOptions = {
  readonly connections: Connections;
  readonly group: string;
  readonly partition: number;
  readonly transactionTimeoutMs: number;
};

const produceTimeoutMs = 30_000;
const unknownTopicMsMax = 10_000;
const unknownTopicPauseMs = 200;

/**
 * A writer sends all that it has on one connection per broker, so that the broker takes it in order: a leader that is asked for two
 * things of one transaction at a time refuses one of them (KIP-890: `AddPartitionsToTxnManager` keeps one question per transactional
 * id). Writers side by side have connections of their own, because one that waits for its replicas would hold up the others.
 */
const writerConnections = 3;
const useOf = (partition: number): Use => `writer-${partition % writerConnections}`;

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

/**
 * Opens the one writer of (group, partition). The transactional id is made of both, so that opening fences an earlier owner and
 * ends its open transaction (exactly-once in the form before KIP-447, which this protocol level allows).
 *
 * After any error but success a writer is spent: kafkajs' protocol versions know no epoch bump, and going on with the same
 * producer after a lost answer can tear a transaction (Jepsen, bufstream 0.1.0).
 * @throws StreamError `FENCED` when another one is being opened at the same moment
 */
export async function openWriter(options: WriterOptions, signal?: AbortSignal): Promise<Writer> {
  const { connections, group, partition, transactionTimeoutMs: transactionTimeout } = options;
  const transactionalId = `${group}-${partition}`;
  const open = async (cluster: Cluster) => {
    const coordinator = await connections.coordinator(cluster, coordinators.transaction, transactionalId);
    return coordinator.initProducerId({ transactionalId, transactionTimeout });
  };
  const ids = await connections.run(useOf(partition), [], open, signal).catch((error: unknown) => {
    // Somebody else was opening the same one: which of the two has the partition is the group's to say.
    throw fencedTypes.has(wireErrorType(error)) ? commitError(transactionalId, [], error) : error;
  });
  return new TransactionalWriter(options, { transactionalId, producerId: ids.producerId, producerEpoch: ids.producerEpoch });
}

type Identity = { readonly transactionalId: string; readonly producerId: string; readonly producerEpoch: number };

class TransactionalWriter implements Writer {
  readonly #connections: Connections;
  readonly #group: string;
  readonly #partition: number;
  readonly #identity: Identity;
  readonly #use: Use;
  readonly #sequences = new Map<string, number>();
  readonly #timeoutMs: number;
  readonly #spent = new AbortController();

  constructor({ connections, group, partition, transactionTimeoutMs }: WriterOptions, identity: Identity) {
    this.#timeoutMs = transactionTimeoutMs;
    this.#connections = connections;
    this.#group = group;
    this.#partition = partition;
    this.#use = useOf(partition);
    this.#identity = identity;
  }

  async commit({ records, consumed }: Transaction): Promise<Offsets> {
    const { transactionalId } = this.#identity;
    if (this.#spent.signal.aborted) throw new StreamError('COMMIT_UNCERTAIN', `writer ${transactionalId} is spent`);
    if (records.length === 0 && consumed.size === 0) return new Map();
    // The broker aborts a transaction that takes longer, so that there is nothing to wait for.
    const signal = AbortSignal.any([this.#spent.signal, AbortSignal.timeout(this.#timeoutMs)]);
    try {
      const rounds = inRounds(records);
      await Promise.all([this.#addPartitions(rounds[0] ?? [], signal), this.#addOffsets(consumed, signal)]);
      const [next] = await Promise.all([this.#produce(rounds, signal), this.#sendOffsets(consumed, signal)]);
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

  /**
   * Leaders ask the coordinator whether a partition belongs to the transaction (KIP-890), and get no answer while it is taking something
   * else into it: then they refuse with NOT_ENOUGH_REPLICAS. So nothing is written before all has been added.
   */
  async #addPartitions(chunks: readonly Chunk[], signal: AbortSignal): Promise<void> {
    if (chunks.length === 0) return;
    const topics = [...Map.groupBy(chunks, ({ topic }) => topic)].map(([topic, ofTopic]) => {
      return { topic, partitions: ofTopic.map(({ partition }) => partition) };
    });
    const add = (broker: Broker): Promise<unknown> => broker.addPartitionsToTxn({ ...this.#identity, topics });
    const addAll = (): Promise<unknown> => retryConcurrent(() => this.#onCoordinator(coordinators.transaction, signal, add));
    const names = topics.map(({ topic }) => topic);
    await untilKnown(addAll, names, Math.min(unknownTopicMsMax, this.#timeoutMs / 2));
  }

  async #addOffsets(consumed: Offsets, signal: AbortSignal): Promise<void> {
    if (consumed.size === 0) return;
    const add = (broker: Broker): Promise<unknown> => broker.addOffsetsToTxn({ ...this.#identity, groupId: this.#group });
    await retryConcurrent(() => this.#onCoordinator(coordinators.transaction, signal, add));
  }

  async #sendOffsets(consumed: Offsets, signal: AbortSignal): Promise<void> {
    if (consumed.size === 0) return;
    const topics = [...consumed].map(([topic, offset]) => ({
      topic,
      partitions: [{ partition: this.#partition, offset: String(offset) }],
    }));
    const groupId = this.#group;
    const commit = (broker: Broker): Promise<unknown> => broker.txnOffsetCommit({ ...this.#identity, groupId, topics });
    await retryConcurrent(() => this.#onCoordinator(coordinators.group, signal, commit));
  }

  #onCoordinator<T>(type: 0 | 1, signal: AbortSignal, call: (broker: Broker) => Promise<T>): Promise<T> {
    const id = type === coordinators.transaction ? this.#identity.transactionalId : this.#group;
    const connections = this.#connections;
    return connections.once(this.#use, [], async (cluster) => call(await connections.coordinator(cluster, type, id)), signal);
  }

  /**
   * A request per round and leading broker. All are sent at once, in order on one connection: the broker takes them one after the
   * other, and a gap that a refused one leaves makes it refuse those behind it by their sequence numbers.
   * @returns the offset after the last record, for topics that were written in our own partition
   */
  async #produce(rounds: readonly (readonly Chunk[])[], signal: AbortSignal): Promise<Offsets> {
    const next = new Map<string, number>();
    if (rounds.length === 0) return next;
    const topics = [...new Set(rounds.flat().map(({ topic }) => topic))];
    const producer = { ...this.#identity, producerId: Number(this.#identity.producerId), isTransactional: true };
    const sendRound = async (broker: Broker, batches: readonly ProduceBatch[]): Promise<void> => {
      for (const { topic, partition, baseOffset } of await send(broker, produceCall(batches, producer, produceTimeoutMs))) {
        const sent = batches.find((one) => one.topic === topic && one.partition === partition);
        if (partition !== this.#partition || !sent) continue;
        next.set(topic, Math.max(next.get(topic) ?? 0, baseOffset + sent.batch.records.length));
      }
    };
    const produce = async (cluster: Cluster): Promise<void> => {
      const sendAll = async ([nodeId, theirs]: readonly [string, readonly (readonly Chunk[])[]]): Promise<void> => {
        const broker = await cluster.findBroker({ nodeId });
        await Promise.all(theirs.map((chunks) => sendRound(broker, planRound(chunks, this.#sequences))));
      };
      await Promise.all([...roundsByLeader(cluster, rounds)].map(sendAll));
    };
    await this.#connections.once(this.#use, topics, produce, signal);
    return next;
  }
}

function commitError(transactionalId: string, records: readonly NewRecord[], error: unknown): StreamError {
  if (error instanceof StreamError) return error;
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

/** A broker that has just started does not know its topics yet. Nothing has happened yet, and nothing can while one is missing. */
async function untilKnown(add: () => Promise<unknown>, topics: readonly string[], msMax: number): Promise<void> {
  for (const startedMs = Date.now(); ;) {
    try {
      return void (await add());
    } catch (cause) {
      if (!isUnknownTopic(cause)) throw cause;
      if (Date.now() - startedMs >= msMax) throw new StreamError('RECORD_REFUSED', missingTopicText(topics), { cause });
      await sleep(unknownTopicPauseMs);
    }
  }
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
