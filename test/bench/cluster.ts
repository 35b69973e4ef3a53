import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Topic } from '@waybill/domain';
import { createAppender, createCodec, createEventLog, deploy, topicConfig, type Appender } from '@waybill/kafka';
import type { Codec, EventLog } from '@waybill/stream';
import { Kafka, logLevel, type ITopicMetadata } from 'kafkajs';
import { startKafka } from '../../infra/local/kafka.ts';
import { startSchemaRegistry } from '../../infra/local/schema-registry.ts';
import { eventually } from '../support/read-log.ts';
import { inputTopic } from './topology.ts';

export const partitionCount = 6;

/** A broker and a schema registry of the bench's own, with everything deployed that an app needs. */
export type Cluster = {
  readonly dir: string;
  readonly brokers: string;
  readonly registryUrl: string;
  readonly brokerPid: number;
  readonly codec: Codec;
  /** For what outlives no topic: a client that has met one asks for it ever after. */
  readonly log: EventLog;
  openLog(): Promise<EventLog>;
  openAppender(): Promise<Appender>;
  createTopics(topics: readonly Topic[]): Promise<void>;
  /** Ever appended; what retention has dropped counts too. */
  countRecords(topic: Topic): Promise<number>;
  /** Also those that a peer made by itself: every topic whose name starts so. Their files are what fills a disk. */
  deleteTopics(prefix: string): Promise<void>;
  stop(): Promise<void>;
};

const hasLeaders = (topic: ITopicMetadata | undefined): boolean =>
  topic?.partitions.length === partitionCount && topic.partitions.every(({ leader }) => leader >= 0);

/**
 * The same start as `npm start`: heap, threads and settings of the broker are those of `infra/local`.
 * @param settings Of the broker, beside those
 */
export async function startCluster(settings: Readonly<Record<string, string | number>> = {}): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
  const place = (name: string) => ({ dataDir: join(dir, name), logPath: join(dir, `${name}.log`), port: 0 });
  const kafka = await startKafka({ ...place('kafka'), settings });
  const registry = await startSchemaRegistry({ ...place('schema-registry'), brokers: kafka.brokers });
  const brokers = [kafka.brokers];
  const registryUrl = registry.url;
  const plan = { partitions: partitionCount, replication: 1, onProgress: () => undefined };
  await deploy({ brokers, registryUrl, ...plan });

  const client = new Kafka({ brokers, clientId: 'bench-admin', logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  const metadataOf = async (topic: string) => (await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined))?.topics[0];
  const createTopics = async (topics: readonly Topic[]): Promise<void> => {
    const settings = { numPartitions: partitionCount, replicationFactor: 1 };
    const wanted = topics.map((topic) => ({ topic: topic.name, ...settings, configEntries: topicConfig(topic) }));
    await admin.createTopics({ topics: wanted, waitForLeaders: false });
    // The client's own wait takes a broker that has not yet heard of a topic for one that never will.
    for (const { topic } of wanted) await eventually(async () => hasLeaders(await metadataOf(topic)), Boolean);
  };
  await createTopics([inputTopic]);
  const connection = { brokers, clientId: 'bench', countBy: inputTopic.name };
  const log = await createEventLog(connection);
  return {
    ...{ dir, brokers: kafka.brokers, registryUrl, brokerPid: kafka.pid, log, createTopics },
    openLog: () => createEventLog(connection),
    openAppender: () => createAppender({ ...connection, timeoutMs: 60_000 }),
    codec: await createCodec({ registryUrl }),
    async countRecords({ name }) {
      return (await admin.fetchTopicOffsets(name)).reduce((sum, { high }) => sum + Number(high), 0);
    },
    async deleteTopics(prefix) {
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
    },
    async stop() {
      await Promise.all([log.close(), admin.disconnect()]);
      await registry.stop();
      await kafka.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
