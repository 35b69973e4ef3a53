// T10, T9, T14, T11, on one cluster in this order: a log full of aborted transactions, compacted, replayed, and cut off.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import { createEventLog } from '@waybill/kafka';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { assertReadsOver, emptyBatches, writeVoid, type EmptyBatch } from '../support/empty-batches.ts';
import { feedOf } from '../support/feed.ts';
import { checkAlone, startLasting } from '../support/lasting.ts';
import { assertReadsFromEverywhere, compactEagerly, expireUnread, interleaveTransactions, replayTwice } from '../support/log-faults.ts';
import { forEachRecord } from '../support/oracle.ts';
import { eventually } from '../support/read-log.ts';
import { pass } from '../support/tcp-proxy.ts';

const replayedCount = Number(process.env['WAYBILL_FAULT_REPLAYED'] ?? 1_000_000);
const partition = 4;

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1, settings: { 'log.cleaner.backoff.ms': 500 } })));
after(() => cluster.stop());

describe(`T10, seed ${faultSeed}`, () => {
  it('aborted transactions of three producers are never read, from whatever offset and in whatever pieces', () =>
    recorded('T10', 'overlapping transactions of three producers, read from every offset, also in slices', async () => {
      const random = randomFor('T10');
      const interleaved = await interleaveTransactions(cluster, { run: 'aborted', random, rounds: 300, partition });
      const { abortedCount, committed, end } = interleaved;
      assert.ok(abortedCount > 50 && committed.length > 50);
      await assertReadsFromEverywhere(cluster.log, interleaved, partition);
      const [broker] = cluster.brokers.all;
      broker!.proxy.rule = ({ from }) => (from === 'broker' ? { sliceBytes: 1_000 + random.below(20_000) } : 'pass');
      const sliced = await createEventLog({ brokers: cluster.brokers.proxied, clientId: 'sliced', countBy: topics.images.name });
      await assertReadsFromEverywhere(sliced, interleaved, partition);
      await sliced.close();
      broker!.proxy.rule = pass;
      const { outputsCount } = await checkAlone(cluster, { stateDir: join(cluster.dir, 'state-aborted') });
      assert.equal(outputsCount, committed.length, 'only what was committed is passed on');
      tell('T10', `${end} offsets`);
      return { faults: `${abortedCount} records aborted`, checked: `${committed.length} committed, ${2 * end} reads` };
    }));
});

describe(`T9, seed ${faultSeed}`, () => {
  it('a state topic that is compacted all the time, with killed writers, is restored to its right end', () =>
    recorded('T9', 'compaction under the writers; state restored from what it leaves', async () => {
      await compactEagerly(cluster, topics.catalog);
      const lasting = await startLasting({ cluster, random: randomFor('T9'), run: 'compacted', pushesPerSecond: 400, workersCount: 1 });
      for (let round = 0; round < 6; round++) {
        await sleep(4_000);
        await writeVoid(cluster, topics.catalog);
        lasting.workers[0]!.current().signal('SIGKILL');
      }
      const verdict = await lasting.check();
      const [left, written] = await recordsAndOffsets();
      assert.ok(left < written, `the log cleaner has been at work: ${left} records are left of ${written} offsets`);
      const isLeft = (batches: readonly EmptyBatch[]): boolean =>
        new Set(batches.map(({ partition: at }) => at)).size === cluster.log.partitions;
      const empty = await eventually(async () => emptyBatches(cluster, topics.catalog), isLeft);
      assert.ok(isLeft(empty), `each partition has empty batches: ${JSON.stringify(empty)}`);
      await assertReadsOver(cluster.log, topics.catalog, empty);
      const [stateDir, snapshotDir] = [join(cluster.dir, 'state-from-compacted'), join(cluster.dir, 'no-snapshots')];
      await checkAlone(cluster, { stateDir, snapshotDir });
      tell('T9', `${left} records left of ${written} offsets, ${empty.length} empty batches`);
      return {
        faults: `6 kills; ${written - left} of ${written} offsets gone; ${empty.length} empty batches read over`,
        checked: checkedText(verdict),
      };
    }));
});

async function recordsAndOffsets(): Promise<readonly [number, number]> {
  let [records, offsets] = [0, 0];
  await forEachRecord(cluster.log, topics.catalog, () => void (records += 1));
  for (let number = 0; number < cluster.log.partitions; number++)
    offsets += (await cluster.log.bounds({ topic: topics.catalog.name, partition: number })).end;
  return [records, offsets];
}

describe(`T14, seed ${faultSeed}`, () => {
  it(`${replayedCount} events replayed twice leave the same bytes`, () =>
    recorded('T14', `${replayedCount} pushes and all before replayed twice into empty topics`, async () => {
      const feed = feedOf(cluster, 'replayed', randomFor('T14'));
      while (feed.count() < replayedCount) {
        await feed.next(Math.min(4_000, replayedCount - feed.count()));
        if (feed.count() % 100_000 === 0) tell('T14', `${feed.count()} of ${replayedCount} pushes written`);
      }
      const verdict = await replayTwice({ cluster, run: 'replay', onProgress: (line) => tell('T14', line) });
      return { faults: 'none', checked: `${checkedText(verdict)}; equal bytes` };
    }));
});

describe(`T11, seed ${faultSeed}`, () => {
  it('records that retention took before they were read stop the app, which says so', () =>
    recorded('T11', 'retention passes the committed offset', async () => {
      const { expiredCount, message } = await expireUnread(cluster, 'expired', randomFor('T11'));
      tell('T11', message);
      return { faults: `${expiredCount} records expired`, checked: '`OFFSET_EXPIRED`, exit code 1, no offset moved' };
    }));
});
