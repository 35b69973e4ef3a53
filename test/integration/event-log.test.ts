// The promises of the EventLog port, on a real broker.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEventLog } from '@waybill/kafka';
import type { EventLog, NewRecord, TopicPartition } from '@waybill/stream';
import { eventLogConformance, type RawTransaction, type Subject } from '@waybill/stream/testing';
import kafkajs, { Kafka, logLevel, type Admin, type Producer } from 'kafkajs';
import { startStack, type Stack } from '../../infra/local/stack.ts';
import { eventually } from '../support/read-log.ts';

const topics = ['conformance.events', 'conformance.others', 'conformance.state'] as const;
const partitionsCount = 4;
const entry = (name: string, value: string | number) => ({ name, value: String(value) });
/** A segment per batch, and nothing to wait for before it is cleaned. */
const cleanedAtOnce = [
  entry('cleanup.policy', 'compact'),
  ...[entry('segment.ms', 50), entry('min.cleanable.dirty.ratio', 0.001), entry('delete.retention.ms', 0)],
];

const dir = mkdtempSync(join(tmpdir(), 'waybill-event-log-'));
let stack: Stack;
let kafka: Kafka;
let admin: Admin;
let ownLog: EventLog;
const producers: Producer[] = [];
let namesCount = 0;

before(async () => {
  stack = await startStack({ dir, apps: false });
  kafka = new Kafka({ brokers: [stack.brokers], clientId: 'conformance', logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
  const { controller, brokers } = await admin.describeCluster();
  const nodeId = String(controller ?? brokers[0]!.nodeId);
  const configEntries = [entry('log.cleaner.backoff.ms', 100)];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: kafkajs.ConfigResourceTypes.BROKER, name: nodeId, configEntries }] });
  const topicOf = (topic: string) => ({ topic, numPartitions: partitionsCount, configEntries: topic === topics[2] ? cleanedAtOnce : [] });
  await admin.createTopics({ waitForLeaders: true, topics: topics.map(topicOf) });
  ownLog = await open('own');
});
after(async () => {
  await Promise.allSettled([...producers.map((producer) => producer.disconnect()), admin.disconnect(), ownLog.close()]);
  await stack.stop();
  rmSync(dir, { recursive: true, force: true });
});

const open = (clientId: string): Promise<EventLog> => createEventLog({ brokers: [stack.brokers], clientId, countBy: topics[0] });

async function begin(id: string): Promise<RawTransaction> {
  const producer = kafka.producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1 });
  producers.push(producer);
  await producer.connect();
  const transaction = await producer.transaction();
  const messageOf = ({ key, value, headers, partition, timestampMs }: NewRecord) => ({
    ...{ key, value, headers, partition },
    ...(timestampMs !== undefined && { timestamp: String(timestampMs) }),
  });
  return {
    async append(records) {
      const topicMessages = [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, group]) => ({
        topic,
        messages: group.map(messageOf),
      }));
      await transaction.sendBatch({ topicMessages });
    },
    commit: () => transaction.commit(),
    abort: () => transaction.abort(),
  };
}

/** Each append closes the segment before it; the cleaner leaves the newest alone. */
async function compact(place: TopicPartition): Promise<void> {
  const countLeft = async (): Promise<number> => {
    const filler = await begin(subject.newName());
    await filler.append([{ ...place, key: 'filler', value: Buffer.from('-'), headers: {} }]);
    await filler.commit();
    let count = 0;
    const { first, end } = await ownLog.bounds(place);
    const isOther = ({ key }: { readonly key: Buffer | null }): boolean => key?.toString() !== 'filler';
    await ownLog.read(place, { from: first, to: end }, (records) => void (count += records.filter(isOther).length));
    return count;
  };
  await eventually(countLeft, (count) => count <= 3);
}

const subject: Subject = {
  open: () => open(subject.newName()),
  topics,
  newName: () => `conformance-${(namesCount += 1)}`,
  begin,
  async expire({ topic, partition }, offset) {
    await admin.fetchTopicOffsets(topic); // So that the client knows its leaders.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  },
  compact,
  sleep: (ms) => sleep(ms),
};

eventLogConformance('Kafka', (rule) => rule(subject));

describe('a client whose topic has been deleted', () => {
  it('says so within a bound, and works on with all others', async () => {
    const [gone, other] = ['deleted.gone', 'deleted.other'];
    await admin.createTopics({ waitForLeaders: true, topics: [gone, other].map((topic) => ({ topic, numPartitions: partitionsCount })) });
    const bounds = { unknownTopicMsMax: 500, transactionTimeoutMs: 1_000 };
    const log = await createEventLog({ brokers: [stack.brokers], clientId: 'deleted', countBy: topics[0], ...bounds });
    const place = (topic: string): TopicPartition => ({ topic, partition: 0 });
    const commit = async (topic: string): Promise<unknown> => {
      const writer = await log.openWriter('deleted', 0);
      const records = [{ ...place(topic), key: 'k', value: Buffer.from('v'), headers: {} }];
      return writer.commit({ records, consumed: new Map([[other, 1]]), partition: 0 });
    };
    for (const topic of [gone, other, gone, other]) await commit(topic);
    await eventually(() => log.bounds(place(gone)), ({ end }) => end === 4); // prettier-ignore
    const closing = new AbortController();
    const following = log.follow({ topics: [gone], from: () => undefined, onRecords: () => undefined, signal: closing.signal });
    await admin.deleteTopics({ topics: [gone] });
    const message = /^topic deleted.gone is not there, or no more/;
    await assert.rejects(following, { code: 'LOG_UNAVAILABLE', message });
    await assert.rejects(log.bounds(place(gone)), { code: 'LOG_UNAVAILABLE', message });
    await assert.rejects(
      log.read(place(gone), { from: 0, to: 4 }, () => undefined),
      { code: 'LOG_UNAVAILABLE', message },
    );
    await assert.rejects(commit(gone), { code: 'RECORD_REFUSED', message: /deleted.gone is not there/ });
    await commit(other);
    await eventually(() => log.bounds(place(other)), ({ end }) => end === 6); // prettier-ignore
    assert.deepEqual(await log.committed('deleted', [gone, other], 0), new Map([[other, 1]]));
    await log.close();
  });
});
