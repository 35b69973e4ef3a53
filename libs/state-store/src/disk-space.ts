import { linkSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';

/**
 * What no write of a store and no snapshot takes of a disk: whoever finds less calls it full. So much is left for what must not fail
 * half-way: the marks that say how a store was left, lock files, and the pages of writes that were let begin side by side.
 */
export const reserveBytes = 1_048_576;

/** @throws Error that says what is free and what is wanted; LMDB itself would say `Input/output error` */
export function refuseFull(folder: string, wantedBytes: number): void {
  const { blocks, bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (blocks === 0 || freeBytes >= wantedBytes + reserveBytes) return; // Some file systems do not count their blocks.
  throw new Error(`${mebibytes(freeBytes)} MiB are free on its disk, ${mebibytes(wantedBytes + reserveBytes)} MiB are needed`);
}

const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

/** As long as LMDB's with its 126 readers, and then some. */
const lockBytes = 16_384;

/**
 * Makes LMDB's lock file, with all of its blocks, unless it is there. LMDB would make one without blocks and write it through a map: on
 * a full disk that is a SIGBUS, and the end of the process.
 * @throws Error `ENOSPC`
 */
export function reserveLock(path: string): void {
  const whole = `${path}.${randomUUID()}`;
  try {
    writeFileSync(whole, Buffer.alloc(lockBytes));
    linkSync(whole, path); // Not renamed: another process may have made it meanwhile, and hold it.
  } catch (error) {
    if (isFull(error)) throw error; // Else it is there, or the file system knows no links and LMDB has to make it.
  } finally {
    rmSync(whole, { force: true });
  }
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
