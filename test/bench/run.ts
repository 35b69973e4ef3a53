// `npm run bench -- stream`: what the stream runtime does per second, beside Kafka Streams on the same broker. See README.md.
import { parseArgs } from 'node:util';
import { renderTable } from '../../infra/local/table.ts';
import type { Bench, Experiment, Row } from './bench.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { atLeastOnce } from './experiments/at-least-once.ts';
import { idle } from './experiments/idle.ts';
import { largeState } from './experiments/large-state.ts';
import { hotPath, stateStore } from './experiments/parts.ts';
import { takeover } from './experiments/takeover.ts';
import { throughput } from './experiments/throughput.ts';
import { appendInput, type Input } from './input.ts';
import { jobSpeed } from './job-speed.ts';
import { runOurs } from './ours.ts';
import { profileTables } from './profile.ts';
import { openResults, writeReport } from './report.ts';
import { inputTopic } from './topology.ts';

/** In the order in which they run. */
const experiments: readonly Experiment[] = [throughput, atLeastOnce, takeover, largeState, jobSpeed, stateStore, hotPath, idle];

const usage = `npm run bench -- stream [--quick] [--only <experiment>]... [--runs <n>] [--records <n>] [--profile]
experiments: ${experiments.map(({ name }) => name).join(', ')}`;

type Options = {
  readonly only: readonly string[];
  readonly runs: number;
  readonly records: number;
  readonly isQuick: boolean;
  readonly isProfile: boolean;
};

class UsageError extends Error {}

/** @throws UsageError */
function parseCommandLine(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ only: { type: 'string', multiple: true }, runs: { type: 'string' }, records: { type: 'string' } },
      ...{ quick: { type: 'boolean' }, profile: { type: 'boolean' } },
    },
  });
  const { only = [], quick: isQuick = false, profile: isProfile = false } = values;
  const runs = Number(values.runs ?? (isQuick ? 1 : 5));
  const records = Number(values.records ?? (isQuick ? 6_000 : 1_000_000));
  const isKnown = only.every((name) => experiments.some((experiment) => experiment.name === name));
  const isRight = positionals.join() === 'stream' && isKnown && Number.isInteger(runs) && runs > 0 && Number.isInteger(records);
  if (!isRight || records < 1_000) throw new UsageError(usage);
  return { only, runs, records, isQuick, isProfile };
}

/** Made at its first use, and then the same for all. */
function inputOf(cluster: Cluster, recordsCount: number): () => Promise<Input> {
  let made: Promise<Input> | undefined;
  const sizes = { recordsCount, keysCount: Math.ceil(recordsCount / 5), duplicatesPercent: 1, seed: 1 };
  return () => {
    if (!made) console.log(`making ${recordsCount.toLocaleString('en')} records`);
    return (made ??= appendInput(cluster, inputTopic, sizes));
  };
}

/** One more run, sampled, so that it spoils no figure. @returns where its time goes, as text */
async function profile(cluster: Cluster, input: Input, results: ReturnType<typeof openResults>): Promise<string> {
  const { profile, ...figures } = await runOurs(cluster, input, { instances: 1, isProfiled: true });
  results.note('profile', 'ours, 1 process', figures);
  results.keep('stream.cpuprofile', JSON.stringify(profile));
  return profileTables(profile!, input.recordsCount).map(renderTable).join('\n\n');
}

const shown = (rows: readonly Row[]): string =>
  renderTable([
    ['what', 'goal', 'measured', ''],
    ...rows.map(({ what, goal, measured, isReached }) => [what, goal, measured, isReached === undefined ? '' : isReached ? 'yes' : 'NO']),
  ]);

async function main(): Promise<void> {
  const options = parseCommandLine();
  const startedAtMs = Date.now();
  const results = openResults();
  console.log('starting a broker and a schema registry');
  const cluster = await startCluster();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void cluster.stop().finally(() => process.exit(1)));
  try {
    const input = inputOf(cluster, options.records);
    if (options.isProfile) return console.log(`\n${await profile(cluster, await input(), results)}`);
    const bench: Bench = {
      ...{ cluster, runs: options.runs, recordsCount: options.records, isQuick: options.isQuick, note: results.note },
      input,
    };
    const rows: Row[] = [];
    for (const experiment of experiments) {
      if (options.only.length === 0 || options.only.includes(experiment.name)) rows.push(...(await experiment.run(bench)));
    }
    console.log(`\n${shown(rows)}\n\nlines of JSON: ${results.path}`);
    const isWhole = options.only.length === 0 && !options.isQuick;
    if (!isWhole) return;
    console.log(`report: ${writeReport({ rows, startedAtMs, profile: await profile(cluster, await input(), results), ...options })}`);
  } finally {
    await cluster.stop();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exit(1);
}
