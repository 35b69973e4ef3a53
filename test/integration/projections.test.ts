// A version of dedup is rebuilt beside the live one and takes over, in processes of their own, while events come in and one is killed.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deterministicId, topics } from '@waybill/domain';
import { versioned, versionGroup, versionTopic } from '@waybill/stream';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { eventually, readAll } from '../support/read-log.ts';
import { assertStoreEqualsTopic, hasCaughtUp, pushRecord, startCluster, type Cluster } from './stream.fixture.ts';

const root = join(import.meta.dirname, '../..');
const run = 'versions';
const chunk = 100;

let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(() => cluster.stop());

function start(version: number): ChildProcess {
  const { brokers, schemaRegistryUrl } = cluster.stack;
  const places = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, STATE_DIR: cluster.dir, OPS_PORT: '0' };
  const settings = { ...places, PROJECTION_VERSION: String(version), GROUP_SESSION_TIMEOUT_MS: '3000', LOG_LEVEL: 'warn' };
  const env = { ...process.env, ...settings };
  return spawn(process.execPath, [join(root, 'apps/dedup/src/main.ts')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** The command line as people use it. @returns its exit code and what it said */
async function waybill(...words: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  const { brokers, schemaRegistryUrl } = cluster.stack;
  const env = { ...process.env, KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl };
  const child = spawn(process.execPath, [join(root, 'apps/cli/src/main.ts'), 'projection', ...words], { env });
  let out = '';
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (out += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out };
}

/** Every push twice, as a sender would that repeats what it is not sure of. */
async function feed(from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += chunk) {
    const records = Array.from({ length: Math.min(chunk, to - first) }, (_, index) => pushRecord(cluster, run, first + index));
    await cluster.appender.append(records);
    await cluster.appender.append(records);
    await sleep(30);
  }
}

const hasRead = (version: number): Promise<boolean> => hasCaughtUp(cluster.log, versionGroup('dedup', version), [topics.imageEvents]);
const untilRead = async (version: number): Promise<void> =>
  assert.ok(await eventually(() => hasRead(version), Boolean), `version ${version} has read everything`);

/** Newest row per key of a version's catalog, byte for byte. */
async function catalogOf(version: number): Promise<ReadonlyMap<string, string>> {
  const records = await readAll(cluster.log, versionTopic(topics.catalog, version));
  return new Map(records.map(({ key, value }) => [key!.toString(), value!.toString('base64')]));
}

/** @returns the longest time between two events going out since then, ms */
async function assertSaidOnce(count: number, sinceMs = 0): Promise<number> {
  const images = await readAll(cluster.log, topics.images);
  const ids = images.map(({ headers }) => headers['ce_id']!.toString());
  assert.equal(ids.length, new Set(ids).size, 'no event goes out twice');
  const all = new Set(ids);
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !all.has(deterministicId(run, index)));
  assert.deepEqual(missing.slice(0, 3), [], `none is left out, but ${missing.length} of ${count} are`);
  for (const [key, records] of Map.groupBy(images, (record) => record.key!.toString()))
    assert.equal(new Set(records.map(({ partition }) => partition)).size, 1, `${key} stays in its partition`);
  const times = images
    .map(({ timestampMs }) => timestampMs)
    .filter((atMs) => atMs >= sinceMs)
    .toSorted((a, b) => a - b);
  return Math.max(...times.slice(1).map((time, index) => time - times[index]!));
}

describe('a new version of a live app', () => {
  it('is rebuilt beside it in silence, takes over under load and a kill, and gives back', async (t) => {
    const children = [start(1)];
    try {
      await feed(0, 1_000);
      await untilRead(1);
      assert.match(
        (await waybill('swap', 'dedup', '--to', '2', '--reason', 'too early', '--max-behind', '100')).out,
        /records behind version 1/,
      );
      assert.equal((await waybill('prepare', 'dedup', '2')).code, 0);
      const second = start(2);
      children.push(second);
      await untilRead(2);
      assert.deepEqual(await catalogOf(2), await catalogOf(1), 'the same logic makes the same bytes');

      const feedingSinceMs = Date.now();
      const feeding = feed(1_000, 3_000);
      await sleep(300);
      const swapped = await waybill('swap', 'dedup', '--to', '2', '--reason', 'the test wants it');
      assert.equal(swapped.code, 0, swapped.out);
      await stop(second, 'SIGKILL'); // In the middle of taking over, or of waiting to.
      children.push(start(2));
      await feeding;
      await untilRead(2);
      await untilRead(1);
      const gapMs = await assertSaidOnce(3_000, feedingSinceMs);
      t.diagnostic(`longest silence of the output around a swap with a kill: ${gapMs} ms`);

      const back = feed(3_000, 3_500);
      assert.equal((await waybill('swap', 'dedup', '--to', '1', '--reason', 'and back')).code, 0);
      await back;
      await Promise.all([untilRead(1), untilRead(2)]);
      await assertSaidOnce(3_500);
      assert.match((await waybill('list')).out, /dedup\s+v1\s+v2\s/);
    } finally {
      await Promise.all(children.map((child) => stop(child, 'SIGTERM')));
    }
    for (const version of [1, 2]) {
      const { group, stores } = versioned(dedup, version);
      await assertStoreEqualsTopic(cluster, stores, group, cluster.dir);
    }
    assert.deepEqual(await catalogOf(2), await catalogOf(1));
  });
});
