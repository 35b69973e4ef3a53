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
const disks: string[] = [];
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(async () => {
  for (const disk of disks) execFileSync('umount', ['--lazy', disk]);
  await cluster.stop();
});

/** A file system in memory, below the cluster's folder. @throws Error where that is not allowed */
function mountDisk(name: string, bytes: number): string {
  const folder = join(cluster.dir, name);
  mkdirSync(folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'pipe' });
  disks.push(folder);
  return folder;
}

const resize = (disk: string, bytes: number): void => void execFileSync('mount', ['-o', `remount,size=${bytes}`, disk]);

const livesCount = Number(process.env['WAYBILL_FAULT_DISK_LIVES'] ?? 20);

describe(`T8, seed ${faultSeed}`, () => {
  it('a full disk stops the app with a reason, again at each start, and with room it goes on', async (test) => {
    let disk: string;
    try {
      disk = mountDisk('small-disk', bytesMin);
    } catch {
      return test.skip('no right to mount a file system');
    }
    await recorded(
      'T8',
      'a disk of 4 MiB and a little more at each start, full of stores and snapshots; then one full of snapshots alone',
      async () => {
        const random = randomFor('T8');
        const feed = feedOf(cluster, 'disk', random);
        await feed.next(5_000);
        const folders = { stateDir: join(disk, 'state'), snapshotDir: join(disk, 'snapshots') };
        const endings: Ending[] = [];
        for (let life = 0, bytes = bytesMin; life < livesCount; life++, bytes += random.below(1_200_000)) {
          resize(disk, bytes);
          // Now and then somebody else takes the rest of it, to the last byte, in the middle of everything.
          const hogAfterMs = random.next() < 0.5 ? 500 + random.below(2_500) : undefined;
          endings.push(await liveUntilFull(feed, folders, { path: join(disk, 'hog'), afterMs: hogAfterMs }));
        }
        const ends = countOf(endings.map(({ code, ended }) => `${code} (${ended})`));
        assert.equal(ends, `${livesCount} x STORE_FAILED (exit 1)`);
        resize(disk, 2 ** 30);
        const failedCount = await snapshotsLater(feed, folders.stateDir);
        const verdict = await checkAlone(cluster, folders);
        const total = failedCount + endings.reduce((sum, { snapshotsFailed }) => sum + snapshotsFailed, 0);
        return { faults: `${ends}; ${total} snapshots failed`, checked: checkedText(verdict) };
      },
    );
  });
});

/** A worker lives on while its snapshots fail for want of room, and takes them once there is some. @returns how many have failed */
async function snapshotsLater(feed: Feed, stateDir: string): Promise<number> {
  const snapshotDir = mountDisk('small-snapshots', 65_536);
  const worker = startWorker(cluster, { stateDir, snapshotDir, snapshotEveryMs: 300 });
  const count = (isFailed: boolean): number =>
    worker.reports.filter((report) => report.kind === 'snapshot' && (report.failure !== undefined) === isFailed).length;
  await untilOwning(worker, cluster.log.partitions);
  await feedUntil(feed, () => count(true) >= 20);
  assert.equal(count(false), 0);
  // One may just be under way of each store; those that have failed would be more.
  assert.ok(unfinishedIn(snapshotDir).length <= cluster.log.partitions, 'nothing is left of snapshots that have failed');
  resize(snapshotDir, 2 ** 30);
  await feedUntil(feed, () => count(false) >= cluster.log.partitions);
  await assertCatchesUp(cluster.log, dedup);
  assert.equal(await worker.stop(), 0);
  return count(true);
}

async function feedUntil(feed: Feed, isEnough: () => boolean): Promise<void> {
  for (const deadlineMs = performance.now() + 60_000; !isEnough(); await sleep(200)) {
    assert.ok(performance.now() < deadlineMs, 'within a minute');
    await feed.next(100);
  }
}

const bytesMin = 4 * 1_048_576;

type Folders = { readonly stateDir: string; readonly snapshotDir: string };
type Hog = { readonly path: string; readonly afterMs: number | undefined };
type Ending = { readonly code: string; readonly ended: string; readonly snapshotsFailed: number };

/** What it says, and how it goes: within 10 s, or it is killed. */
async function liveUntilFull(feed: Feed, folders: Folders, hog: Hog): Promise<Ending> {
  const worker = startWorker(cluster, { ...folders, snapshotEveryMs: 300 });
  const findCrash = () => worker.reports.find((report) => report.kind === 'crashed');
  const hogging = hog.afterMs === undefined ? undefined : setTimeout(() => fill(hog.path), hog.afterMs);
  for (let chunk = 0; worker.isAlive() && !findCrash() && chunk < 100; chunk++) {
    await feed.next(1_000);
    await Promise.race([worker.exited, sleep(300)]);
  }
  await Promise.race([worker.exited, sleep(10_000)]);
  const isStuck = worker.isAlive();
  await worker.kill();
  clearTimeout(hogging);
  rmSync(hog.path, { force: true });
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
  readdirSync(folder).flatMap((store) => readdirSync(join(folder, store)).filter((name) => name.startsWith('.unfinished-')));
