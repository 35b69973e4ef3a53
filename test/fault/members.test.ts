// T4, T6, T7, T13: members that freeze, fight, come and go, restore for long, or do not know what time it is.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { checkAlone, crashesOf, faultsOf, startLasting } from '../support/lasting.ts';
import { rebalanceStorm } from '../support/member-faults.ts';

const stormMs = Number(process.env['WAYBILL_FAULT_STORM_MS'] ?? 180_000);

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

describe(`T4, seed ${faultSeed}`, () => {
  it('a worker that wakes up after its session finds its partitions gone, and harms nothing', () =>
    recorded('T4', 'SIGSTOP for longer than the session', async () => {
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
        tell('T4', `${round + 1} of 4 sleeps; recovered from ${faultsOf(lasting)}`);
      }
      const verdict = await lasting.check();
      await checkAlone(cluster, { stateDir: lasting.stateDirOf(1) }); // What the other one keeps is right too.
      return { faults: `4 sleeps; recovered from ${faultsOf(lasting)}`, checked: checkedText(verdict) };
    }));

  it('two workers that both take every partition fence each other, and what is committed is committed once', () =>
    recorded('T4', 'two workers forced onto the same partitions', async () => {
      const options = { cluster, random: randomFor('T4b'), run: 'split', pushesPerSecond: 300, workersCount: 2 };
      const lasting = await startLasting({ ...options, worker: { isForced: true } });
      await sleep(20_000);
      const crashes = crashesOf(lasting);
      tell('T4', `split: workers ended by ${crashes}`);
      assert.match(crashes, /FENCED/, `they fence each other: ${crashes}`);
      const verdict = await lasting.check('overtaken');
      return { faults: `20 s; workers ended by ${crashes}`, checked: checkedText(verdict) };
    }));
});

describe(`T6, seed ${faultSeed}`, () => {
  it(`six members that join and leave every 2 s for ${stormMs / 1_000} s always get on`, () =>
    recorded('T6', `six members joining and leaving every 2 s for ${stormMs / 1_000} s`, async () => {
      const onProgress = (line: string): void => tell('T6', line);
      const { changes, verdict } = await rebalanceStorm({ cluster, random: randomFor('T6'), run: 'storm', stormMs, onProgress });
      return { faults: changes, checked: checkedText(verdict) };
    }));
});

describe(`T7, seed ${faultSeed}`, () => {
  it('a restore of three sessions keeps its membership, and is done once', () =>
    recorded('T7', 'a restore longer than three sessions', async () => {
      const options = { cluster, random: randomFor('T7'), run: 'restore', pushesPerSecond: 100, workersCount: 1 };
      const snapshotDir = join(cluster.dir, 'no-snapshots'); // Everything comes from the state topics.
      const lasting = await startLasting({ ...options, worker: { sessionTimeoutMs: 3_000, restoreDelayMs: 10_000, snapshotDir } });
      await lasting.catchUp();
      await sleep(10_000);
      const [worker] = lasting.workers;
      const assigned = worker!.current().reports.filter(({ kind }) => kind === 'assigned');
      assert.equal(assigned.length, 1, 'no rebalance, neither while it restores nor after');
      assert.deepEqual(worker!.crashes, []);
      tell('T7', 'assigned once');
      return { faults: '1 restore of 10 s, session 3 s', checked: checkedText(await lasting.check()) };
    }));
});

describe(`T13, seed ${faultSeed}`, () => {
  it('a clock that jumps by up to an hour changes nothing', () =>
    recorded('T13', 'a clock off by up to 1 h, by something else every 150 ms', async () => {
      const options = { cluster, random: randomFor('T13'), run: 'clock', pushesPerSecond: 300, workersCount: 2 };
      const lasting = await startLasting({ ...options, worker: { clockJumpMs: 3_600_000 } });
      for (let round = 0; round < 4; round++) {
        await sleep(3_000);
        lasting.workers[round % 2]!.current().signal('SIGKILL');
      }
      await lasting.catchUp();
      tell('T13', `${lasting.feed.count()} pushes, 4 kills`);
      return { faults: '4 kills on top', checked: checkedText(await lasting.check()) };
    }));
});
