import { existsSync } from 'node:fs';
import { isBrokerReady } from './kafka-probe.ts';
import { InfraError } from './errors.ts';
import { isListening } from './ports.ts';
import { findLiving, killProcess, removeFile, startProcess, stopProcess, writePidFile } from './process.ts';
import type { ProcessExit } from './process.ts';
import { sizeOf, waitReady } from './readiness.ts';

/** How one sees that a process serves. Plain data, so that the supervisor and `npm run status` ask the same question. */
export type Probe =
  | { readonly kind: 'kafka'; readonly port: number }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'tcp'; readonly port: number };

/** All that is needed to start a process, again and again, from any process: plain data without secrets. */
export type Launch = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly logPath: string;
  readonly pidPath: string;
  /** For people: a URL or host:port. */
  readonly address: string;
  readonly probe: Probe;
  readonly readyTimeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
};

/** What one holds of a started process. */
export type Handle = {
  readonly pid: number;
  /** SIGTERM, then SIGKILL after the launch's grace. Harmless when it has ended. */
  readonly stop: () => Promise<void>;
  /** SIGKILL, as a crash would. */
  readonly kill: () => Promise<void>;
};
export type Running = Handle & { readonly exited: Promise<ProcessExit> };

/** Where programs and caches are, and the mark by which a test run finds its leftovers; nothing else, so that no secret travels. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'JAVA_HOME', 'TZ', 'WAYBILL_TEST_RUN'];

export function environmentOf(launch: Pick<Launch, 'env'>, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const base = Object.fromEntries(inherited.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  return { ...base, ...launch.env };
}

/** @throws InfraError `DATA_IN_USE` when the process of an earlier launch still lives */
export async function start(launch: Launch): Promise<Running> {
  const living = existsSync(launch.pidPath) ? findLiving(launch.pidPath) : undefined;
  if (living !== undefined) {
    throw new InfraError('DATA_IN_USE', `${launch.name} runs already as process ${living.pid} (${launch.pidPath}): stop it first`);
  }
  const { command, args, cwd, logPath } = launch;
  const child = await startProcess({ command, args, env: environmentOf(launch), logPath, ...(cwd === undefined ? {} : { cwd }) });
  writePidFile(launch.pidPath, child);
  return {
    pid: child.pid,
    exited: child.exited,
    stop: async () => {
      await stopProcess(child, launch.stopGraceMs);
      removeFile(launch.pidPath);
    },
    kill: async () => {
      await killProcess(child);
      removeFile(launch.pidPath);
    },
  };
}

/** Starts and waits until it serves; a process that does not come up is killed before the error is thrown. */
export async function startReady(launch: Launch): Promise<Running> {
  const logFromBytes = sizeOf(launch.logPath);
  const running = await start(launch);
  try {
    await untilReady(launch, running.pid, logFromBytes);
    return running;
  } catch (error) {
    await running.kill();
    throw error;
  }
}

/** @throws InfraError `NOT_READY` */
export async function untilReady(launch: Launch, pid: number, logFromBytes = 0): Promise<void> {
  const identity = findLiving(launch.pidPath) ?? { pid, startedAt: 'ended' };
  const { name, logPath, readyTimeoutMs: timeoutMs } = launch;
  await waitReady({ name, process: identity, logPath, logFromBytes, timeoutMs, probe: () => isReady(launch.probe) });
}

/** Asks once; never throws. */
export async function isReady(probe: Probe): Promise<boolean> {
  switch (probe.kind) {
    case 'kafka':
      return isBrokerReady(probe.port);
    case 'tcp':
      return isListening(probe.port);
    case 'http':
      return fetch(probe.url, { signal: AbortSignal.timeout(2_000) }).then(
        async (response) => {
          await response.body?.cancel();
          return response.ok;
        },
        () => false,
      );
  }
}
