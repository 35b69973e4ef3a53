import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type AppProcess } from './app-process.ts';
import { nowMs, progressEveryMs, type AppConfig, type AppProgress } from './app-messages.ts';
import { offsetsGroupOf } from './at-least-once-log.ts';
import { checkOutput } from './check-output.ts';
import { partitionCount, type Cluster } from './cluster.ts';
import type { Input } from './input.ts';
import type { Profile } from './profile.ts';
import { topicsOf } from './topology.ts';
import { usageOf } from './usage.ts';

export type RunOptions = {
  readonly instances: number;
  /** Also wipes the local state and measures its restore. */
  readonly isRestored?: boolean;
  readonly isProfiled?: boolean;
  /** Reads the output back: each occurrence once. */
  readonly isChecked?: boolean;
  readonly guarantee?: AppConfig['guarantee'];
  /** Folder with a store per partition that the one instance starts with. */
  readonly prefilled?: string;
};

/** The same figures for both sides. Rates are of input records. */
export type RunFigures = {
  readonly perSecond: number;
  readonly perSecondCommitted: number;
  readonly rssPeakMib: number;
  readonly rssAnonMib: number;
  /** Of the app's processes and of the broker, while the records were processed. */
  readonly cpuUsPerRecord: number;
  readonly brokerCpuUsPerRecord: number;
  /** Rows of both stores, from wiped to the end of the state topics. */
  readonly restoredPerSecond?: number;
  readonly restoreMs?: number;
  /** From closed until it takes records again, restore of the wiped state included. */
  readonly restartMs?: number;
};
export type OurFigures = RunFigures & { readonly transactions: number; readonly profile?: Profile };

/** From the last record that is taken to its commit: a transaction, and what a rebalance makes to be done again. */
const tailMsMax = 120_000;

let runsCount = 0;

/** Processes the whole input with so many instances, each a process. The run leaves neither topics nor files. */
export async function runOurs(cluster: Cluster, input: Input, options: RunOptions): Promise<OurFigures> {
  const run = `bench-ours-${process.pid}-${++runsCount}`;
  await cluster.createTopics(Object.values(topicsOf(run)));
  const stateDir = join(cluster.dir, run);
  mkdirSync(stateDir);
  if (options.prefilled !== undefined) copyPrefilled(options.prefilled, run, join(stateDir, '0'));
  const apps: AppProcess[] = [];
  try {
    for (let index = 0; index < options.instances; index++) apps.push(await startApp(configOf(cluster, input, run, index, options)));
    const figures = await measure(cluster, input, apps, { ...options, run });
    if (options.isChecked) await checkOutput(cluster, topicsOf(run).output, input);
    return figures;
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
    await cluster.deleteTopics(run);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** The stores of a run's first instance, as they lie in `folder`. */
function copyPrefilled(folder: string, run: string, stateDir: string): void {
  for (let partition = 0; partition < partitionCount; partition++) {
    cpSync(join(folder, String(partition)), join(stateDir, `${run}-${partition}`), { recursive: true });
  }
}

export const configOf = (cluster: Cluster, input: Input, run: string, index: number, options: Partial<RunOptions>): AppConfig => ({
  ...{ run, instance: `${run}-${index}`, brokers: cluster.brokers, registryUrl: cluster.registryUrl, input: input.topic.name },
  ...{ stateDir: join(cluster.dir, run, String(index)), guarantee: options.guarantee ?? 'exactly-once', sessionTimeoutMs: 15_000 },
});

type MeasureOptions = RunOptions & { readonly run: string };

async function measure(cluster: Cluster, input: Input, apps: readonly AppProcess[], options: MeasureOptions): Promise<OurFigures> {
  const cpuMs = (): number => apps.reduce((sum, app) => sum + app.usage().cpuMs, 0);
  const brokerCpuMs = (): number => usageOf(cluster.brokerPid).cpuMs;
  const before = { own: cpuMs(), broker: brokerCpuMs() };
  if (options.isProfiled) apps[0]!.tell({ do: 'profile', on: true });
  for (const app of apps) app.tell({ do: 'start' });
  const group = options.guarantee === 'at-least-once' ? offsetsGroupOf(options.run) : options.run;
  const total = await processed(cluster, input, apps, group);
  const profile = options.isProfiled ? await apps[0]!.profile() : undefined;
  const perRecord = (ms: number): number => (ms * 1_000) / input.recordsCount;
  const cpu = { cpuUsPerRecord: perRecord(cpuMs() - before.own), brokerCpuUsPerRecord: perRecord(brokerCpuMs() - before.broker) };
  const restored = options.isRestored ? await restore(apps, input) : {};
  const sum = (name: 'rssPeakMib' | 'rssAnonMib'): number => apps.reduce((mib, app) => mib + app.usage()[name], 0);
  return {
    perSecond: (input.recordsCount * 1_000) / (total.lastMs - total.firstMs),
    perSecondCommitted: (input.recordsCount * 1_000) / (total.committedMs - total.firstMs),
    transactions: total.transactions,
    ...{ ...cpu, ...restored, rssPeakMib: sum('rssPeakMib'), rssAnonMib: sum('rssAnonMib') },
    ...(profile && { profile }),
  };
}

type Processed = { readonly firstMs: number; readonly lastMs: number; readonly committedMs: number; readonly transactions: number };

/** Until the group has committed the whole input: what the log says counts, not what the app thinks. */
export async function processed(cluster: Cluster, input: Input, apps: readonly AppProcess[], group: string): Promise<Processed> {
  const sum = (name: keyof AppProgress): number => apps.reduce((count, app) => count + app.progress()[name], 0);
  const isThrough = (): true | undefined => (sum('inputs') >= input.recordsCount ? true : undefined);
  await Promise.race(apps.map((app) => app.until(isThrough)));
  const deadlineMs = nowMs() + tailMsMax;
  for (let count = 0; (count = await committedCount(cluster, input, group)) < input.recordsCount; await sleep(10)) {
    for (const app of apps) app.throwIfEnded();
    if (nowMs() > deadlineMs) throw new Error(`${group} has committed ${count} of ${input.recordsCount} records and goes on no more`);
  }
  const committedMs = nowMs();
  await sleep(2 * progressEveryMs); // So that each has told its end.
  const used = apps.map((app) => app.progress()).filter(({ inputs }) => inputs > 0);
  return {
    ...{ committedMs, transactions: sum('transactions') },
    firstMs: Math.min(...used.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...used.map(({ lastMs }) => lastMs)),
  };
}

async function committedCount({ log }: Cluster, input: Input, group: string): Promise<number> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  const offsets = await Promise.all(partitions.map((partition) => log.committed(group, [input.topic.name], partition)));
  return offsets.reduce((count, offset) => count + (offset.get(input.topic.name) ?? 0), 0);
}

/** One app only: with several the group would hand partitions around meanwhile. */
async function restore(apps: readonly AppProcess[], input: Input): Promise<Partial<RunFigures>> {
  const [app] = apps;
  if (!app || apps.length > 1) throw new Error('restore is measured with one instance');
  app.tell({ do: 'wipe' });
  const closed = await app.until(() => app.told.find((message) => message.is === 'closed'));
  const assigned = await app.until(() =>
    app.told.find((message) => message.is === 'assigned' && message.atMs > closed.atMs && message.partitions.length === partitionCount),
  );
  if (assigned.is !== 'assigned') throw new Error('unreachable');
  const restoreMs = assigned.readyMs - assigned.atMs;
  return { restoreMs, restartMs: assigned.readyMs - closed.atMs, restoredPerSecond: (2 * input.uniqueCount * 1_000) / restoreMs };
}
