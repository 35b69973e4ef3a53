// A short, seeded part of `npm run test:fault`: kills at half of the named points, lost acknowledgements, aborted transactions, a replay.
// `WAYBILL_FAULT_SEED` repeats it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { faultSeed, randomFor } from '../support/fault-run.ts';
import { feedOf } from '../support/feed.ts';
import { killRounds } from '../support/kill-rounds.ts';
import { checkAlone, startLasting } from '../support/lasting.ts';
import { assertReadsFromEverywhere, expireUnread, interleaveTransactions, replayTwice } from '../support/log-faults.ts';
import { inflict, networkFaults } from '../support/network-faults.ts';
import { checkAudit } from '../support/oracle.ts';
import { killPointNames } from '../support/worker.ts';

const silent = (): void => undefined;
let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

/** In this order: each leaves a longer log to the next, and the last one spoils it. */
describe(`faults with seed ${faultSeed}`, () => {
  it('transactions that were aborted are read from nowhere, and passed on by nobody', async () => {
    const interleaved = await interleaveTransactions(cluster, { run: 'aborted', random: randomFor('T10'), rounds: 40, partition: 4 });
    await assertReadsFromEverywhere(cluster.log, interleaved, 4);
    const { outputsCount } = await checkAlone(cluster, { stateDir: join(cluster.dir, 'state-aborted') });
    assert.equal(outputsCount, interleaved.committed.length);
  });

  it('workers killed at named points leave nothing lost, doubled or out of order', async () => {
    const killsCount = Math.ceil(killPointNames.length / 2); // Which ones, the seed says.
    const options = { cluster, random: randomFor('T1'), run: 'kills', killsCount, killsPerOracle: killsCount, onProgress: silent };
    const { killed } = await killRounds(options);
    assert.equal(killed.size, killsCount);
  });

  it('acknowledgements and requests that are lost with their connection cost nothing but time', async () => {
    const random = randomFor('T3');
    const options = { cluster, random, run: 'network', pushesPerSecond: 200, workersCount: 1, isSenderDisturbed: true };
    const lasting = await startLasting(options);
    await lasting.catchUp();
    for (const fault of networkFaults.slice(1, 3)) assert.ok((await inflict(cluster.brokers, { ...fault, durationMs: 2_000 }, random)) > 0);
    await lasting.check();
    await checkAudit(cluster);
  });

  it('a replay into empty topics leaves the same bytes each time', async () => {
    const feed = feedOf(cluster, 'replayed', randomFor('T14'));
    while (feed.count() < 20_000) await feed.next(4_000);
    await replayTwice({ cluster, run: 'replay', onProgress: silent });
  });

  it('records that retention took before they were read stop the app, which says so', async () => {
    const { message } = await expireUnread(cluster, 'expired', randomFor('T11'));
    assert.match(message, /retention has removed everything before \d+.*accept the loss/);
  });
});
