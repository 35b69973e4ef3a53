// Shared tables and what they follow with, on a real broker.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import { encodeEvent, systemClock, type NewRecord, type TopicPartition } from '@waybill/stream';
import { Kafka, logLevel } from 'kafkajs';
import { openSharedTables, type SharedTables } from '../../libs/stream/src/shared-tables.ts';
import { eventually } from '../support/read-log.ts';
import { startCluster, type Cluster } from './stream.fixture.ts';

let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(() => cluster.stop());

const policyRecord = (policyId: string, document: string | null): NewRecord => {
  const { codec, appender } = cluster;
  const place = { topic: topics.policies, partition: appender.partitionOf(policyId), key: policyId };
  const ids = { id: policyId, source: '/test', timeMs: 1, subject: policyId, correlationId: 'c', causationId: null, traceparent: null };
  const data = {
    policyId,
    document: document ?? '',
    documentSha256: '',
    author: 'test',
    publishedAtMs: 1,
    reason: '',
    previousSha256: null,
  };
  const record = encodeEvent(codec, place, { type: 'PolicyPublished', data, meta: ids });
  return document === null ? { ...record, value: null, headers: {} } : record;
};

const openTables = (): Promise<SharedTables> => {
  const { log, codec } = cluster;
  const hooks = { onFault: (error: unknown) => assert.fail(String(error)), onEnd: (error: unknown) => assert.fail(String(error)) };
  return openSharedTables({ log, codec, clock: systemClock, tables: { policies: topics.policies }, ...hooks });
};

const documentOf = (tables: SharedTables, policyId: string): string | undefined =>
  tables
    .table('policies')
    .flatMap(({ type, data }) => (type === 'PolicyPublished' && data.policyId === policyId ? [data.document] : []))
    .at(0);

describe('a shared table', () => {
  it('shows a change to every instance well before another made two seconds later', async () => {
    await cluster.appender.append([policyRecord('p', '0'), policyRecord('q', '0')]);
    const instances = await Promise.all([openTables(), openTables(), openTables()]);
    for (const tables of instances) assert.equal(documentOf(tables, 'p'), '0', 'what was there is there from the start');
    for (let change = 1; change <= 2; change++) {
      let isNextMade = false;
      await cluster.appender.append([policyRecord('p', `${change}`)]);
      const next = sleep(2_000).then(() => (isNextMade = true));
      const haveSeen = async () => instances.every((tables) => documentOf(tables, 'p') === `${change}`);
      assert.ok(await eventually(haveSeen, Boolean, 30_000));
      assert.ok(!isNextMade, 'before the next one');
      await next;
    }
    await cluster.appender.append([policyRecord('q', null)]);
    assert.ok(await eventually(async () => instances.every((tables) => documentOf(tables, 'q') === undefined), Boolean));
    const [first, ...others] = instances.map((tables) => tables.positions()['policies']);
    for (const other of others) assert.deepEqual(other, first, 'who has seen the same stands at the same offsets');
    const partition = cluster.appender.partitionOf('p');
    const { end } = await cluster.log.bounds({ topic: topics.policies.name, partition });
    assert.equal(first?.get(partition), end);
    await Promise.all(instances.map((tables) => tables.close()));
  });
});

describe('following from a position that the log no longer has', () => {
  it('says that the partition begins anew, and up to where', async () => {
    const partition = cluster.appender.partitionOf('old');
    const place = { topic: topics.policies.name, partition };
    await cluster.appender.append(['1', '2', '3'].map((document) => policyRecord('old', document)));
    const { end } = await cluster.log.bounds(place);
    const admin = new Kafka({ brokers: [cluster.stack.brokers], clientId: 'test-admin', logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.fetchTopicOffsets(place.topic); // It deletes from topics only that it has met.
    await admin.deleteTopicRecords({ topic: place.topic, partitions: [{ partition, offset: String(end - 1) }] });
    await admin.disconnect();

    const resets: (readonly [TopicPartition, number])[] = [];
    const offsets: number[] = [];
    const closing = new AbortController();
    const caughtUp = Promise.withResolvers<void>();
    const following = cluster.log.follow({
      topics: [place.topic],
      from: (wanted) => (wanted.partition === partition ? 0 : Number.MAX_SAFE_INTEGER),
      signal: closing.signal,
      onReset: (where, until) => void resets.push([where, until]),
      onRecords: (where, records) => void (where.partition === partition && offsets.push(...records.map(({ offset }) => offset))),
      onCaughtUp: () => caughtUp.resolve(),
    });
    await caughtUp.promise;
    closing.abort();
    await following;
    assert.deepEqual(
      resets.find(([where]) => where.partition === partition),
      [place, end],
    );
    assert.deepEqual(offsets, [end - 1]);
  });
});
