// Prints schemas/asyncapi.yaml, AsyncAPI 3.0, from the list of topics, the schemas and the apps' topologies: `npm run schemas:asyncapi`.
import { writeFileSync } from 'node:fs';
import { allTopics, partitionsDefault, topics } from '@waybill/domain';
import type { Topic, TopicId } from '@waybill/domain';
import { topicConfig } from '@waybill/kafka';
import { stringify } from 'yaml';
import { flows } from './flows.ts';
import type { Flow } from './flows.ts';
import { readSchemaFiles } from './schema-files.ts';

const bindingVersion = '0.5.0'; // AsyncAPI Kafka bindings
const text = (description: string) => ({ type: 'string', description });

/** CloudEvents 1.0, Kafka binding, binary mode, and what follows a push through all of Waybill. */
const headers = {
  type: 'object',
  required: ['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_time', 'ce_subject', 'content-type', 'correlationid'],
  properties: {
    ce_specversion: { const: '1.0' },
    ce_id: text('Deterministic: the same delivery yields the same id.'),
    ce_type: text('waybill.<Record>.v1'),
    ce_source: text('/waybill/<app>'),
    ce_time: { type: 'string', format: 'date-time' },
    ce_subject: text('What it is about: registry/repository:tag, a digest, a topic.'),
    'content-type': { const: 'application/avro' },
    correlationid: text('Id of the push that all of this is about.'),
    causationid: text('Id of the event that directly led to this one.'),
    traceparent: text('W3C trace context.'),
  },
};

/** The text of the printed file. */
export function printAsyncApi(): string {
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Waybill',
      version: '1',
      description: 'Registry webhooks as an immutable log. Values are Avro in Confluent wire format, by record name, FULL_TRANSITIVE.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/avro',
    channels: Object.fromEntries(Object.entries(topics).map(([id, topic]) => [id, channel(topic)])),
    operations: Object.fromEntries(flows.flatMap(operations)),
    components: { messages: messages(), messageTraits: { event: { headers } } },
  };
  const head =
    '# Printed from libs/domain/src/topics.ts, schemas/ and apps/*/src/topology.ts by `npm run schemas:asyncapi`; do not edit.\n';
  return head + stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

const natures: Readonly<Record<Topic['kind'], string>> = {
  event: 'Immutable events.',
  table: 'Immutable events, of which only the newest per key is kept.',
  state: 'Newest row per key; a record without a value ends it.',
  marks: 'Ids that need not be dealt with again, many to a record.',
};

function channel(topic: Topic) {
  const nature = natures[topic.kind];
  return {
    address: topic.name,
    title: topic.purpose,
    description: `Key: ${topic.key}. ${nature}`,
    messages: Object.fromEntries(topic.records.map((record) => [record, { $ref: `#/components/messages/${record}` }])),
    bindings: { kafka: topicBinding(topic) },
  };
}

/** Settings as the deploy step makes them, in the types that the binding wants. */
function topicBinding(topic: Topic) {
  const settings = topicConfig(topic).map(
    ({ name, value }) => [name, name === 'cleanup.policy' ? value.split(',') : Number(value)] as const,
  );
  return { topic: topic.name, partitions: partitionsDefault, topicConfiguration: Object.fromEntries(settings), bindingVersion };
}

/** What each app does with each channel; its own state is written and read back. */
function operations(flow: Flow): readonly (readonly [string, object])[] {
  const operation = (action: 'send' | 'receive', topic: Topic) => {
    const id = idOf(topic);
    const binding =
      action === 'receive' ? { bindings: { kafka: { groupId: { type: 'string', enum: [flow.group] }, bindingVersion } } } : {};
    return [`${flow.group}.${action}.${id}`, { action, channel: { $ref: `#/channels/${id}` }, ...binding }] as const;
  };
  const received = new Set([...flow.inputs, ...flow.tables, ...flow.stores]);
  const sent = new Set([...flow.outputs, ...flow.stores]);
  return [...[...received].map((topic) => operation('receive', topic)), ...[...sent].map((topic) => operation('send', topic))];
}

const idOf = (topic: Topic): TopicId => (Object.keys(topics) as TopicId[]).find((id) => topics[id] === topic)!;

/** One message per record, its payload the newest version's schema. */
function messages() {
  const newest = new Map(readSchemaFiles().map((file) => [file.record, file]));
  const isEvent = new Set<string>(allTopics.filter(({ kind }) => kind === 'event' || kind === 'table').flatMap(({ records }) => records));
  const message = ({ path, record, schema }: { path: string; record: string; schema: { readonly doc?: string } }) => ({
    name: record,
    title: schema.doc ?? record,
    contentType: 'application/avro',
    payload: { schemaFormat: 'application/vnd.apache.avro+json;version=1.9.0', schema: { $ref: `./${path}` } },
    ...(isEvent.has(record) ? { traits: [{ $ref: '#/components/messageTraits/event' }] } : {}),
    bindings: { kafka: { key: { type: 'string' }, schemaIdLocation: 'payload', schemaIdPayloadEncoding: 'confluent', bindingVersion } },
  });
  return Object.fromEntries([...newest].map(([record, file]) => [record, message(file)]));
}

export const asyncApiPath = `${import.meta.dirname}/asyncapi.yaml`;
if (import.meta.main) writeFileSync(asyncApiPath, printAsyncApi());
