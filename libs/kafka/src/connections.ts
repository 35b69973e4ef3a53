import { setTimeout as sleep } from 'node:timers/promises';
import { StreamError } from '@waybill/stream';
import { errorMessage } from './error-message.ts';
import { isUnknownTopic, missingTopicText, unknownTopic } from './unknown-topic.ts';
import { untilAborted } from './until-aborted.ts';
import { createCluster, type Broker, type Cluster, type WireLog } from './wire.ts';
import { wireErrorType } from './wire-error.ts';

export type KafkaOptions = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly requestTimeoutMs?: number;
  /** How long a topic may be unknown: a broker that has just started does not know its topics yet. 30 s unless given. */
  readonly unknownTopicMsMax?: number;
  readonly log?: WireLog;
};

/** One use, one connection per broker: `docs/adr/0001`. */
export type Use = 'control' | 'group' | 'fetch' | 'follow' | 'read' | `writer-${number}`;

export type Connections = {
  /**
   * Runs an operation until it succeeds, with a pause between tries, as long as what fails is the connection, a leader or a
   * coordinator that is moving. Anything else rejects at once.
   * An operation may be run several times, so it has to look leaders and coordinators up itself: they may be what has changed.
   * @param attemptMsMax After so long a try counts as hung and its connection as dead: the next one is made on a new connection
   * @throws StreamError `LOG_UNAVAILABLE` when Kafka knows one of the topics no more, or not yet, for longer than `unknownTopicMsMax`
   * @throws Error as soon as `signal` fires or the connections are closed, also while a request has no answer
   */
  run<T>(use: Use, topics: readonly string[], operation: Operation<T>, signal?: AbortSignal, attemptMsMax?: number): Promise<T>;
  /** Connects as `run` does, but tries the operation once: what may have reached the broker must not be sent again by itself. */
  once<T>(use: Use, topics: readonly string[], operation: Operation<T>, signal?: AbortSignal): Promise<T>;
  /** Where a group or a transaction is kept; remembered until something fails. */
  coordinator(cluster: Cluster, type: 0 | 1, id: string): Promise<Broker>;
  close(): Promise<void>;
};
type Operation<T> = (cluster: Cluster) => Promise<T>;

const transientTypes = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNumberOfRetriesExceeded',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSError',
  'KafkaJSNoBrokerAvailableError',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  unknownTopic,
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'CONCURRENT_TRANSACTIONS',
  'UNSTABLE_OFFSET_COMMIT',
  'BROKER_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
]);

const hungTypes = new Set(['KafkaJSRequestTimeoutError', 'TimeoutError']);

export const isTransient = (error: unknown): boolean => transientTypes.has(wireErrorType(error));

const pauseMsMin = 20;
const pauseMsMax = 1_000;

/** How long a close waits for the other side. */
const closeMsMax = 2_000;

/** What is known of the cluster by one use. After any failure leaders and coordinators may have moved, and it is asked anew. */
type Known = { readonly cluster: Cluster; readonly coordinators: Map<string, string>; isStale: boolean };

export const openConnections = (options: KafkaOptions, create = createCluster): Connections =>
  new ClusterConnections((use) => create({ ...clusterOptions(options), clientId: `${options.clientId}-${use}` }), options);

const clusterOptions = (options: KafkaOptions) => ({
  brokers: options.brokers,
  clientId: options.clientId,
  requestTimeoutMs: options.requestTimeoutMs ?? 15_000,
  log: options.log ?? (() => undefined),
});

class ClusterConnections implements Connections {
  readonly #create: (use: Use) => Cluster;
  readonly #unknownTopicMsMax: number;
  readonly #known = new Map<Use, Known>();
  readonly #closed = new AbortController();

  constructor(create: (use: Use) => Cluster, { unknownTopicMsMax = 30_000 }: Pick<KafkaOptions, 'unknownTopicMsMax'>) {
    this.#create = create;
    this.#unknownTopicMsMax = unknownTopicMsMax;
  }

  async run<T>(use: Use, topics: readonly string[], operation: Operation<T>, signal?: AbortSignal, attemptMsMax?: number): Promise<T> {
    const stop = this.#stopOf(signal);
    let unknownSinceMs: number | undefined;
    for (let attempt = 0; ; attempt++) {
      stop.throwIfAborted();
      const known = this.#knownOf(use);
      const bound = attemptMsMax === undefined ? stop : AbortSignal.any([stop, AbortSignal.timeout(attemptMsMax)]);
      try {
        return await untilAborted(this.#attempt(known, topics, operation), bound);
      } catch (error) {
        if (stop.aborted) throw this.#noteFailure(use, known, stop.reason);
        this.#noteFailure(use, known, error);
        if (bound.aborted) continue;
        if (!isTransient(error)) throw error;
        unknownSinceMs = isUnknownTopic(error) ? (unknownSinceMs ?? Date.now()) : undefined;
        if (unknownSinceMs !== undefined && Date.now() - unknownSinceMs >= this.#unknownTopicMsMax)
          throw new StreamError('LOG_UNAVAILABLE', missingTopicText(topics), { cause: error });
        const ceilingMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(attempt, 10));
        await sleep(ceilingMs / 2 + Math.random() * (ceilingMs / 2), undefined, { signal: stop }).catch(() => {
          throw new Error(errorMessage(error), { cause: stop.reason }); // Says more than that time was up.
        });
      }
    }
  }

  async once<T>(use: Use, topics: readonly string[], operation: Operation<T>, signal?: AbortSignal): Promise<T> {
    const cluster = await this.run(use, topics, async (connected) => connected, signal);
    try {
      return await untilAborted(operation(cluster), this.#stopOf(signal));
    } catch (error) {
      throw this.#noteFailure(use, this.#knownOf(use), error);
    }
  }

  async coordinator(cluster: Cluster, type: 0 | 1, id: string): Promise<Broker> {
    const places = [...this.#known.values()].find((known) => known.cluster === cluster)?.coordinators;
    const place = `${type}/${id}`;
    const nodeId = places?.get(place);
    if (nodeId !== undefined) return cluster.findBroker({ nodeId });
    const broker = await cluster.findGroupCoordinator({ groupId: id, coordinatorType: type });
    places?.set(place, String(broker.nodeId));
    return broker;
  }

  /** Bounded: a broker that is gone does not say goodbye. */
  async close(): Promise<void> {
    this.#closed.abort();
    const goodbyes = Promise.allSettled([...this.#known.values()].map(({ cluster }) => cluster.disconnect()));
    await Promise.race([goodbyes, sleep(closeMsMax, undefined, { ref: false })]);
  }

  async #attempt<T>(known: Known, topics: readonly string[], operation: Operation<T>): Promise<T> {
    const { cluster, coordinators } = known;
    await cluster.connect();
    if (known.isStale) {
      coordinators.clear();
      await cluster.refreshMetadata();
      known.isStale = false;
    }
    if (topics.length > 0) await cluster.addMultipleTargetTopics(topics);
    return operation(cluster);
  }

  /** Leaders may have moved. A request without an answer may mean that nothing comes through this connection any more; kafkajs keeps it. */
  #noteFailure(use: Use, known: Known, error: unknown): unknown {
    known.isStale = true;
    const isHung = hungTypes.has(wireErrorType(error));
    if (!isHung || this.#known.get(use) !== known) return error;
    this.#known.delete(use);
    void known.cluster.disconnect().catch(() => undefined); // Waits for what others still hope for on it.
    return error;
  }

  #knownOf(use: Use): Known {
    const known = this.#known.get(use) ?? { cluster: this.#create(use), coordinators: new Map<string, string>(), isStale: false };
    this.#known.set(use, known);
    return known;
  }

  #stopOf(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal;
  }
}
