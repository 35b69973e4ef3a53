import { setTimeout as sleep } from 'node:timers/promises';
import { createCluster, wireErrorType, type Cluster, type WireLog } from './wire.ts';

export type KafkaOptions = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly requestTimeoutMs?: number;
  readonly log?: WireLog;
};

/** One use, one connection per broker: `docs/adr/0001`. */
type Use = 'control' | 'group' | 'fetch' | 'read';

export type Connections = {
  /**
   * Runs an operation until it succeeds, with a pause between tries, as long as what fails is the connection, a leader or a
   * coordinator that is moving. Anything else rejects at once.
   * @throws AbortError when `signal` fires or the connections are closed
   */
  run<T>(use: Use, topics: readonly string[], operation: (cluster: Cluster) => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): Promise<void>;
};

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
  'UNKNOWN_TOPIC_OR_PARTITION', // A broker that has just started does not know its topics yet.
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

export const isTransient = (error: unknown): boolean => transientTypes.has(wireErrorType(error));

const pauseMsMin = 20;
const pauseMsMax = 1_000;

export function openConnections(options: KafkaOptions): Connections {
  const clusters = new Map<Use, Cluster>();
  const closed = new AbortController();
  const clusterOf = (use: Use): Cluster => {
    const known = clusters.get(use);
    if (known) return known;
    const cluster = createCluster({
      brokers: options.brokers,
      clientId: `${options.clientId}-${use}`,
      requestTimeoutMs: options.requestTimeoutMs ?? 15_000,
      log: options.log ?? (() => undefined),
    });
    clusters.set(use, cluster);
    return cluster;
  };

  return {
    async run(use, topics, operation, signal) {
      const stop = signal ? AbortSignal.any([signal, closed.signal]) : closed.signal;
      for (let attempt = 0; ; attempt++) {
        stop.throwIfAborted();
        const cluster = clusterOf(use);
        try {
          if (attempt > 0) await cluster.refreshMetadata();
          await cluster.connect();
          if (topics.length > 0) await cluster.addMultipleTargetTopics(topics);
          return await operation(cluster);
        } catch (error) {
          stop.throwIfAborted();
          if (!isTransient(error)) throw error;
          const ceilingMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(attempt, 10));
          await sleep(ceilingMs / 2 + Math.random() * (ceilingMs / 2), undefined, { signal: stop });
        }
      }
    },
    async close() {
      closed.abort();
      await Promise.allSettled([...clusters.values()].map((cluster) => cluster.disconnect()));
    },
  };
}
