import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Every process started below a test inherits this variable, however deep and however detached, so that what is left behind
 * is found by it. Values are paths, `<run>/<file>`: a marker stands for all below it.
 */
export const markerName = 'WAYBILL_TEST_RUN';

export type MarkedProcess = { readonly pid: number; readonly command: string };
const commandLengthMax = 200;

/** Processes that carry the marker or one below it, by `/proc/<pid>/environ`; none where there is no `/proc`. */
export function findMarked(marker: string): readonly MarkedProcess[] {
  return processIds().flatMap((pid) => {
    const variables = readProc(pid, 'environ').split('\0');
    const value = variables.find((variable) => variable.startsWith(`${markerName}=`))?.slice(markerName.length + 1);
    if (value === undefined || (value !== marker && !value.startsWith(`${marker}/`))) return [];
    return [{ pid, command: readProc(pid, 'cmdline').replaceAll('\0', ' ').trim().slice(0, commandLengthMax) }];
  });
}

/** Gives what is still ending `graceMs` to end, then kills the rest. @returns the ones that had to be killed */
export async function killMarked(marker: string, graceMs: number): Promise<readonly MarkedProcess[]> {
  const giveUpAtMs = performance.now() + graceMs;
  let left = findMarked(marker);
  while (left.length > 0 && performance.now() < giveUpAtMs) {
    await sleep(50);
    left = findMarked(marker);
  }
  for (const { pid } of left) kill(pid);
  return left;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself between the look and the signal.
  }
}

function processIds(): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Empty for a process that has ended, is a zombie, or belongs to somebody else. */
function readProc(pid: number, name: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
