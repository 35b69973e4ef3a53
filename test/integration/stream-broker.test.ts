// The stream runtime against a broker that goes away, members that come and go, and records near the limits.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import { createEventLog } from '@waybill/kafka';
import { type EventLog, type NewRecord, type Running, type RunOptions } from '@waybill/stream';
import { eventually, readAll } from '../support/read-log.ts';
import { assertExactlyOnce, hasCaughtUp, pushRecord, runDedupOn, startCluster, type Cluster } from './stream.fixture.ts';

let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(() => cluster.stop());

const openLog = (clientId: string): Promise<EventLog> =>
  createEventLog({ brokers: [cluster.stack.brokers], clientId, countBy: topics.images.name });

const runDedup = (log: EventLog, stateDir: string, changes: Partial<RunOptions> = {}): Promise<Running> =>
  runDedupOn(cluster.codec, log, stateDir, changes);

const pushes = (run: string, from: number, to: number): readonly NewRecord[] =>
  Array.from({ length: to - from }, (_, index) => pushRecord(cluster, run, from + index));
const caughtUp = () =>
  eventually(
    () => hasCaughtUp(cluster.log, 'dedup', [topics.imageEvents]),
    (isDone) => isDone,
  );
const isReady = (running: Running) => eventually(async () => running.ready(), Boolean);
const bulk = (partition: number, key: string, bytes: number): NewRecord => ({
  ...{ topic: topics.deliveries.name, partition, key, value: Buffer.alloc(bytes, 'x'), headers: {} },
});

describe('members that come and go', () => {
  it('leave every push passed on once, in order', async () => {
    const run = 'storm';
    const dirs = [join(cluster.dir, 'storm-0'), join(cluster.dir, 'storm-1')] as const;
    const [stayingLog, passingLog] = [await openLog('staying'), await openLog('passing')];
    const staying = await runDedup(stayingLog, dirs[0], { instance: 'staying' });
    const endMs = Date.now() + 20_000;
    let fed = 0;
    for (let round = 0; Date.now() < endMs; round++) {
      const passing = await runDedup(passingLog, dirs[1], { instance: `passing-${round % 2}` });
      for (let step = 0; step < 4; step++) {
        await cluster.appender.append(pushes(run, fed, fed + 100));
        fed += 100;
        await sleep(250);
      }
      await passing.close();
    }
    assert.ok(await caughtUp());
    await staying.close();
    const last = await runDedup(stayingLog, dirs[0], { instance: 'staying' });
    assert.ok(await isReady(last));
    await last.close();
    await assertExactlyOnce(cluster, run, fed, dirs[0]);
    await Promise.all([stayingLog.close(), passingLog.close()]);
  });
});

describe('records near the limits', () => {
  const commit = async (group: string, records: readonly NewRecord[]) => {
    const writer = await cluster.log.openWriter(group, 0);
    return writer.commit({ records, consumed: new Map(), partition: 0 });
  };
  const end = async (topic: string) => (await cluster.log.bounds({ topic, partition: 0 })).end;

  it('are one transaction, also when a partition needs several rounds, and the position is behind the last', async () => {
    const { name } = topics.deliveries;
    const records = [...Array.from({ length: 25_000 }, (_, index) => bulk(0, `k${index}`, 10)), bulk(0, 'big', 2_000_000)];
    const next = await commit('rounds', [...records, bulk(1, 'other', 10)]);
    const marked = next.get(name)! + 1; // The marker is written after the answer.
    assert.equal(await eventually(() => end(name), (offset) => offset >= marked), marked); // prettier-ignore
    const keys: string[] = [];
    await cluster.log.read({ topic: name, partition: 0 }, { from: 0, to: next.get(name)! }, (found) => {
      keys.push(...found.map(({ key }) => key!.toString()));
    });
    assert.deepEqual(keys.slice(-25_001), records.map(({ key }) => key)); // prettier-ignore
  });

  it('are refused for good where they are too long, with what to do', async () => {
    await assert.rejects(commit('too-long', [bulk(0, 'k', 4 * 1_048_576 + 100)]), {
      code: 'RECORD_REFUSED',
      message: /waybill.deliveries.v1: MESSAGE_TOO_LARGE; compare/,
    });
  });

  it('are not held up by a partition that always has something to give', async () => {
    const closing = new AbortController();
    const { name } = topics.deliveries;
    const behind: (readonly [number, number])[] = [];
    for (let round = 0; round < 20; round++)
      await cluster.appender.append(Array.from({ length: 500 }, (_, index) => bulk(2, `k${index}`, 1_500)));
    await cluster.appender.append([bulk(3, 'big', 3_000_000)]);
    const from = ({ partition }: { partition: number }) => (partition === 2 || partition === 3 ? undefined : Number.MAX_SAFE_INTEGER);
    const done = Promise.withResolvers<void>();
    const counts = new Map<number, number>();
    const following = cluster.log.follow({
      topics: [name],
      from: (place) => from(place),
      signal: closing.signal,
      onRecords: ({ partition }, records) => {
        counts.set(partition, (counts.get(partition) ?? 0) + records.length);
        if (partition === 3) behind.push([counts.get(2) ?? 0, records.length]);
        if ((counts.get(2) ?? 0) >= 10_000 && counts.has(3)) done.resolve();
      },
    });
    await done.promise;
    closing.abort();
    await following;
    assert.ok(behind[0]![0] < 6_000, `the long record came after ${behind[0]![0]} of 10000 others`);
  });
});

describe('writers side by side', () => {
  it('commit records of several topics and offsets at the first try, round after round', async () => {
    const outputs = [topics.deliveries.name, topics.images.name, topics.catalog.name];
    const partitions = Array.from({ length: cluster.log.partitions }, (_, partition) => partition);
    const next = await Promise.all(
      partitions.map(async (partition) => {
        const writer = await cluster.log.openWriter('side-by-side', partition);
        for (let round = 1; round <= 15; round++) {
          const records = outputs.flatMap((topic) => Array.from({ length: 20 }, () => ({ ...bulk(partition, 'k', 100), topic })));
          await writer.commit({ records, consumed: new Map([[topics.imageEvents.name, round]]), partition });
        }
        // The answer comes before the offsets are to be seen; the next writer's opening waits for that.
        await (await cluster.log.openWriter('side-by-side', partition)).close();
        return cluster.log.committed('side-by-side', [topics.imageEvents.name], partition);
      }),
    );
    assert.ok(next.every((offsets) => offsets.get(topics.imageEvents.name) === 15));
  });
});

describe('a broker that goes away', () => {
  it('is waited for: what follows topics goes on by itself', async (test) => {
    const closing = new AbortController();
    let count = 0;
    const following = cluster.log.follow({
      topics: [topics.images.name],
      from: () => undefined,
      signal: closing.signal,
      onRecords: (_place, records) => void (count += records.length),
    });
    // A member whose partitions are still being made ready when the broker goes: it has them afterwards, and once.
    const [isAsked, isMade, isReading] = [0, 0, 0].map(() => Promise.withResolvers<void>());
    const memberLog = await openLog('member');
    let assigned = 0;
    const member = await memberLog.joinGroup({
      ...{ group: 'restarted', topics: [topics.images.name], instance: 'restarted-0', sessionTimeoutMs: 45_000 },
      handlers: {
        assigned: async () => {
          assigned += 1;
          isAsked!.resolve();
          await isMade!.promise;
          return new Map();
        },
        batch: async () => isReading!.resolve(),
        crashed: (error) => assert.fail(error),
      },
    });
    test.after(() => member.close().then(() => memberLog.close()));
    await isAsked!.promise;
    await cluster.stack.restartBroker();
    isMade!.resolve();
    await cluster.appender.append(pushes('after-restart', 0, 10).map((record) => ({ ...record, topic: topics.images.name })));
    const all = (await readAll(cluster.log, topics.images)).length;
    assert.equal(await eventually(async () => count, (read) => read >= all), all); // prettier-ignore
    await isReading!.promise;
    assert.equal(assigned, 1);
    closing.abort();
    await following;
  });

  it('does not keep an app from closing in time, and nothing is lost', async () => {
    const log = await openLog('held');
    const faults: unknown[] = [];
    const running = await runDedup(log, join(cluster.dir, 'held'), { observer: { fault: (error) => faults.push(error) } });
    assert.ok(await isReady(running));
    await cluster.appender.append(pushes('held', 0, 2_000));
    await cluster.stack.hold('kafka');
    const startedMs = Date.now();
    await running.close();
    await log.close();
    assert.ok(Date.now() - startedMs < 20_000, `closing took ${Date.now() - startedMs} ms`);
    cluster.stack.release('kafka');
    await cluster.stack.ready('kafka');
    const again = await runDedup(cluster.log, join(cluster.dir, 'held'));
    assert.ok(await caughtUp());
    await again.close();
    await assertExactlyOnce(cluster, 'held', 2_000, join(cluster.dir, 'held'));
  });
});
