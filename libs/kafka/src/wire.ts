// The narrow waist to kafkajs: its wire protocol and connections, not its consumer and producer, whose group handling,
// offset rules and retries are the source of most of its known defects (docs/adr/0001). kafkajs has no `exports`, so its
// parts can be required; this file alone knows their names.
import { createRequire } from 'node:module';
import { refuseUnsupported, type VersionRanges } from './supported-versions.ts';
import { isUnknownTopic } from './unknown-topic.ts';
import type { WireCall } from './wire-call.ts';
import { wireErrorType } from './wire-error.ts';

const require = createRequire(import.meta.url);

export type TopicPartitions = { readonly topic: string; readonly partitions: readonly number[] };
/** kafkajs keeps 64-bit numbers as text. */
type ProducerIds = { readonly producerId: string; readonly producerEpoch: number };
type Transactional = ProducerIds & { readonly transactionalId: string };
type MemberIds = { readonly groupId: string; readonly memberId: string; readonly groupInstanceId: string };

export type Broker = {
  readonly nodeId: number;
  readonly brokerAddress: string;
  /** As the broker said when it was first connected to. */
  readonly versions: VersionRanges;
  /** Its connections: one for fetches, one for all else. */
  readonly connectionPool: { send<T>(call: WireCall<T>): Promise<T> };
  disconnect(): Promise<void>;
  listOffsets(request: {
    replicaId: -1;
    isolationLevel: 0 | 1;
    topics: readonly { topic: string; partitions: readonly { partition: number; timestamp: number }[] }[];
  }): Promise<{ responses: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[] }>;
  initProducerId(request: { transactionalId: string; transactionTimeout: number }): Promise<ProducerIds>;
  addPartitionsToTxn(request: Transactional & { topics: readonly TopicPartitions[] }): Promise<unknown>;
  addOffsetsToTxn(request: Transactional & { groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    request: Transactional & {
      groupId: string;
      topics: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[];
    },
  ): Promise<unknown>;
  endTxn(request: Transactional & { transactionResult: boolean }): Promise<unknown>;
  offsetFetch(request: {
    groupId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  }): Promise<{ responses: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[] }>;
  joinGroup(
    request: MemberIds & {
      sessionTimeout: number;
      rebalanceTimeout: number;
      groupProtocols: readonly { name: string; metadata: Buffer }[];
    },
  ): Promise<{
    generationId: number;
    leaderId: string;
    memberId: string;
    members: readonly { memberId: string; memberMetadata: Buffer }[];
  }>;
  syncGroup(
    request: MemberIds & { generationId: number; groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[] },
  ): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: MemberIds & { groupGenerationId: number }): Promise<unknown>;
  leaveGroup(request: MemberIds): Promise<unknown>;
};

export type Cluster = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  getNodeIds(): readonly string[];
  /** @throws StreamError `BROKER_UNSUPPORTED` */
  findBroker(options: { nodeId: string }): Promise<Broker>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findTopicPartitionMetadata(topic: string): readonly { partitionId: number; leader: number }[];
  findGroupCoordinator(options: { groupId: string; coordinatorType: 0 | 1 }): Promise<Broker>;
};

export const coordinators = { group: 0, transaction: 1 } as const;

/** kafkajs' own words: often about what is retried and in order, so for debugging only. */
export type WireLog = (message: string) => void;

export type ClusterOptions = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly requestTimeoutMs: number;
  readonly log: WireLog;
};

/**
 * A connection per broker of its own. A broker answers one request per connection at a time, so a long poll or a join
 * would hold up everything behind it: each such use has its own cluster.
 */
export function createCluster(options: ClusterOptions): Cluster {
  const ClusterClass = checked(require('kafkajs/src/cluster') as Constructor);
  const { createLogger } = require('kafkajs/src/loggers') as { createLogger: (options: object) => unknown };
  const createSocketFactory = require('kafkajs/src/network/socketFactory') as () => unknown;
  const warnLevel = 2; // kafkajs LEVELS.WARN
  const logCreator =
    () =>
    ({ log }: { readonly log: { readonly message: string } }) =>
      options.log(log.message);
  return new ClusterClass({
    logger: createLogger({ level: warnLevel, logCreator }),
    socketFactory: createSocketFactory(),
    brokers: options.brokers,
    clientId: options.clientId,
    connectionTimeout: 3_000,
    requestTimeout: options.requestTimeoutMs,
    enforceRequestTimeout: true,
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    isolationLevel: 1,
    retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 500 },
  });
}

type Constructor = new (options: object) => Cluster;

/** What kafkajs' cluster gets wrong, or leaves out: everything that looks for brokers goes through here. */
const checked = (ClusterClass: Constructor): Constructor =>
  class extends ClusterClass {
    /** kafkajs takes every broker for as old as the first one that answered; without this each is asked itself. */
    override async connect(): Promise<void> {
      await super.connect();
      (this as unknown as { brokerPool: { versions: undefined } }).brokerPool.versions = undefined;
    }

    /**
     * kafkajs asks for all topics that were ever asked for, and fails as a whole for one that has been deleted since: for good, whatever
     * is wanted. So after such a failure it begins again with none; what is used is asked for again.
     */
    override async refreshMetadata(): Promise<void> {
      await this.#forgetting(() => super.refreshMetadata());
    }

    override async addMultipleTargetTopics(topics: readonly string[]): Promise<void> {
      await this.#forgetting(() => super.addMultipleTargetTopics(topics));
    }

    async #forgetting(ask: () => Promise<void>): Promise<void> {
      try {
        await ask();
      } catch (error) {
        if (isUnknownTopic(error)) (this as unknown as { targetTopics: Set<string> }).targetTopics = new Set();
        throw error;
      }
    }

    override async findBroker(options: { nodeId: string }): Promise<Broker> {
      const broker = await super.findBroker(options);
      refuseUnsupported(broker.brokerAddress, broker.versions);
      return broker;
    }
  };

/** Sends a request of our own encoding as kafkajs sends its own: a connection that the broker has closed is let go. */
export async function send<T>(broker: Broker, call: WireCall<T>): Promise<T> {
  try {
    return await broker.connectionPool.send(call);
  } catch (error) {
    if (wireErrorType(error) === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}

type AssignerProtocol = {
  MemberMetadata: {
    encode(metadata: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { userData: Buffer };
  };
  MemberAssignment: {
    encode(assignment: { version: number; assignment: Readonly<Record<string, readonly number[]>>; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { assignment: Record<string, number[]> } | null;
  };
};
export const assignerProtocol = require('kafkajs/src/consumer/assignerProtocol') as AssignerProtocol;
