import { statfsSync } from 'node:fs';

/**
 * What no write of a store and no snapshot takes of a disk: whoever finds less calls it full. So much is left for what must not fail
 * half-way: manifests, claims, and writes that were let begin side by side.
 */
export const reserveBytes = 1_048_576;

/** @throws Error that says what is free and what is wanted */
export function refuseFull(folder: string, wantedBytes: number): void {
  const { blocks, bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (blocks === 0 || freeBytes >= wantedBytes + reserveBytes) return; // Some file systems do not count their blocks.
  throw new Error(`${mebibytes(freeBytes)} MiB are free on its disk, ${mebibytes(wantedBytes + reserveBytes)} MiB are needed`);
}

const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
