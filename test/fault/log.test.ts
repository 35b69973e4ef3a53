// T10, T9, T14, T11, on one cluster in this order: a log full of aborted transactions, compacted, replayed, and cut off.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import { createEventLog } from '@waybill/kafka';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { addRow, faultSeed, randomFor, tell } from '../support/fault-run.ts';
import { feedOf } from '../support/feed.ts';
import { checkAlone, startLasting } from '../support/lasting.ts';
import { assertReadsFromEverywhere, compactEagerly, expireUnread, interleaveTransactions, replayTwice } from '../support/log-faults.ts';
import { forEachRecord } from '../support/oracle.ts';

const replayedCount = Number(process.env['WAYBILL_FAULT_REPLAYED'] ?? 1_000_000);

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1, settings: { 'log.cleaner.backoff.ms': 500 } })));
after(() => cluster.stop());

describe(`T10, seed ${faultSeed}`, () => {
  it('aborted transactions of three producers are never read, from whatever offset and in whatever pieces', async () => {
    const startedMs = performance.now();
    const random = randomFor('T10');
    const interleaved = await interleaveTransactions(cluster, { run: 'aborted', random, rounds: 300, partition: 4 });
    assert.ok(interleaved.abortedCount > 50 && interleaved.committed.length > 50);
    await assertReadsFromEverywhere(cluster.log, interleaved, 4);
    const [broker] = cluster.brokers.all;
    broker!.proxy.rule = ({ from }) => (from === 'broker' ? { sliceBytes: 1 + random.below(300) } : 'pass');
    const sliced = await createEventLog({ brokers: cluster.brokers.proxied, clientId: 'sliced', countBy: topics.images.name });
    await assertReadsFromEverywhere(sliced, interleaved, 4);
    await sliced.close();
    broker!.proxy.rule = () => 'pass';
    const { outputsCount } = await checkAlone(cluster, join(cluster.dir, 'state-aborted'));
    assert.equal(outputsCount, interleaved.committed.length, 'only what was committed is passed on');
    tell('T10', `${interleaved.end} offsets`);
    addRow({ test: 'T10', what: 'overlapping transactions of three producers, read from every offset', faults: `${interleaved.abortedCount} records aborted`, checked: `${interleaved.committed.length} committed, ${2 * interleaved.end} reads`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});

describe(`T9, seed ${faultSeed}`, () => {
  it('a state topic that is compacted all the time, with killed writers, is restored to its right end', async () => {
    const startedMs = performance.now();
    await compactEagerly(cluster, topics.catalog);
    const random = randomFor('T9');
    const lasting = await startLasting({ cluster, random, run: 'compacted', pushesPerSecond: 400, workersCount: 1 });
    for (let round = 0; round < 6; round++) {
      await sleep(4_000);
      lasting.workers[0]!.current().signal('SIGKILL');
    }
    const verdict = await lasting.check();
    const [left, written] = await recordsAndOffsets();
    assert.ok(left < 0.7 * written, `the log cleaner has been at work: ${left} records are left of ${written} offsets`);
    await checkAlone(cluster, join(cluster.dir, 'state-from-compacted'));
    tell('T9', `${left} records left of ${written} offsets`);
    addRow({ test: 'T9', what: 'compaction under the writers; state restored from what it leaves', faults: `6 kills; ${written - left} of ${written} offsets gone`, checked: `${verdict.inputsCount} deliveries, ${verdict.rowsCount} rows`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});

async function recordsAndOffsets(): Promise<readonly [number, number]> {
  let [records, offsets] = [0, 0];
  await forEachRecord(cluster.log, topics.catalog, () => void (records += 1));
  for (let partition = 0; partition < cluster.log.partitions; partition++)
    offsets += (await cluster.log.bounds({ topic: topics.catalog.name, partition })).end;
  return [records, offsets];
}

describe(`T14, seed ${faultSeed}`, () => {
  it(`${replayedCount} events replayed twice leave the same bytes`, async () => {
    const startedMs = performance.now();
    const feed = feedOf(cluster, 'replayed', randomFor('T14'));
    while (feed.count() < replayedCount) {
      await feed.next(Math.min(4_000, replayedCount - feed.count()));
      if (feed.count() % 100_000 === 0) tell('T14', `${feed.count()} of ${replayedCount} events written`);
    }
    const { inputsCount, rowsCount } = await replayTwice({ cluster, run: 'replay', onProgress: (line) => tell('T14', line) });
    addRow({ test: 'T14', what: 'everything replayed twice into empty topics', faults: 'none', checked: `${inputsCount} deliveries, ${rowsCount} rows, equal bytes`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});

describe(`T11, seed ${faultSeed}`, () => {
  it('records that retention took before they were read stop the app, which says so', async () => {
    const startedMs = performance.now();
    const { expiredCount, message } = await expireUnread(cluster, 'expired', randomFor('T11'));
    tell('T11', message);
    addRow({ test: 'T11', what: 'retention passes the committed offset', faults: `${expiredCount} records expired`, checked: 'OFFSET_EXPIRED, exit code 1, no offset moved', tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});
