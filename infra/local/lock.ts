import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';
import { findLiving, identify } from './process.ts';

export type LockOptions = {
  readonly timeoutMs: number;
  /** Called once when another process holds the lock. */
  readonly onWait?: (holderPid: number) => void;
};

/**
 * Runs `work` while no other process runs work under the same path. A lock left by a dead process is taken over.
 * @throws InfraError `LOCKED` when the holder is still at it after `timeoutMs`
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  await acquire(path, options);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function acquire(path: string, { timeoutMs, onWait }: LockOptions): Promise<void> {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(draft, JSON.stringify(identify(process.pid)));
  try {
    const deadlineMs = performance.now() + timeoutMs;
    for (let waited = false; !tryLink(draft, path); waited = true) {
      const holder = findLiving(path);
      if (holder === undefined) {
        rmSync(path, { force: true });
        await sleep(Math.random() * 50); // Two who find the same dead holder: only one of their links succeeds.
        continue;
      }
      if (!waited) onWait?.(holder.pid);
      if (performance.now() >= deadlineMs) {
        throw new InfraError('LOCKED', `process ${holder.pid} holds ${path}: wait for it, or end it, then try again`);
      }
      await sleep(200);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A hard link appears whole, with its content, or not at all. */
function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
