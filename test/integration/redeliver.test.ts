// A range is delivered again into a sandbox, by the command line as people use it, beside an app that goes on living.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { allTopics, topics, type Topic } from '@waybill/domain';
import { findSandbox, sandboxName, type Redelivery, type Running } from '@waybill/stream';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { eventually, readAll } from '../support/read-log.ts';
import { hasCaughtUp, pushRecord, runDedupOn, startCluster, type Cluster } from './stream.fixture.ts';

const root = join(import.meta.dirname, '../..');
const run = 'redelivered';
const count = 300;

let cluster: Cluster;
let admin: Admin;
let live: Running;
before(async () => {
  cluster = await startCluster();
  const kafka = new Kafka({ brokers: [cluster.stack.brokers], clientId: 'test', logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
  live = await runDedupOn(cluster.codec, cluster.log, cluster.dir);
  await feed(0, count);
});
after(async () => {
  await live?.close();
  await admin?.disconnect();
  await cluster?.stop();
});

/** Every push twice, and the live app has dealt with them. */
async function feed(from: number, to: number): Promise<void> {
  const records = Array.from({ length: to - from }, (_, index) => pushRecord(cluster, run, from + index));
  for (let round = 0; round < 2; round++) await cluster.appender.append(records);
  assert.ok(await eventually(() => hasCaughtUp(cluster.log, 'dedup', [topics.imageEvents]), Boolean), 'the live app has read everything');
}

/** @returns exit code, standard output, and what else it said */
async function waybill(...words: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const env = { ...process.env, KAFKA_BROKERS: cluster.stack.brokers, SCHEMA_REGISTRY_URL: cluster.stack.schemaRegistryUrl };
  const child = spawn(process.execPath, [join(root, 'apps/cli/src/main.ts'), ...words], { env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

const redeliver = async (...words: readonly string[]) => {
  const { code, out, err } = await waybill('redeliver', 'dedup', '--from', '2020-01-01', '-o', 'json', ...words);
  assert.ok(code === 0 || code === 1, err);
  assert.equal(err, '');
  return { code, result: JSON.parse(out) as Redelivery };
};

/** All that a run could move: ends of live topics, offsets of the live group, names of topics and groups. */
async function liveState(): Promise<unknown> {
  const state: unknown[] = [];
  for (let partition = 0; partition < cluster.log.partitions; partition++) {
    for (const { name: topic } of allTopics) state.push([topic, partition, (await cluster.log.bounds({ topic, partition })).end]);
    state.push(...(await cluster.log.committed('dedup', [topics.imageEvents.name, topics.parkedCommands.name], partition)));
  }
  return state;
}

async function names(): Promise<{ readonly topics: readonly string[]; readonly groups: readonly string[] }> {
  const [known, { groups }] = await Promise.all([admin.listTopics(), admin.listGroups()]);
  return { topics: known.toSorted(), groups: groups.map(({ groupId }) => groupId).toSorted() };
}

const saidIn = async (topic: Pick<Topic, 'name'>): Promise<readonly string[]> => {
  const records = await readAll(cluster.log, topic as Topic);
  return records.map(({ key, value, partition }) => `${partition} ${key!.toString()} ${value!.toString('base64')}`).toSorted();
};

/** The app with another mind, as a checkout of its own would be. */
function candidate(): string {
  const urlOf = (path: string): string => JSON.stringify(pathToFileURL(join(root, path)).href);
  const path = join(cluster.dir, 'candidate.ts');
  writeFileSync(
    path,
    `import { runApp } from ${urlOf('libs/app-kit/src/index.ts')};
     import { topics } from ${urlOf('libs/domain/src/index.ts')};
     import { dedup } from ${urlOf('apps/dedup/src/topology.ts')};
     const handle = (input, context) => {
       const step = dedup.handle(input, context);
       const number = Number(input.event.data.tags[0].slice(1));
       if (number === 7) return { ...step, emit: [] };
       if (number === 8) throw new Error('eight is not understood');
       // To a topic that is another app's, and none of dedup's business.
       if (number === 9) return { ...step, emit: [...(step.emit ?? []), { topic: topics.deliveries, key: 'k', forward: input.event }] };
       return step;
     };
     await runApp({ app: 'dedup', topology: { ...dedup, outputs: [...dedup.outputs, topics.deliveries], handle } });`,
  );
  return path;
}

describe('a range of the log that is delivered again', () => {
  it('leads the same app to the same events, apart from everything live, and is gone when it is dropped', async () => {
    const [before, namesBefore] = [await liveState(), await names()];
    const { code, result } = await redeliver('--sandbox', 'same');
    assert.equal(code, 0);
    assert.equal(result.inputsCount, 2 * count);
    assert.deepEqual(result.outputs, [
      { topic: topics.images.name, type: 'ImagePushed', same: count, changed: 0, additional: 0, missing: 0, work: 0 },
    ]);
    assert.deepEqual(await saidIn({ name: sandboxName(topics.images.name, 'same') }), await saidIn(topics.images));
    assert.match((await waybill('redeliver', 'list')).out, /^same +dedup +5$/m);
    const again = await waybill('redeliver', 'dedup', '--from', '2020-01-01', '--sandbox', 'same');
    assert.deepEqual([again.code, /SANDBOX_REFUSED/.test(again.err)], [1, true], again.err);
    assert.equal((await waybill('redeliver', 'drop', 'same')).code, 0);
    assert.deepEqual(await eventually(names, (now) => now.topics.length === namesBefore.topics.length), namesBefore);
    assert.deepEqual(await liveState(), before);
    await feed(count, count + 20);
  });

  it('shows what other code says otherwise, and lets none of it out', async () => {
    const before = await liveState();
    const { code, result } = await redeliver('--entry', candidate(), '--sandbox', 'other', '--drop');
    assert.equal(code, 1);
    const sums = { ...result.outputs.find(({ topic }) => topic === topics.images.name) };
    assert.deepEqual(
      [sums.same, sums.missing, sums.changed, sums.additional],
      [count + 20 - 9, 9, 0, 0],
      'the eighth is parked, and seven of its key wait',
    );
    assert.equal(result.outputs.find(({ topic }) => topic === topics.deliveries.name)?.additional, 1);
    assert.deepEqual([result.parkedCount, result.waitingCount, result.parked[0]!.code], [1, 15, 'STAGE_FAILED']);
    assert.deepEqual(await liveState(), before);
  });

  it('is as narrow as it is asked for, and begins with what the app knows by now when that is wanted', async () => {
    const one = await redeliver('--match', `${run}/app3`, '--drop');
    assert.deepEqual([one.code, one.result.inputsCount], [0, 2 * 8]);
    const known = await redeliver('--match', `${run}/app3`, '--state', 'now', '--drop');
    assert.deepEqual([known.code, known.result.ignored], [1, { 'already seen': 16 }]);
  });

  it('is documented with commands that work', async () => {
    const section = readFileSync(join(root, 'docs/replays.md'), 'utf8').split('## A range again, in a sandbox')[1]!;
    const block = /```sh\n([^`]+)```/.exec(section)![1]!;
    const commands = block.trim().split('\n').map((line) => line.replace(/ *#.*/, '').split(' ')); // prettier-ignore
    assert.ok(commands.length >= 4);
    for (const [, ...words] of commands) {
      const { code, err } = await waybill(...words);
      assert.ok(code === 0 || (code === 1 && err === ''), `${words.join(' ')}: ${err}`);
    }
    const sandboxed = async (): Promise<readonly string[]> => {
      const known = await names();
      return [...known.topics, ...known.groups].filter((name) => findSandbox(name) !== undefined);
    };
    assert.deepEqual(await eventually(sandboxed, (left) => left.length === 0), []);
    assert.deepEqual(readdirSync(tmpdir()).filter((name) => name.startsWith('waybill-redeliver-')), []); // prettier-ignore
  });
});
