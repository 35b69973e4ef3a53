import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FromApp } from '../app-messages.ts';
import { startApp, type AppProcess } from '../app-process.ts';
import { boundedRow, median, spreadOf, type Bench, type Experiment, type Row } from '../bench.ts';
import { partitionCount } from '../cluster.ts';
import { appendInput, occurrences, recordOf, type Input } from '../input.ts';
import { configOf, processed } from '../ours.ts';
import { inputTopic, topicsOf } from '../topology.ts';

const keysTopic = { ...inputTopic, name: 'bench.keys' };
const run = 'bench-takeover';
const sessionTimeoutMs = 6_000;

/** Time from the group's assignment of a dead process' partitions to the first output of one of them. */
type Takeover = { readonly firstOutputMs: number; readonly readyMs: number };

/**
 * Two processes with a row per key; one is killed with -9 under traffic. Once it is started again at once and finds its local
 * state; once it stays away, and the other one, which has nothing of its partitions, restores them whole.
 */
export const takeover: Experiment = {
  name: 'takeover',
  async run(bench) {
    const { cluster, recordsCount } = bench;
    await cluster.createTopics([keysTopic, ...Object.values(topicsOf(run))]);
    mkdirSync(join(cluster.dir, run));
    const sizes = { recordsCount, keysCount: recordsCount, duplicatesPercent: 0, seed: 2 };
    const input = await appendInput(cluster, keysTopic, sizes);
    const start = (index: number): Promise<AppProcess> => startApp({ ...configOf(cluster, input, run, index, {}), sessionTimeoutMs });
    const apps = await Promise.all([start(0), start(1)]);
    const traffic = new AbortController();
    try {
      for (const app of apps) app.tell({ do: 'start' });
      await processed(cluster, input, apps, run);
      const feeding = feed(bench, traffic.signal);
      const rows = await killings(bench, input, apps, start);
      traffic.abort();
      await feeding;
      return rows;
    } finally {
      traffic.abort();
      await Promise.all(apps.map((app) => app.stop()));
      await cluster.deleteTopics(run);
      await cluster.deleteTopics(keysTopic.name);
      rmSync(join(cluster.dir, run), { recursive: true, force: true });
    }
  },
};

async function killings(
  bench: Bench,
  input: Input,
  apps: [AppProcess, AppProcess],
  start: (index: number) => Promise<AppProcess>,
): Promise<readonly Row[]> {
  const back: Takeover[] = [];
  const over: Takeover[] = [];
  for (let round = 0; round < bench.runs; round++) {
    const [staying] = apps;
    await apps[1].kill();
    apps[1] = await start(1);
    apps[1].tell({ do: 'start' });
    back.push(await takenOver(apps[1], 3, 0));
    bench.note('takeover', 'the same, with its local state', back.at(-1)!);

    const held = partitionsOf(staying);
    for (let partition = 0; partition < partitionCount; partition++) {
      const folder = join(bench.cluster.dir, run, '0', `${run}-${partition}`);
      if (!held.includes(partition)) rmSync(folder, { recursive: true, force: true });
    }
    const toldCount = staying.told.length;
    await apps[1].kill();
    over.push(await takenOver(staying, partitionCount, toldCount));
    bench.note('takeover', 'another, from the log', over.at(-1)!);
    apps[1] = await start(1);
    apps[1].tell({ do: 'start' });
    await Promise.all([takenOver(apps[1], 3, 0), staying.until(() => (partitionsOf(staying).length === 3 ? true : undefined))]);
  }
  const row = (what: string, samples: readonly Takeover[]): Row => {
    const seconds = median(samples.map(({ firstOutputMs }) => firstOutputMs)) / 1_000;
    const figures = `first output after ${spreadOf(samples, 'firstOutputMs')} ms, ready after ${spreadOf(samples, 'readyMs')} ms`;
    return boundedRow(`${what}, ${input.keysCount.toLocaleString('en')} keys`, seconds, { atMost: 2 }, 's', figures);
  };
  return [row('after kill -9: the same process again', back), row('after kill -9: another from the log', over)];
}

const isAssigned = (message: FromApp): message is Extract<FromApp, { is: 'assigned' }> => message.is === 'assigned';

const partitionsOf = (app: AppProcess): readonly number[] => app.told.findLast(isAssigned)?.partitions ?? [];

/** Waits until the app, which has told `toldCount` messages before, has so many partitions, and puts out for one that is new to it. */
async function takenOver(app: AppProcess, count: number, toldCount: number): Promise<Takeover> {
  const before = toldCount === 0 ? [] : partitionsOf(app);
  return app.until(() => {
    const news = app.told.slice(toldCount);
    const assigned = news.filter(isAssigned).find(({ partitions }) => partitions.length === count);
    const isNew = (message: FromApp): boolean => message.is === 'output' && !before.includes(message.partition);
    const output = assigned && news.slice(news.indexOf(assigned)).find(isNew);
    if (!assigned || output?.is !== 'output') return undefined;
    return { firstOutputMs: output.atMs - assigned.atMs, readyMs: assigned.readyMs - assigned.atMs };
  });
}

/** New occurrences of known keys, some 1,000 in a second. */
async function feed({ cluster, recordsCount }: Bench, signal: AbortSignal): Promise<void> {
  const fresh = occurrences({ recordsCount: 1_000_000, keysCount: recordsCount, duplicatesPercent: 0, seed: 3 });
  const appender = await cluster.openAppender();
  while (!signal.aborted) {
    const some = Array.from({ length: 50 }, () => fresh.next().value).filter((occurrence) => occurrence !== undefined);
    await appender.append(some.map((occurrence) => recordOf(cluster, keysTopic, occurrence)));
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
  await appender.close();
}
