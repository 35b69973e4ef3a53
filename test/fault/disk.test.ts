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
      const codes: string[] = [];
      for (let life = 0; life < 3; life++) codes.push(await liveUntilFull(feed, stateDir));
      assert.deepEqual(codes, ['STORE_FAILED', 'STORE_FAILED', 'STORE_FAILED']);
      execFileSync('mount', ['-o', 'remount,size=1g', stateDir]);
      const worker = startWorker(cluster, { stateDir, ...snapshotsOf(stateDir) });
      await untilOwning(worker, cluster.log.partitions);
      await assertCatchesUp(cluster.log, dedup);
      assert.equal(await worker.stop(), 0);
      return {
        faults: `3 starts: ${codes.join(', ')}`,
        checked: checkedText(await checkAlone(cluster, { stateDir, ...snapshotsOf(stateDir) })),
      };
    });
  });
});

/** On the same disk, so that copies fail too. */
const snapshotsOf = (stateDir: string) => ({ snapshotDir: join(stateDir, 'snapshots'), snapshotEveryMs: 500 });

/** @returns the code that the worker ended with */
async function liveUntilFull(feed: Feed, stateDir: string): Promise<string> {
  const worker = startWorker(cluster, { stateDir, ...snapshotsOf(stateDir) });
  for (let chunk = 0; worker.isAlive() && chunk < 100; chunk++) {
    await feed.next(1_000);
    await Promise.race([worker.exited, sleep(300)]);
  }
  if (worker.isAlive()) await worker.kill();
  const crash = worker.reports.find((report) => report.kind === 'crashed');
  tell('T8', `${feed.count()} pushes; ${crash?.message ?? 'no reason given'}`);
  return crash?.code ?? `exit ${await worker.exited}`;
}
