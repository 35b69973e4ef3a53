import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';
import { isAlive, type ProcessIdentity } from './process.ts';

/** The end of a log, at most `linesMax` lines and 64 KiB, from `fromBytes` on (to leave out earlier runs). */
export function lastLines(logPath: string, linesMax: number, fromBytes = 0): string {
  try {
    const file = openSync(logPath, 'r');
    try {
      const { size } = fstatSync(file);
      const start = Math.max(fromBytes > size ? 0 : fromBytes, size - 65_536);
      const buffer = Buffer.alloc(Math.max(0, size - start));
      readSync(file, buffer, 0, buffer.length, start);
      return buffer.toString('utf8').trimEnd().split('\n').slice(-linesMax).join('\n');
    } finally {
      closeSync(file);
    }
  } catch {
    return '(no log)';
  }
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export type ReadinessOptions = {
  readonly name: string;
  readonly process: ProcessIdentity;
  readonly logPath: string;
  readonly logFromBytes: number;
  readonly timeoutMs: number;
  /** Asked again every `intervalMs`; a throw counts as not yet. */
  readonly probe: () => Promise<boolean>;
  readonly intervalMs?: number;
};

/** @throws InfraError `NOT_READY` with the last log lines when the process ends or the time is up */
export async function waitReady(options: ReadinessOptions): Promise<void> {
  const { name, process: child, timeoutMs, probe, intervalMs = 100 } = options;
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await probe().catch(() => false))) {
    const alive = isAlive(child);
    if (alive && performance.now() < deadlineMs) {
      await sleep(intervalMs);
      continue;
    }
    const what = alive ? `did not answer within ${timeoutMs} ms` : 'ended before it was ready';
    throw new InfraError(
      'NOT_READY',
      `${name} ${what}. End of ${options.logPath}:\n${lastLines(options.logPath, 25, options.logFromBytes)}`,
    );
  }
}
