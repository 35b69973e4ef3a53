import { parseArgs } from 'node:util';
import { renderTable } from '../../infra/local/table.ts';
import { UsageError, type Bench, type Experiment, type Row } from './bench.ts';
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
import { openResults, shown, verbatim, versionOf, writeReport, type Report } from './report.ts';
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

/** @throws UsageError */
function parseCommandLine(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ only: { type: 'string', multiple: true }, runs: { type: 'string' }, records: { type: 'string' } },
      ...{ quick: { type: 'boolean' }, profile: { type: 'boolean' } },
    },
  });
  const { only = [], quick: isQuick = false, profile: isProfile = false } = values;
  const runs = Number(values.runs ?? (isQuick ? 1 : 5));
  const records = Number(values.records ?? (isQuick ? 6_000 : 1_000_000));
  const isKnown = only.every((name) => experiments.some((experiment) => experiment.name === name));
  if (!isKnown || !Number.isInteger(runs) || runs < 1 || !Number.isInteger(records) || records < 1_000) throw new UsageError(usage);
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

const reportOf = ({ runs, records }: Options, startedAtMs: number, rows: readonly Row[], profile: string): Report => ({
  ...{ suite: 'stream', startedAtMs, rows, versions: [versionOf('java', '--version')] },
  conditions: [
    'Kafka and Kafka Streams as in `test/bench/peers/streams/pom.xml`; one broker, replication 1, six partitions.',
    `${records.toLocaleString('en')} records of 400 bytes; medians of ${runs} (least to most), variants in turn.`,
    'Broker, peer and Waybill share the cores.',
  ],
  chapters: [
    {
      title: 'Where the time goes',
      lines: ['One process, sampled in a run of its own: microseconds of the main thread per record.', '', ...verbatim(profile)],
    },
  ],
});

/** What the stream runtime does per second, beside Kafka Streams on the same broker. @throws UsageError */
export async function streamBench(args: readonly string[]): Promise<void> {
  const options = parseCommandLine(args);
  const startedAtMs = Date.now();
  const results = openResults('stream');
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
    console.log(`report: ${writeReport(reportOf(options, startedAtMs, rows, await profile(cluster, await input(), results)))}`);
  } finally {
    await cluster.stop();
  }
}
