import { DatabaseSync } from 'node:sqlite';
import { SpoolError } from './error.ts';

/** Locks that are held. One that nobody refers to would be collected as garbage, closed, and given away. */
const held = new Set<DatabaseSync>();

/**
 * Takes a folder for this process, until it closes or dies however it may.
 *
 * Node has no flock. SQLite, which it brings along, takes the kernel's own lock on a file: that ends with its process, holds for
 * processes in other containers on the same volume too, where process ids say nothing, and leaves nothing stale behind.
 * @throws SpoolError `SPOOL_IN_USE`
 */
export function lockFolder(dir: string): { readonly release: () => void } {
  const lock = new DatabaseSync(`${dir}/lock`, { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw new SpoolError('SPOOL_IN_USE', `another gateway uses the spool ${dir}: give each its own SPOOL_DIR, or stop the other one`, {
      cause,
    });
  }
  held.add(lock);
  return {
    release() {
      held.delete(lock);
      lock.close();
    },
  };
}

/** Source: sqlite.org, "Result and Error Codes": SQLITE_BUSY, in the low byte. */
const isBusy = (error: unknown): boolean => ((error as { readonly errcode?: number }).errcode ?? 0) % 256 === 5;
