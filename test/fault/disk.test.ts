// T8: the disk that holds stores and snapshots is full. Needs the right to mount a small file system of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { feedOf, type Feed } from '../support/feed.ts';
import { checkAlone } from '../support/lasting.ts';
import { assertCatchesUp } from '../support/oracle.ts';
import { countOf } from '../support/read-log.ts';
import { startWorker, untilOwning } from '../support/worker.ts';

let cluster: FaultCluster;
let disk: string | undefined;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(async () => {
  if (disk !== undefined) execFileSync('umount', ['--lazy', disk]);
  await cluster.stop();
});

const livesCount = Number(process.env['WAYBILL_FAULT_DISK_LIVES'] ?? 20);

describe(`T8, seed ${faultSeed}`, () => {
  it('a full disk stops the app with a reason, again at each start, and with room it goes on', async (test) => {
    const mounted = join(cluster.dir, 'small-disk');
    mkdirSync(mounted);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytesMin}`, 'tmpfs', mounted], { stdio: 'pipe' });
      disk = mounted;
    } catch {
      return test.skip('no right to mount a file system');
    }
    await recorded('T8', 'a disk of 4 MiB and a little more at each start, full of stores and snapshots; later 1 GiB', async () => {
      const random = randomFor('T8');
      const feed = feedOf(cluster, 'disk', random);
      await feed.next(5_000);
      const small: SmallDisk = { folder: mounted, stateDir: join(mounted, 'state'), snapshotDir: join(mounted, 'snapshots') };
      const endings: Ending[] = [];
      for (let life = 0, bytes = bytesMin; life < livesCount; life++, bytes += random.below(1_200_000)) {
        execFileSync('mount', ['-o', `remount,size=${bytes}`, mounted]);
        // Now and then somebody else takes the rest of it, to the last byte, in the middle of everything.
        const hogAfterMs = random.next() < 0.5 ? 500 + random.below(2_500) : undefined;
        endings.push(await liveUntilFull(feed, small, hogAfterMs));
      }
      const ends = countOf(endings.map(({ code, ended }) => `${code} (${ended})`));
      assert.equal(ends, `${livesCount} x STORE_FAILED (exit 1)`);
      const failedCount = endings.reduce((sum, { snapshotsFailed }) => sum + snapshotsFailed, 0);
      assert.ok(failedCount > 0, 'snapshots have failed for want of room');
      execFileSync('mount', ['-o', 'remount,size=1g', mounted]);
      const worker = startWorker(cluster, { ...small, snapshotEveryMs: 500 });
      await untilOwning(worker, cluster.log.partitions);
      await assertCatchesUp(cluster.log, dedup);
      const isTaken = (): boolean => worker.reports.some((report) => report.kind === 'snapshot' && report.failure === undefined);
      while (!isTaken()) {
        await feed.next(100);
        await sleep(200);
      }
      await assertCatchesUp(cluster.log, dedup);
      assert.equal(await worker.stop(), 0);
      const verdict = await checkAlone(cluster, small);
      assert.deepEqual(unfinishedIn(small.snapshotDir), [], 'nothing is left of snapshots that have failed');
      return { faults: `${ends}; ${failedCount} snapshots failed`, checked: checkedText(verdict) };
    });
  });
});

const bytesMin = 4 * 1_048_576;

type SmallDisk = { readonly folder: string; readonly stateDir: string; readonly snapshotDir: string };
type Ending = { readonly code: string; readonly ended: string; readonly snapshotsFailed: number };

/** What it says, and how it goes: within 10 s, or it is killed. */
async function liveUntilFull(feed: Feed, disk: SmallDisk, hogAfterMs: number | undefined): Promise<Ending> {
  const { folder, ...folders } = disk;
  const worker = startWorker(cluster, { ...folders, snapshotEveryMs: 300 });
  const findCrash = () => worker.reports.find((report) => report.kind === 'crashed');
  const hogPath = join(folder, 'hog');
  const hogging = hogAfterMs === undefined ? undefined : setTimeout(() => fill(hogPath), hogAfterMs);
  for (let chunk = 0; worker.isAlive() && !findCrash() && chunk < 100; chunk++) {
    await feed.next(1_000);
    await Promise.race([worker.exited, sleep(300)]);
  }
  await Promise.race([worker.exited, sleep(10_000)]);
  const isStuck = worker.isAlive();
  await worker.kill();
  clearTimeout(hogging);
  rmSync(hogPath, { force: true });
  const crash = findCrash();
  const snapshotsFailed = worker.reports.filter((report) => report.kind === 'snapshot' && report.failure !== undefined).length;
  const ended = isStuck ? 'did not end' : (worker.signalCode() ?? `exit ${await worker.exited}`);
  tell('T8', `${feed.count()} pushes; ${crash?.message ?? 'no reason given'}; ${snapshotsFailed} snapshots failed; ${ended}`);
  return { code: crash?.code ?? 'no reason', ended, snapshotsFailed };
}

function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const piece of [Buffer.alloc(65_536), Buffer.alloc(1)]) while (isTaken(file, piece));
  } finally {
    closeSync(file);
  }
}

function isTaken(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length;
  } catch {
    return false; // The disk is full.
  }
}

const unfinishedIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.unfinished-'));
