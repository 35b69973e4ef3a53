// What the tests of the stream runtime share: a cluster of their own, records to feed, and the oracle that every fault ends in.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deterministicId, repositoryKey, topics, type ImagePushed, type MarkBatch, type Topic } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { createAppender, createCodec, createEventLog, deploy, type Appender } from '@waybill/kafka';
import { openStateStore } from '@waybill/state-store';
import { runTopology, encodeEvent, type Codec, type EventLog, type NewRecord, type Running, type RunOptions } from '@waybill/stream';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { startStack, type Stack } from '../../infra/local/stack.ts';
import { readAll } from '../support/read-log.ts';

export type Cluster = {
  readonly stack: Stack;
  readonly dir: string;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly appender: Appender;
  stop(): Promise<void>;
};

export async function startCluster(): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-stream-'));
  const stack = await startStack({ dir, apps: false });
  const brokers = [stack.brokers];
  const registryUrl = stack.schemaRegistryUrl;
  await deploy({ brokers, registryUrl, partitions: 6, replication: 1, onProgress: () => undefined });
  const log = await createEventLog({ brokers, clientId: 'test', countBy: topics.images.name });
  const appender = await createAppender({ brokers, clientId: 'test', countBy: topics.images.name, timeoutMs: 30_000 });
  return {
    ...{ stack, dir, log, appender },
    codec: await createCodec({ registryUrl }),
    async stop() {
      await Promise.all([log.close(), appender.close()]);
      await stack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Push number `index` of a run: 40 repositories, a tag of its own each, times in order. */
export function pushRecord({ codec, appender }: Cluster, run: string, index: number): NewRecord {
  const repository = `${run}/app${index % 40}`;
  const data: ImagePushed = {
    ...{ registry: 'registry.test', repository, tags: [`v${index}`], digest: `sha256:${String(index).padStart(64, '0')}` },
    ...{ ...unsaid, sizeBytes: 1, occurredAtMs: index, receivedAtMs: index, source: 'test', endpoint: 'test' },
  };
  const id = deterministicId(run, index);
  const meta = { id, source: '/test', timeMs: Date.now(), subject: repository, correlationId: id, causationId: null, traceparent: null };
  const key = repositoryKey(data);
  return encodeEvent(codec, { topic: topics.imageEvents, partition: appender.partitionOf(key), key }, { type: 'ImagePushed', data, meta });
}

/** True once a group has committed everything that its inputs hold. */
export async function hasCaughtUp(log: EventLog, group: string, inputs: readonly Topic[]): Promise<boolean> {
  for (let partition = 0; partition < log.partitions; partition++) {
    const committed = await log.committed(
      group,
      inputs.map(({ name }) => name),
      partition,
    );
    for (const { name } of inputs) {
      const place = { topic: name, partition };
      const { first, end } = await log.bounds(place);
      let last = first - 1;
      await log.read(place, { from: Math.max(first, end - 50), to: end }, (records) => void (last = records.at(-1)?.offset ?? last));
      if (last >= first && (committed.get(name) ?? 0) <= last) return false;
    }
  }
  return true;
}

/**
 * The end of every fault: what was appended arrives once and in order per key; the newest row per key of the state topic is, byte
 * for byte, what the local store holds.
 */
export async function assertExactlyOnce(cluster: Cluster, run: string, count: number, stateDir: string): Promise<void> {
  const { log } = cluster;
  const images = (await readAll(log, topics.images)).filter((record) => record.key?.toString().includes(`/${run}/`));
  const ids = images.map((record) => record.headers['ce_id']!.toString());
  assert.equal(ids.length, new Set(ids).size, 'no occurrence is passed on twice');
  const lost = Array.from({ length: count }, (_, index) => index).filter((index) => !ids.includes(deterministicId(run, index)));
  assert.deepEqual(lost.slice(0, 3), [], `none is lost, but ${lost.length} of ${count} are`);
  assert.equal(ids.length, count);
  for (const [key, records] of Map.groupBy(images, (record) => record.key!.toString())) {
    const tags = await Promise.all(records.map(async ({ value }) => ((await cluster.codec.decode(value!)).data as ImagePushed).tags[0]!));
    const numbers = tags.map((tag) => Number(tag.slice(1)));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      `the order of ${key} is kept`,
    );
  }
  await assertStoreEqualsTopic(cluster, { catalog: topics.catalog }, 'dedup', stateDir);
  await assertMarksEqualTopic(cluster, 'dedup', 'seen', stateDir);
}

/** The local marks are the fold of their topic. None is old enough to have been swept here. */
async function assertMarksEqualTopic({ log, codec }: Cluster, group: string, name: string, stateDir: string): Promise<void> {
  for (let partition = 0; partition < log.partitions; partition++) {
    const newest = new Map<string, number>();
    const place = { topic: topics.dedupMarks.name, partition };
    const { first, end } = await log.bounds(place);
    await log.read(place, { from: first, to: end }, async (records) => {
      for (const { value } of records) {
        const { ids, atMs } = (await codec.decode(value!)).data as MarkBatch;
        for (const [index, id] of ids.entries()) newest.set(id, atMs[index]!);
      }
    });
    const store = await openStateStore(join(stateDir, `${group}-${partition}`));
    const local = new Map([...store.entries(`#${name}`)].map(([id, bytes]) => [id, bytes.readDoubleBE()]));
    await store.close();
    const different = [...new Set([...local.keys(), ...newest.keys()])].filter((id) => local.get(id) !== newest.get(id));
    const what = `${group}-${partition}: the local marks ${name} are the fold of ${place.topic}`;
    assert.deepEqual(different.slice(0, 3), [], `${what}, but for ${different.length} of ${newest.size}`);
    assert.equal(local.size, newest.size);
  }
}

export async function assertStoreEqualsTopic(
  { log }: Cluster,
  stores: Readonly<Record<string, Topic>>,
  group: string,
  stateDir: string,
): Promise<void> {
  for (const [name, topic] of Object.entries(stores)) {
    for (let partition = 0; partition < log.partitions; partition++) {
      const newest = new Map<string, string>();
      const place = { topic: topic.name, partition };
      const { first, end } = await log.bounds(place);
      await log.read(place, { from: first, to: end }, (records) => {
        for (const { key, value } of records) {
          if (value === null) newest.delete(key!.toString());
          else newest.set(key!.toString(), value.toString('base64'));
        }
      });
      const store = await openStateStore(join(stateDir, `${group}-${partition}`));
      const local = new Map([...store.entries(name)].map(([key, value]) => [key, value.toString('base64')]));
      await store.close();
      const different = [...new Set([...local.keys(), ...newest.keys()])].filter((key) => local.get(key) !== newest.get(key));
      const but = `but for ${different.length} of ${newest.size} rows`;
      const what = `${group}-${partition}: the local ${name} is the fold of ${topic.name}, ${but}`;
      assert.deepEqual(different.slice(0, 3), [], what);
    }
  }
}

/** dedup in the test's own process, over a log that the test may spoil. */
export async function runDedupOn(codec: Codec, log: EventLog, stateDir: string, changes: Partial<RunOptions> = {}): Promise<Running> {
  return runTopology({
    topology: dedup,
    log,
    codec,
    openStore: async (group, partition) => openStateStore(join(stateDir, `${group}-${partition}`)),
    instance: 'dedup-0',
    sessionTimeoutMs: 6_000,
    onCrash: (error) => assert.fail(error),
    ...changes,
  });
}
