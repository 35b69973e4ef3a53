import { copyFileSync, truncateSync } from 'node:fs';
import { sizeOf } from './readiness.ts';

/**
 * Bounds a log that a process appends to: past `bytesMax` it is copied to `<path>.1` and cut to nothing. The writers' descriptors
 * are in append mode, so they go on at the start. What is written between copy and cut is lost: bearable for local logs.
 */
export function rotateLog(path: string, bytesMax: number): void {
  if (sizeOf(path) <= bytesMax) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
