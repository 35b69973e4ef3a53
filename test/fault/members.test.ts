// T4, T6, T7, T13: members that freeze, fight, come and go, restore for long, or do not know what time it is.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { addRow, faultSeed, randomFor, tell } from '../support/fault-run.ts';
import { checkAlone, startLasting } from '../support/lasting.ts';
import { rebalanceStorm } from '../support/member-faults.ts';
import { countOf } from '../support/read-log.ts';

const stormMs = Number(process.env['WAYBILL_FAULT_STORM_MS'] ?? 180_000);

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

describe(`T4, seed ${faultSeed}`, () => {
  it('a worker that wakes up after its session finds its partitions gone, and harms nothing', async () => {
    const startedMs = performance.now();
    const random = randomFor('T4');
    const worker = { sessionTimeoutMs: 3_000 };
    const lasting = await startLasting({ cluster, random, run: 'zombie', pushesPerSecond: 300, workersCount: 2, worker });
    await lasting.catchUp();
    for (let round = 0; round < 4; round++) {
      const zombie = lasting.workers[round % 2]!;
      zombie.current().signal('SIGSTOP');
      await sleep(4_000 + random.below(3_000));
      await lasting.catchUp(); // The other one has taken over.
      zombie.current().signal('SIGCONT');
      await lasting.catchUp();
      tell('T4', `${round + 1} of 4 sleeps; recovered from ${countOf(lasting.workers.flatMap((kept) => kept.faults()))}`);
    }
    const { inputsCount, outputsCount } = await lasting.check();
    await checkAlone(cluster, lasting.stateDirOf(1)); // What the other one keeps is right too.
    addRow({ test: 'T4', what: 'SIGSTOP for longer than the session', faults: '4 sleeps', checked: `${inputsCount} deliveries, ${outputsCount} passed on`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });

  it('two workers that both take every partition fence each other, and what is committed is committed once', async () => {
    const startedMs = performance.now();
    const options = { cluster, random: randomFor('T4b'), run: 'split', pushesPerSecond: 300, workersCount: 2 };
    const lasting = await startLasting({ ...options, worker: { isForced: true } });
    await sleep(20_000);
    const crashes = countOf(lasting.workers.flatMap(({ crashes }) => crashes));
    assert.match(crashes, /FENCED/, `they fence each other: ${crashes}`);
    const { inputsCount, outputsCount } = await lasting.check('overtaken');
    tell('T4', `split: workers ended by ${crashes}`);
    addRow({ test: 'T4', what: 'two workers forced onto the same partitions', faults: `20 s; ends: ${crashes}`, checked: `${inputsCount} deliveries, ${outputsCount} passed on`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});

describe(`T6, seed ${faultSeed}`, () => {
  it(`six members that join and leave every 2 s for ${stormMs / 1_000} s always get on`, async () => {
    const startedMs = performance.now();
    const onProgress = (line: string): void => tell('T6', line);
    const { changes, verdict } = await rebalanceStorm({ cluster, random: randomFor('T6'), run: 'storm', stormMs, onProgress });
    const { inputsCount, outputsCount } = verdict;
    addRow({ test: 'T6', what: 'six members joining and leaving every 2 s', faults: changes, checked: `${inputsCount} deliveries, ${outputsCount} passed on`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});

describe(`T7, seed ${faultSeed}`, () => {
  it('a restore of three sessions keeps its membership, and is done once', async () => {
    const startedMs = performance.now();
    const options = { cluster, random: randomFor('T7'), run: 'restore', pushesPerSecond: 100, workersCount: 1 };
    const lasting = await startLasting({ ...options, worker: { sessionTimeoutMs: 3_000, restoreDelayMs: 5_000 } });
    await lasting.catchUp(120_000);
    await sleep(10_000);
    const assigned = lasting.workers[0]!.current().reports.filter(({ kind }) => kind === 'assigned');
    assert.equal(assigned.length, 1, 'no rebalance, neither while it restores nor after');
    assert.deepEqual(lasting.workers[0]!.crashes, []);
    const { inputsCount, outputsCount } = await lasting.check();
    addRow({ test: 'T7', what: 'restore longer than three sessions', faults: '1 restore of 10 s or more, session 3 s', checked: `${inputsCount} deliveries, ${outputsCount} passed on`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});

describe(`T13, seed ${faultSeed}`, () => {
  it('a clock that jumps by up to an hour changes nothing', async () => {
    const startedMs = performance.now();
    const random = randomFor('T13');
    const options = { cluster, random, run: 'clock', pushesPerSecond: 300, workersCount: 2 };
    const lasting = await startLasting({ ...options, worker: { clockJumpMs: 3_600_000 } });
    for (let round = 0; round < 4; round++) {
      await sleep(3_000);
      lasting.workers[round % 2]!.current().signal('SIGKILL');
    }
    await lasting.catchUp();
    const { inputsCount, outputsCount } = await lasting.check();
    tell('T13', `${inputsCount} deliveries`);
    addRow({ test: 'T13', what: 'clock off by up to 1 h, changing every 150 ms', faults: '4 kills on top', checked: `${inputsCount} deliveries, ${outputsCount} passed on`, tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});
