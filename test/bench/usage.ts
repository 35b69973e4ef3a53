import { readFileSync } from 'node:fs';

/** What a process has taken so far. Source: proc_pid_status(5), proc_pid_stat(5). */
export type Usage = {
  /** Peak of resident memory (VmHWM), pages of mapped files included. */
  readonly rssPeakMib: number;
  /** Now, without pages of mapped files: what the kernel cannot drop. */
  readonly rssAnonMib: number;
  /** User and system time of all threads. */
  readonly cpuMs: number;
};

/** Linux counts processor time in hundredths of a second towards user space, on every architecture. */
const msPerTick = 10;

/** @throws Error when there is no such process */
export function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1_024;
  return { rssPeakMib: mib('VmHWM'), rssAnonMib: mib('RssAnon'), cpuMs: parseCpuMs(readFileSync(`/proc/${pid}/stat`, 'utf8')) };
}

/** Fields 14 and 15; the command name before them may hold blanks and brackets. */
export function parseCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}
