import { SchemaRegistry, SchemaType, COMPATIBILITY } from '@kafkajs/confluent-schema-registry';
import { allTopics, type Topic } from '@waybill/domain';
import { bulkhead } from 'cockatiel';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { readSchemas } from './codec.ts';

export type DeployOptions = {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly partitions: number;
  readonly replication: number;
  readonly onProgress: (line: string) => void;
};

/**
 * Creates topics and registers schemas. Repeatable: what is there already is compared, not made anew.
 * @throws Error naming every topic whose partition count differs, or every schema that the registry refuses
 */
export async function deploy(options: DeployOptions): Promise<void> {
  await createTopics(options, allTopics);
  await registerSchemas(options);
}

const entry = (name: string, value: string | number) => ({ name, value: String(value) });

/** Settings a topic is created with. */
export const topicConfig = (topic: Topic): { name: string; value: string }[] => {
  const policy = topic.kind === 'state' || topic.kind === 'table' ? 'compact' : 'delete';
  // What is parked or held is a whole other record, and why.
  const isOther = topic.records.some((record) => record === 'RecordParked' || record === 'HeldRecord');
  const bytesMax = 4 * 1_048_576 + (isOther ? 1_048_576 : 0);
  return [entry('cleanup.policy', policy), entry('retention.ms', topic.retentionMs), entry('max.message.bytes', bytesMax)];
};

/** Creates those that are not there. @throws Error naming every one whose partition count differs */
export async function createTopics(
  { brokers, partitions, replication, onProgress }: Pick<DeployOptions, 'brokers' | 'partitions' | 'replication' | 'onProgress'>,
  wanted: readonly Topic[],
): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'waybill-deploy', logLevel: logLevel.NOTHING, retry: { retries: 8 } });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = wanted.filter((topic) => !existing.has(topic.name));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({
          topic: topic.name,
          numPartitions: partitions,
          replicationFactor: replication,
          configEntries: topicConfig(topic),
        })),
      });
    }
    await refuseOtherCounts(admin, wanted, partitions);
    onProgress(`topics: ${missing.length} created, ${wanted.length - missing.length} were there, ${partitions} partitions each`);
  } finally {
    await admin.disconnect();
  }
}

async function refuseOtherCounts(admin: Admin, wanted: readonly Topic[], partitions: number): Promise<void> {
  const metadata = await admin.fetchTopicMetadata({ topics: wanted.map(({ name }) => name) });
  const wrong = metadata.topics.filter((topic) => topic.partitions.length !== partitions);
  if (wrong.length === 0) return;
  const lines = wrong.map((topic) => `  ${topic.name} has ${topic.partitions.length}`);
  throw new Error(`all topics must have ${partitions} partitions, because equal keys must meet in equal partitions:\n${lines.join('\n')}`);
}

/** The registry takes each through its journal, and waits for that more than it works. */
const registrationsMax = 8;

async function registerSchemas({ registryUrl, onProgress }: DeployOptions): Promise<void> {
  const registry = new SchemaRegistry({ host: registryUrl }, {});
  const schemas = readSchemas();
  const turns = bulkhead(registrationsMax, schemas.length);
  const compatibility = COMPATIBILITY.FULL_TRANSITIVE;
  const results = await Promise.allSettled(
    schemas.map(({ subject, text }) =>
      turns.execute(() => registry.register({ type: SchemaType.AVRO, schema: text }, { subject, compatibility })),
    ),
  );
  const faults = results.flatMap((result, at) => (result.status === 'rejected' ? [refusal(schemas[at]!.subject, result.reason)] : []));
  if (faults.length > 0) throw new Error(faults.join('\n'));
  onProgress(`schemas: ${schemas.length} registered, FULL_TRANSITIVE`);
}

const refusal = (subject: string, reason: unknown): string =>
  `schema ${subject} is refused: ${reason instanceof Error ? reason.message : String(reason)}`;
