import { SchemaRegistry, SchemaType, COMPATIBILITY } from '@kafkajs/confluent-schema-registry';
import { allTopics, deterministicId, topics, type Event, type EventOf, type Topic } from '@waybill/domain';
import { decodeEvent, encodeEvent, type NewRecord } from '@waybill/stream';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { createAppender } from './appender.ts';
import { createCodec, readSchemas } from './codec.ts';
import { createEventLog } from './event-log.ts';

export type PolicyDocument = { readonly policyId: string; readonly document: string; readonly documentSha256: string };

export type DeployOptions = {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly partitions: number;
  readonly replication: number;
  /** The whole set: what is not among them is retired. `undefined` leaves the policies as they are. */
  readonly policies?: readonly PolicyDocument[];
  readonly author: string;
  readonly nowMs: number;
  readonly onProgress: (line: string) => void;
};

/**
 * Creates topics, registers schemas and publishes policies. Repeatable: what is there already is compared, not made anew.
 * @throws Error naming every topic whose partition count differs, or the schema that the registry refuses as incompatible
 */
export async function deploy(options: DeployOptions): Promise<void> {
  await createTopics(options, allTopics);
  await registerSchemas(options);
  if (options.policies) await publishPolicies(options, options.policies);
}

const entry = (name: string, value: string | number) => ({ name, value: String(value) });

/** Settings a topic is created with. */
export const topicConfig = (topic: Topic): { name: string; value: string }[] => {
  const policy = topic.kind === 'state' ? 'compact' : 'delete';
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

async function registerSchemas({ registryUrl, onProgress }: DeployOptions): Promise<void> {
  const registry = new SchemaRegistry({ host: registryUrl }, {});
  const schemas = readSchemas();
  for (const { subject, text } of schemas) {
    try {
      await registry.register({ type: SchemaType.AVRO, schema: text }, { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE });
    } catch (error) {
      throw new Error(`schema ${subject} is refused: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  onProgress(`schemas: ${schemas.length} registered, FULL_TRANSITIVE`);
}

async function publishPolicies(options: DeployOptions, policies: readonly PolicyDocument[]): Promise<void> {
  const { brokers, registryUrl, author, nowMs, onProgress } = options;
  const codec = await createCodec({ registryUrl });
  const log = await createEventLog({ brokers, clientId: 'waybill-deploy', countBy: topics.policies.name });
  const appender = await createAppender({ brokers, clientId: 'waybill-deploy', countBy: topics.policies.name, timeoutMs: 30_000 });
  try {
    const newest = new Map<string, Event>();
    for (let partition = 0; partition < log.partitions; partition++) {
      const place = { topic: topics.policies.name, partition };
      const { first, end } = await log.bounds(place);
      await log.read(place, { from: first, to: end }, async (records) => {
        for (const record of records) {
          // An unreadable one says nothing of what is in force, and must not be in the way of what is to be.
          const event = await decodeEvent(codec, record).catch(() => undefined);
          if (event) newest.set(record.key?.toString() ?? '', event);
        }
      });
    }
    const changes = policyChanges(newest, policies, author, nowMs);
    const records: NewRecord[] = changes.map((event) => {
      const key = event.data.policyId;
      return encodeEvent(codec, { topic: topics.policies, partition: log.partitionOf(key), key }, event);
    });
    await appender.append(records);
    const published = changes.filter((event) => event.type === 'PolicyPublished').length;
    onProgress(`policies: ${published} published, ${changes.length - published} retired, ${policies.length} in force`);
  } finally {
    await Promise.all([log.close(), appender.close()]);
  }
}

/** What has to be said so that exactly `wanted` is in force. Pure. */
export function policyChanges(
  newest: ReadonlyMap<string, Event>,
  wanted: readonly PolicyDocument[],
  author: string,
  nowMs: number,
): readonly (EventOf<'PolicyPublished'> | EventOf<'PolicyRetired'>)[] {
  const metaOf = (policyId: string, content: string) => {
    const previous = newest.get(policyId)?.meta.id ?? null;
    const id = deterministicId('policy', policyId, content, previous);
    return { id, source: '/waybill/deploy', timeMs: nowMs, subject: policyId, correlationId: id, causationId: previous, traceparent: null };
  };
  const sha256Of = (policyId: string): string | null => {
    const event = newest.get(policyId);
    return event?.type === 'PolicyPublished' ? event.data.documentSha256 : null;
  };
  const published = wanted
    .filter(({ policyId, documentSha256 }) => {
      const event = newest.get(policyId);
      return event?.type !== 'PolicyPublished' || event.data.documentSha256 !== documentSha256;
    })
    .map(({ policyId, document, documentSha256 }) => ({
      type: 'PolicyPublished' as const,
      data: { policyId, document, documentSha256, author, publishedAtMs: nowMs, reason: '', previousSha256: sha256Of(policyId) },
      meta: metaOf(policyId, documentSha256),
    }));
  const ids = new Set(wanted.map(({ policyId }) => policyId));
  const retired = [...newest]
    .filter(([policyId, event]) => event.type === 'PolicyPublished' && !ids.has(policyId))
    .map(([policyId]) => ({
      type: 'PolicyRetired' as const,
      data: { policyId, author, retiredAtMs: nowMs, reason: '', previousSha256: sha256Of(policyId) },
      meta: metaOf(policyId, 'retired'),
    }));
  return [...published, ...retired];
}
