// Starts, breaks and ends `stream-worker.ts`, and puts a kill at a named point of its life.
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Topology } from '@waybill/stream';
import type { FaultCluster } from './fault-cluster.ts';
import type { Rule } from './tcp-proxy.ts';

/**
 * Where a worker can be killed. The proxy knows those that a request marks: `before` means that the broker does not get it, `after`
 * that the worker does not get the answer. The others the worker knows itself.
 */
export const killPoints = {
  inWorker: ['after-fetch', 'before-store-commit', 'after-store-commit', 'at-manifest', 'before-snapshot', 'after-snapshot'],
  inProxy: {
    'before-produce': ['client', 'Produce'],
    'after-produce': ['broker', 'Produce'],
    'before-offset-commit': ['client', 'TxnOffsetCommit'],
    'after-offset-commit': ['broker', 'TxnOffsetCommit'],
    'before-end': ['client', 'EndTxn'],
    'after-end': ['broker', 'EndTxn'],
    'before-writer-opens': ['client', 'InitProducerId'],
    'after-writer-opens': ['broker', 'InitProducerId'],
    'any-request': ['client', undefined],
  },
} as const;
export type KillPoint = (typeof killPoints.inWorker)[number] | keyof typeof killPoints.inProxy;
export const killPointNames = [...killPoints.inWorker, ...Object.keys(killPoints.inProxy)] as readonly KillPoint[];

/** How late at most: a restart has all but a few requests many times over. */
export const nthMaxOf = (point: KillPoint): number => (point === 'any-request' ? 250 : 4);

/** The n-th time, from 1, that the worker comes by. */
export type KillAt = { readonly point: KillPoint; readonly nth: number };

export type WorkerOptions = {
  readonly app: 'dedup' | 'audit';
  /** Instead of the app's own: then it begins at the first offsets. */
  readonly group?: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly stateDir: string;
  /** Of all workers: a state that is lost begins as the newest snapshot. */
  readonly snapshotDir: string;
  readonly snapshotEveryMs: number;
  readonly instance: string;
  readonly clientId: string;
  readonly sessionTimeoutMs: number;
  readonly killAt?: KillAt;
  /** The stage throws a TypeError for events about it. */
  readonly failingSubject?: string;
  /** The clock of the runtime is wrong by up to so much. */
  readonly clockJumpMs?: number;
  /** Before each read of a restore. */
  readonly restoreDelayMs?: number;
  /** Takes all partitions without asking the group. */
  readonly isForced?: boolean;
};

/** A topology whose stage throws a TypeError for events about one subject. */
export const failingOn = (topology: Topology, subject: string): Topology => ({
  ...topology,
  handle(input, context) {
    if (input.kind === 'event' && input.event.meta.subject === subject) throw new TypeError('a stage with a fault in it');
    return topology.handle(input, context);
  },
});

export type WorkerReport =
  | { readonly kind: 'assigned'; readonly partitions: readonly number[] }
  | { readonly kind: 'fault'; readonly code: string; readonly message: string }
  | { readonly kind: 'snapshot'; readonly failure?: string | undefined }
  | { readonly kind: 'crashed'; readonly code: string; readonly message: string };

export type Worker = {
  readonly clientId: string;
  readonly reports: readonly WorkerReport[];
  /** Of one that is to die by a proxy's hand: what has passed by it last. */
  readonly frames: string[];
  /** Resolves with the exit code, `null` when it was killed. */
  readonly exited: Promise<number | null>;
  /** That has ended it, if one has. */
  signalCode(): NodeJS.Signals | null;
  isAlive(): boolean;
  signal(name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void;
  /** SIGTERM. @returns the exit code; kills it after `graceMs` and then gives `null` */
  stop(graceMs?: number): Promise<number | null>;
  kill(): Promise<void>;
};

const program = join(import.meta.dirname, 'stream-worker.ts');
let livesCount = 0;

/** Through the proxies, unless `changes` say otherwise. Killed when the cluster stops, if it still lives then. */
export function startWorker(cluster: FaultCluster, changes: Partial<WorkerOptions> & Pick<WorkerOptions, 'stateDir'>): Worker {
  cluster.stopping.throwIfAborted();
  const clientId = `life${++livesCount}`;
  const options: WorkerOptions = {
    app: 'dedup',
    brokers: cluster.brokers.proxied,
    registryUrl: cluster.registryUrl,
    snapshotDir: join(cluster.dir, 'snapshots'),
    snapshotEveryMs: 2_000,
    instance: 'worker-0',
    clientId,
    sessionTimeoutMs: 6_000,
    ...changes,
  };
  const env = { ...process.env, WORKER_OPTIONS: JSON.stringify(options) };
  const child = fork(program, [], { env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const reports: WorkerReport[] = [];
  child.on('message', (message) => reports.push(message as WorkerReport));
  const kill = (): void => void child.kill('SIGKILL');
  cluster.stopping.addEventListener('abort', kill);
  const exited = once(child, 'exit').then(([code]) => {
    cluster.stopping.removeEventListener('abort', kill);
    return code as number | null;
  });
  return {
    ...{ clientId, reports, exited, frames: [] },
    signalCode: () => child.signalCode,
    isAlive: () => isAlive(child),
    signal: (name) => void child.kill(name),
    async stop(graceMs = 30_000) {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, graceMs);
      return exited.finally(() => clearTimeout(timer));
    },
    async kill() {
      kill();
      await exited;
    },
  };
}

/** Until it has its partitions, with their local state read to its end. @throws AssertionError after a minute, with what it said */
export async function untilOwning(worker: Worker, partitionsCount: number): Promise<void> {
  const owns = (): boolean => worker.reports.some((report) => report.kind === 'assigned' && report.partitions.length === partitionsCount);
  for (const deadlineMs = performance.now() + 60_000; !owns() && performance.now() < deadlineMs;) await sleep(50);
  assert.ok(owns(), `a worker gets ${partitionsCount} partitions: ${JSON.stringify(worker.reports)}`);
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/**
 * Starts a worker that dies at a point. One that dies by a proxy's hand has had the request held back before the signal: the
 * point is exact.
 */
export function startDoomedWorker(
  cluster: FaultCluster,
  killAt: KillAt,
  changes: Partial<WorkerOptions> & Pick<WorkerOptions, 'stateDir'>,
): Worker {
  const place = killAt.point in killPoints.inProxy ? killPoints.inProxy[killAt.point as keyof typeof killPoints.inProxy] : undefined;
  const snapshotEveryMs = killAt.point.endsWith('snapshot') ? 200 : 2_000;
  if (place === undefined) return startWorker(cluster, { snapshotEveryMs, ...changes, killAt });
  const worker = startWorker(cluster, changes);
  let count = 0;
  const rule: Rule = ({ from, api, clientId }) => {
    if (!clientId.startsWith(`${worker.clientId}-`)) return 'pass';
    if (worker.frames.push(`${from} ${api}`) > 1_000) worker.frames.splice(0, 900);
    if (from === place[0] && api === (place[1] ?? api)) count += 1;
    if (count < killAt.nth) return 'pass';
    worker.signal('SIGKILL');
    return 'drop';
  };
  for (const { proxy } of cluster.brokers.all) proxy.rule = rule;
  return worker;
}

export type KeptWorker = {
  /** The one that lives now, or the last one. */
  current(): Worker;
  /** Codes that its lives have ended with by themselves. */
  readonly crashes: readonly string[];
  /** Faults that its lives have recovered from, by code. */
  faults(): readonly string[];
  /** @returns the exit code of the last life */
  stop(): Promise<number | null>;
};

/** A worker that is started anew when it ends, as a supervisor does, until the cluster stops; with the same name and local state. */
export function keepWorker(cluster: FaultCluster, changes: Partial<WorkerOptions> & Pick<WorkerOptions, 'stateDir'>): KeptWorker {
  const lives: Worker[] = [startWorker(cluster, changes)];
  const crashes: string[] = [];
  let isStopping = false;
  const current = (): Worker => lives.at(-1)!;
  const watch = (worker: Worker): void =>
    void worker.exited.then((code) => {
      if (isStopping || cluster.stopping.aborted) return;
      const crash = worker.reports.findLast(({ kind }) => kind === 'crashed');
      crashes.push(crash?.kind === 'crashed' ? crash.code : `exit ${code}`);
      lives.push(startWorker(cluster, changes));
      watch(current());
    });
  watch(current());
  return {
    ...{ current, crashes },
    faults: () => lives.flatMap(({ reports }) => reports.flatMap((report) => (report.kind === 'fault' ? [report.code] : []))),
    async stop() {
      isStopping = true;
      return current().stop();
    },
  };
}
