import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcessesWith, findStartTime, hasProcessTable } from './process-table.ts';
import { markName, ownerOf } from './scratch.ts';

export type Swept = { readonly directoriesCount: number; readonly processesCount: number };

/** From the first SIGKILL to giving up on a process that the kernel does not let go of. */
const endMsMax = 5_000;

/**
 * Clears up after an app that was killed in the middle of scans: ends the scanners that still run, with all that they started, and
 * removes their directories, which hold credentials. To be called before the first scan. What belongs to a living app stays.
 *
 * A scanner is known by the path of its directory in its environment, a path that no other process was ever given, so no stranger is
 * ever ended, and none is overlooked because it left its group. Where processes cannot be told apart (not Linux), directories go only
 * when their owner's number is free.
 */
export async function sweepScratch(scratchDir: string): Promise<Swept> {
  const root = resolve(scratchDir);
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const orphans = entries.filter((entry) => entry.isDirectory() && isOrphan(entry.name)).map(({ name }) => join(root, name));
  let processesCount = 0;
  for (const directory of orphans) {
    processesCount += await endAll(directory);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
  return { directoriesCount: orphans.length, processesCount };
}

function isOrphan(name: string): boolean {
  const owner = ownerOf(name);
  if (owner === undefined) return false;
  return hasProcessTable() ? findStartTime(owner.pid) !== owner.startTime : !isTaken(owner.pid);
}

function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Again and again, because one of them may be starting another just then. @returns how many were there */
async function endAll(directory: string): Promise<number> {
  const ended = new Set<number>();
  for (const deadlineMs = performance.now() + endMsMax; performance.now() < deadlineMs; await sleep(20)) {
    const pids = findProcessesWith(markName, directory);
    if (pids.length === 0) break;
    for (const pid of pids) end(pid, ended);
  }
  return ended.size;
}

function end(pid: number, ended: Set<number>): void {
  try {
    process.kill(pid, 'SIGKILL');
    ended.add(pid);
  } catch {
    // Ended in between.
  }
}
