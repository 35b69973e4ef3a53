// The guarantees of the stream runtime on a real broker: dedup stands for every app, because it has state, marks and an output.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type ImagePushed, type RecordParked } from '@waybill/domain';
import { openStateStore } from '@waybill/state-store';
import {
  encodeParkedCommand,
  isEvent,
  StreamError,
  type EventLog,
  type Running,
  type RunOptions,
  type Topology,
  type Transaction,
} from '@waybill/stream';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { eventually, readAll } from '../support/read-log.ts';
import { assertExactlyOnce, hasCaughtUp, pushRecord, runDedupOn, startCluster, type Cluster } from './stream.fixture.ts';

let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(() => cluster.stop());

const root = join(import.meta.dirname, '../..');

function startDedup(stateDir: string, instance: string): ChildProcess {
  const { brokers, schemaRegistryUrl } = cluster.stack;
  const settings = {
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    STATE_DIR: stateDir,
    OPS_PORT: '0',
    INSTANCE_ID: instance,
  };
  const env = { ...process.env, ...settings, GROUP_SESSION_TIMEOUT_MS: '3000', LOG_LEVEL: 'warn' };
  return spawn(process.execPath, [join(root, 'apps/dedup/src/main.ts')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Appends every push twice, in chunks, as a sender would that repeats what it is not sure of. */
async function feed(run: string, from: number, to: number): Promise<void> {
  for (let start = from; start < to; start += 100) {
    const records = Array.from({ length: Math.min(100, to - start) }, (_, offset) => pushRecord(cluster, run, start + offset));
    await cluster.appender.append(records);
    await cluster.appender.append(records);
  }
}

const caughtUp = () =>
  eventually(
    () => hasCaughtUp(cluster.log, 'dedup', [topics.imageEvents]),
    (isDone) => isDone,
  );

/** dedup in this process, over a log that a test may spoil. */
const runDedup = (log: EventLog, stateDir: string, changes: Partial<RunOptions> = {}): Promise<Running> =>
  runDedupOn(cluster.codec, log, stateDir, changes);

/** Opens every partition once on a folder, which brings it up to the end of the state topics. */
async function refresh(stateDir: string): Promise<void> {
  const running = await runDedup(cluster.log, stateDir);
  assert.ok(await eventually(async () => running.ready(), Boolean));
  await running.close();
}

/** The log, with a say in what becomes of each commit. */
const spoiled = (log: EventLog, spoil: (commit: () => Promise<unknown>) => Promise<void>): EventLog => ({
  ...log,
  async openWriter(group, partition) {
    const writer = await log.openWriter(group, partition);
    return {
      close: () => writer.close(),
      async commit(transaction: Transaction) {
        let result: Awaited<ReturnType<typeof writer.commit>> | undefined;
        await spoil(async () => (result = await writer.commit(transaction)));
        return result ?? writer.commit(transaction);
      },
    };
  },
});

describe('exactly once', () => {
  it('holds when the process is killed with -9, again and again, under load', async () => {
    const stateDir = join(cluster.dir, 'killed');
    let child = startDedup(stateDir, '0');
    for (let round = 0; round < 6; round++) {
      await feed('killed', round * 500, (round + 1) * 500);
      await sleep([40, 130, 15, 300, 80, 0][round]);
      await stop(child, 'SIGKILL');
      child = startDedup(stateDir, '0');
    }
    assert.ok(await caughtUp());
    await stop(child, 'SIGTERM');
    await assertExactlyOnce(cluster, 'killed', 3_000, stateDir);
  });

  it('holds when acknowledgements of transactions are lost, whether they were committed or not', async () => {
    const stateDir = join(cluster.dir, 'lost-ack');
    let count = 0;
    const log = spoiled(cluster.log, async (commit) => {
      count += 1;
      if (count % 3 === 0) throw new StreamError('COMMIT_UNCERTAIN', 'lost before it was sent');
      if (count % 3 === 1) return;
      await commit();
      throw new StreamError('COMMIT_UNCERTAIN', 'lost after it was done');
    });
    const running = await runDedup(log, stateDir);
    await feed('lost-ack', 0, 1_500);
    assert.ok(await caughtUp());
    await running.close();
    assert.ok(count > 6, `${count} commits were tried`);
    await assertExactlyOnce(cluster, 'lost-ack', 1_500, stateDir);
  });

  it('holds when a stopped process wakes up after another has taken over', async () => {
    const [zombieDir, heirDir] = [join(cluster.dir, 'zombie'), join(cluster.dir, 'heir')];
    const zombie = startDedup(zombieDir, 'zombie');
    await feed('zombie', 0, 500);
    await caughtUp();
    await feed('zombie', 500, 1_000);
    zombie.kill('SIGSTOP');
    const heir = startDedup(heirDir, 'heir');
    await feed('zombie', 1_000, 2_000);
    assert.ok(await caughtUp(), 'the heir takes over all partitions');
    zombie.kill('SIGCONT');
    await feed('zombie', 2_000, 3_000);
    assert.ok(await caughtUp(), 'both share the work again');
    await Promise.all([stop(zombie, 'SIGTERM'), stop(heir, 'SIGTERM')]);
    await refresh(heirDir);
    await assertExactlyOnce(cluster, 'zombie', 3_000, heirDir);
  });
});

describe('local state', () => {
  it('is restored from the state topics when it is lost', async () => {
    const [lostDir, stateDir] = [join(cluster.dir, 'lost'), join(cluster.dir, 'fresh')];
    const first = await runDedup(cluster.log, lostDir);
    await feed('fresh', 0, 300);
    assert.ok(await caughtUp());
    await first.close();
    const running = await runDedup(cluster.log, stateDir);
    await feed('fresh', 0, 300); // Known to the state topics alone.
    assert.ok(await caughtUp());
    await running.close();
    await assertExactlyOnce(cluster, 'fresh', 300, stateDir);
  });

  it('of another cluster is refused, with what to do', async () => {
    const stateDir = join(cluster.dir, 'foreign');
    for (let partition = 0; partition < 6; partition++) {
      const store = await openStateStore(join(stateDir, `dedup-${partition}`));
      await store.commit({ puts: [], position: { changelog: new Map([[topics.catalog.name, 1_000_000]]) } });
      await store.close();
    }
    const crash = Promise.withResolvers<Error>();
    const running = await runDedup(cluster.log, stateDir, { onCrash: crash.resolve });
    const error = await crash.promise;
    assert.match(error.message, /delete the state folder/);
    await running.close();
  });
});

describe('a record that cannot be processed', () => {
  const parkedAs = async (code: string): Promise<readonly RecordParked[]> => {
    const records = await readAll(cluster.log, topics.parked);
    const parked = await Promise.all(records.map(async ({ value }) => (await cluster.codec.decode(value!)).data as RecordParked));
    return parked.filter((record) => record.code === code);
  };
  const imagesOf = async (run: string): Promise<readonly string[]> => {
    const records = (await readAll(cluster.log, topics.images)).filter(({ key }) => key?.toString().includes(`/${run}/`));
    return Promise.all(records.map(async ({ value }) => ((await cluster.codec.decode(value!)).data as ImagePushed).tags[0]!));
  };

  it('is parked with its bytes and reason, and the rest goes on', async () => {
    const stateDir = join(cluster.dir, 'poison');
    const good = pushRecord(cluster, 'poison', 0);
    const place = { topic: topics.imageEvents.name, partition: good.partition };
    const unknownSchema = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1]);
    const bad = [
      { value: Buffer.from('no avro at all'), headers: good.headers, reason: /first byte/ },
      { value: unknownSchema, headers: good.headers, reason: /schema 2147483647 is unknown/ },
      { value: good.value!.subarray(0, 9), headers: good.headers, reason: /no ImagePushed/ },
      { value: good.value, headers: {}, reason: /header ce_time|header ce_id/ },
      { value: null, headers: good.headers, reason: /no value/ },
      { value: Buffer.alloc(0), headers: good.headers, reason: /first byte/ },
      { value: Buffer.alloc(1_500_000, 'x'), headers: good.headers, reason: /first byte/ },
    ];
    await cluster.appender.append([
      ...bad.map(({ value, headers }, index) => ({ ...place, key: index === 0 ? null : `\0\0\0\0${index}`, value, headers })),
      good,
    ]);
    const running = await runDedup(cluster.log, stateDir);
    assert.ok(await caughtUp());
    await running.close();
    const records = await parkedAs('RECORD_UNDECODABLE');
    assert.equal(records.length, bad.length);
    for (const [index, { value, reason }] of bad.entries()) {
      const found = records.find(
        (record) => reason.test(record.reason) && (record.value?.equals(value ?? Buffer.alloc(0)) ?? value === null),
      );
      assert.ok(found, `parked with ${String(reason)}: ${records.map((record) => record.reason).join(' | ')}`);
      assert.equal(found.key?.toString(), index === 0 ? undefined : `\0\0\0\0${index}`);
    }
    await assertExactlyOnce(cluster, 'poison', 1, stateDir);
  });

  it('holds back its key alone; mended and retried it goes first, and everything arrives once', async () => {
    const stateDir = join(cluster.dir, 'mended');
    const broken: Topology = {
      ...dedup,
      handle(input, context) {
        if (isEvent(input, 'ImagePushed') && input.event.data.tags[0] === 'v0') throw new TypeError('v0 is undefined');
        return dedup.handle(input, context);
      },
    };
    const first = await runDedup(cluster.log, stateDir, { topology: broken });
    await feed('mended', 0, 60);
    assert.ok(await caughtUp());
    await first.close();
    const before = await imagesOf('mended');
    assert.deepEqual([before.length, before.includes('v0'), before.includes('v40'), before.includes('v41')], [58, false, false, true]);
    const [parked, ...more] = await parkedAs('STAGE_FAILED');
    assert.deepEqual([parked?.reason, more.length], ['v0 is undefined', 0]);

    const second = await runDedup(cluster.log, join(cluster.dir, 'mended-anew'));
    const { topic, partition, offset } = parked!;
    const wanted = { app: 'dedup', kind: 'record', id: `${topic}/${partition}/${offset}`, partition, wish: 'retry' } as const;
    const command = { ...wanted, requestedBy: 'ann', reason: 'mended', requestedAtMs: Date.now(), correlationId: 'c' };
    await feed('mended', 60, 100); // v80 comes to stand behind v0 and v40.
    await cluster.appender.append([1, 2].map(() => encodeParkedCommand(cluster.codec, command)));
    assert.equal((await eventually(() => imagesOf('mended'), ({ length }) => length === 100)).length, 100); // prettier-ignore
    await second.close();
    const held = await readAll(cluster.log, topics.dedupHeld);
    const newest = new Map(held.map(({ key, value }) => [key!.toString(), value]));
    assert.equal(newest.get(wanted.id), null);
    await assertExactlyOnce(cluster, 'mended', 100, join(cluster.dir, 'mended-anew'));
  });
});
