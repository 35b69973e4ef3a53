// T8: the local disk is full. Needs the right to mount a small file system of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { feedOf, type Feed } from '../support/feed.ts';
import { checkAlone } from '../support/lasting.ts';
import { assertCatchesUp } from '../support/oracle.ts';
import { startWorker, untilOwning } from '../support/worker.ts';

let cluster: FaultCluster;
let disk: string | undefined;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(async () => {
  if (disk !== undefined) execFileSync('umount', ['--lazy', disk]);
  await cluster.stop();
});

describe(`T8, seed ${faultSeed}`, () => {
  it('a full disk stops the app with a reason, again at each start, and with room it goes on', async (test) => {
    const stateDir = join(cluster.dir, 'small-disk');
    mkdirSync(stateDir);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', stateDir], { stdio: 'pipe' });
      disk = stateDir;
    } catch {
      return test.skip('no right to mount a file system');
    }
    await recorded('T8', 'local disk of 6 MiB full, later 1 GiB', async () => {
      const feed = feedOf(cluster, 'disk', randomFor('T8'));
      await feed.next(5_000);
      const endings: Ending[] = [];
      for (let life = 0; life < 3; life++) endings.push(await liveUntilFull(feed, stateDir));
      const codes = endings.map(({ code }) => code);
      assert.deepEqual(codes, ['STORE_FAILED', 'STORE_FAILED', 'STORE_FAILED']);
      execFileSync('mount', ['-o', 'remount,size=1g', stateDir]);
      const worker = startWorker(cluster, { stateDir });
      await untilOwning(worker, cluster.log.partitions);
      await assertCatchesUp(cluster.log, dedup);
      assert.equal(await worker.stop(), 0);
      return {
        faults: `3 starts: ${endings.map(({ code, ended }) => `${code} (${ended})`).join(', ')}`,
        checked: checkedText(await checkAlone(cluster, { stateDir })),
      };
    });
  });
});

type Ending = { readonly code: string; readonly ended: string };

/** What it says, and how it goes: within 10 s, or it is killed. */
async function liveUntilFull(feed: Feed, stateDir: string): Promise<Ending> {
  const worker = startWorker(cluster, { stateDir });
  const findCrash = () => worker.reports.find((report) => report.kind === 'crashed');
  for (let chunk = 0; worker.isAlive() && !findCrash() && chunk < 100; chunk++) {
    await feed.next(1_000);
    await Promise.race([worker.exited, sleep(300)]);
  }
  await Promise.race([worker.exited, sleep(10_000)]);
  const isStuck = worker.isAlive();
  await worker.kill();
  const crash = findCrash();
  const ended = isStuck ? 'did not end' : (worker.signalCode() ?? `exit ${await worker.exited}`);
  tell('T8', `${feed.count()} pushes; ${crash?.message ?? 'no reason given'}; ${ended}`);
  return { code: crash?.code ?? 'no reason', ended };
}
