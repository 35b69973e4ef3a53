import { spawn, execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';

/**
 * Who a process is, beyond its number: numbers are given again, and a signal sent to a stranger cannot be taken back.
 * `startedAt` is the kernel's start time, in clock ticks since boot (Linux) or as `ps` prints it elsewhere.
 */
export type ProcessIdentity = { readonly pid: number; readonly startedAt: string };

export type ProcessExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type StartedProcess = ProcessIdentity & {
  /** Resolves when the process has ended, however it ended. */
  readonly exited: Promise<ProcessExit>;
};

export type ProcessOptions = {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited unasked. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** stdout and stderr are appended here. */
  readonly logPath: string;
};

/** Field 22 of /proc/<pid>/stat; the command name before it may hold blanks and brackets. Source: proc_pid_stat(5). */
export function parseStartTicks(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return parseStartTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined when no such process lives (a zombie does not live) */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = startTimeOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** True only for the very process, not for a later one with the same number. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startedAt;
}

/**
 * Starts a process as leader of its own group, so that it outlives a closed terminal and can be ended with its children.
 * @throws InfraError `NOT_READY` when it could not be started at all
 */
export async function startProcess(options: ProcessOptions): Promise<StartedProcess> {
  mkdirSync(dirname(options.logPath), { recursive: true });
  const log = openSync(options.logPath, 'a', 0o600);
  try {
    const child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const exited = new Promise<ProcessExit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const pid = child.pid as number;
    // One that ended between spawn and here has no start time; then no later process may be taken for it.
    return { ...(identify(pid) ?? { pid, startedAt: 'ended' }), exited };
  } catch (error) {
    throw new InfraError('NOT_READY', `${options.command} could not be started: ${(error as Error).message}`, { cause: error });
  } finally {
    closeSync(log);
  }
}

/** To the process and its group, if it still is the same process. */
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(-identity.pid, signal);
  } catch {
    // Ended in between, or no group leader: then the process alone.
    try {
      process.kill(identity.pid, signal);
    } catch {
      // Ended in between.
    }
  }
}

async function ended(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  for (const deadlineMs = performance.now() + timeoutMs; isAlive(identity); await sleep(25)) {
    if (performance.now() >= deadlineMs) return false;
  }
  return true;
}

/** SIGKILL to the whole group; resolves once it is gone. */
export async function killProcess(identity: ProcessIdentity): Promise<void> {
  signalGroup(identity, 'SIGKILL');
  if (!(await ended(identity, 10_000)))
    throw new InfraError('STILL_RUNNING', `process ${identity.pid} outlived SIGKILL: see ps -p ${identity.pid}`);
}

/** SIGTERM, then after `graceMs` SIGKILL. @returns whether it ended by itself */
export async function stopProcess(identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  signalGroup(identity, 'SIGTERM');
  if (await ended(identity, graceMs)) return true;
  await killProcess(identity);
  return false;
}

/** Written whole or not at all. */
export function writeFileAtomic(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, content, { mode });
  renameSync(draft, path);
}

export function writePidFile(path: string, { pid, startedAt }: ProcessIdentity): void {
  writeFileAtomic(path, `${JSON.stringify({ pid, startedAt })}\n`);
}

/** The living process that the file names; undefined for no file, a torn one, or one left by a dead process. */
export function findLiving(pidPath: string): ProcessIdentity | undefined {
  try {
    const { pid, startedAt } = JSON.parse(readFileSync(pidPath, 'utf8')) as Partial<ProcessIdentity>;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 1 || typeof startedAt !== 'string') return undefined;
    const identity = { pid: pid as number, startedAt };
    return isAlive(identity) ? identity : undefined;
  } catch {
    return undefined;
  }
}

export function removeFile(path: string): void {
  rmSync(path, { force: true });
}
