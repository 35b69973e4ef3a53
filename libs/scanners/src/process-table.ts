import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Whether processes can be told apart here: Linux' `/proc`. Elsewhere nothing is ever found, so nothing is ever ended. */
export const hasProcessTable = (): boolean => existsSync('/proc/self/environ');

/**
 * When a process started, in clock ticks since boot; undefined where none lives (a zombie does not). With it a number that was given
 * again is not taken for the process of before. Source: proc_pid_stat(5), fields 3 and 22; the name before them may hold anything.
 */
export function findStartTime(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** Processes whose environment, as they got it, holds exactly this variable. Those of other users cannot be read and are not found. */
export function findProcessesWith(name: string, value: string): readonly number[] {
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)) : [];
  return pids.filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(`${name}=${value}`)).map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Ended, or another user's.
  }
}
