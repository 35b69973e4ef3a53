import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, type AppProcess } from './app-process.ts';
import type { AppConfig, AppProgress, Profile } from './app-messages.ts';
import { checkOutput } from './check-output.ts';
import { partitionCount, type Cluster } from './cluster.ts';
import type { Input } from './input.ts';
import { topicsOf } from './topology.ts';
import { usageOf } from './usage.ts';

export type RunOptions = {
  readonly instances: number;
  /** Also wipes the local state and measures its restore. */
  readonly restore?: boolean;
  readonly profile?: boolean;
  /** Reads the output back: each occurrence once. */
  readonly isChecked?: boolean;
  readonly guarantee?: AppConfig['guarantee'];
};

/** The same figures for both sides. Rates are of input records. */
export type RunFigures = {
  readonly perSecond: number;
  readonly perSecondCommitted: number;
  readonly uniqueCount: number;
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

let runsCount = 0;

/** Processes the whole input with so many instances, each a process. The run leaves neither topics nor files. */
export async function runOurs(cluster: Cluster, input: Input, options: RunOptions): Promise<OurFigures> {
  const run = `bench-ours-${process.pid}-${++runsCount}`;
  await cluster.createTopics(Object.values(topicsOf(run)));
  const stateDir = join(cluster.dir, run);
  mkdirSync(stateDir);
  const apps: AppProcess[] = [];
  try {
    for (let index = 0; index < options.instances; index++) apps.push(await startApp(configOf(cluster, input, run, index, options)));
    const figures = await measure(cluster, input, apps, options);
    if (figures.uniqueCount !== input.uniqueCount) throw new Error(`${figures.uniqueCount} outputs instead of ${input.uniqueCount}`);
    if (options.isChecked) await checkOutput(cluster, topicsOf(run).output, input);
    return figures;
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
    await cluster.deleteTopics(run);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

export const configOf = (cluster: Cluster, input: Input, run: string, index: number, options: Partial<RunOptions>): AppConfig => ({
  ...{ run, instance: `${run}-${index}`, brokers: cluster.brokers, registryUrl: cluster.registryUrl, input: input.topic.name },
  ...{ stateDir: join(cluster.dir, run, String(index)), guarantee: options.guarantee ?? 'exactly-once', sessionTimeoutMs: 15_000 },
});

async function measure(cluster: Cluster, input: Input, apps: readonly AppProcess[], options: RunOptions): Promise<OurFigures> {
  const cpuMs = (): number => apps.reduce((sum, app) => sum + app.usage().cpuMs, 0);
  const brokerCpuMs = (): number => usageOf(cluster.brokerPid).cpuMs;
  const before = { own: cpuMs(), broker: brokerCpuMs() };
  if (options.profile) apps[0]!.tell({ do: 'profile', on: true });
  for (const app of apps) app.tell({ do: 'start' });
  const total = await processed(apps, input);
  const profile = options.profile ? await apps[0]!.profile() : undefined;
  const perRecord = (ms: number): number => (ms * 1_000) / input.recordsCount;
  const cpu = { cpuUsPerRecord: perRecord(cpuMs() - before.own), brokerCpuUsPerRecord: perRecord(brokerCpuMs() - before.broker) };
  const restored = options.restore ? await restore(apps, input) : {};
  const sum = (name: 'rssPeakMib' | 'rssAnonMib'): number => apps.reduce((mib, app) => mib + app.usage()[name], 0);
  return {
    perSecond: (input.recordsCount * 1_000) / (total.lastMs - total.firstMs),
    perSecondCommitted: (input.recordsCount * 1_000) / (total.lastCommitMs - total.firstMs),
    uniqueCount: total.outputs,
    transactions: total.transactions,
    ...{ ...cpu, ...restored, rssPeakMib: sum('rssPeakMib'), rssAnonMib: sum('rssAnonMib') },
    ...(profile && { profile }),
  };
}

async function processed(apps: readonly AppProcess[], input: Input): Promise<AppProgress> {
  const sum = (name: keyof AppProgress): number => apps.reduce((count, app) => count + app.progress()[name], 0);
  const isDone = (): true | undefined => (sum('committed') >= input.recordsCount ? true : undefined);
  // Any of them may be the last; the others' ends matter too.
  await Promise.race([Promise.any(apps.map((app) => app.until(isDone))), ...apps.map((app) => app.until(isDone))]);
  const all = apps.map((app) => app.progress()).filter(({ inputs }) => inputs > 0);
  return {
    ...{ inputs: sum('inputs'), outputs: sum('outputs'), committed: sum('committed'), transactions: sum('transactions') },
    firstMs: Math.min(...all.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...all.map(({ lastMs }) => lastMs)),
    lastCommitMs: Math.max(...all.map(({ lastCommitMs }) => lastCommitMs)),
  };
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
