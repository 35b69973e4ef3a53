import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { renderTable } from '../../infra/local/table.ts';
import { UsageError, type Row } from './bench.ts';
import { startCluster } from './cluster.ts';
import { latency } from './experiments/gateway-latency.ts';
import { memory } from './experiments/gateway-memory.ts';
import { receiverNames, throughput } from './experiments/gateway-throughput.ts';
import { profileGateway } from './gateway-profile-run.ts';
import type { GatewayBench } from './gateway-run.ts';
import { ingestDir } from './go-program.ts';
import { openResults, shown, verbatim, versionOf, writeReport, type Report } from './report.ts';

type Experiment = { readonly name: string; readonly run: (bench: GatewayBench) => Promise<readonly Row[]> };

/** In the order in which they run. */
const experiments: readonly Experiment[] = [throughput, latency, memory];

const usage = `npm run bench -- gateway [--quick] [--only <experiment>]... [--receiver <name>]... [--connections <n>]... [--runs <n>]
  [--seconds <n>] [--profile]
experiments: ${experiments.map(({ name }) => name).join(', ')}
receivers: ${receiverNames.join(', ')}`;

type Options = Pick<GatewayBench, 'runs' | 'seconds' | 'warmSeconds' | 'isQuick' | 'receivers' | 'connections'> & {
  readonly only: readonly string[];
  readonly isProfile: boolean;
};

/** @throws UsageError */
function parseCommandLine(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ only: { type: 'string', multiple: true }, receiver: { type: 'string', multiple: true }, runs: { type: 'string' } },
      ...{ connections: { type: 'string', multiple: true }, seconds: { type: 'string' } },
      ...{ quick: { type: 'boolean' }, profile: { type: 'boolean' } },
    },
  });
  const { only = [], quick: isQuick = false, profile: isProfile = false } = values;
  const runs = Number(values.runs ?? (isQuick ? 1 : 3));
  const seconds = Number(values.seconds ?? (isQuick ? 1 : 4));
  const receivers = values.receiver ?? (isQuick ? ['ours, 1 process'] : receiverNames);
  const connections = values.connections?.map(Number) ?? (isQuick ? [16] : [64, 512]);
  const areKnown =
    only.every((name) => experiments.some((experiment) => experiment.name === name)) &&
    receivers.every((name) => receiverNames.includes(name));
  const areCounts = [runs, ...connections].every((count) => Number.isInteger(count) && count > 0);
  if (!areKnown || !areCounts || !(seconds > 0)) throw new UsageError(usage);
  return { only, receivers, connections, runs, seconds, warmSeconds: isQuick ? 0.5 : 2, isQuick, isProfile };
}

/**
 * Half a gigabyte per partition is kept, so that minutes of load do not fill a disk; what is compared are counts, which retention
 * leaves as they are.
 */
const brokerSettings = {
  'log.retention.bytes': 512 * 1_048_576,
  'log.segment.bytes': 128 * 1_048_576,
  'log.retention.check.interval.ms': 5_000,
  'log.segment.delete.delay.ms': 1_000,
};

/** What the gateway takes per second, beside other receivers on the same broker. @throws UsageError */
export async function gatewayBench(args: readonly string[]): Promise<void> {
  const options = parseCommandLine(args);
  const startedAtMs = Date.now();
  const results = openResults('gateway');
  console.log('starting a broker and a schema registry');
  const cluster = await startCluster(brokerSettings);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void cluster.stop().finally(() => process.exit(1)));
  try {
    const bench: GatewayBench = { ...options, cluster, rates: new Map(), note: results.note };
    const profile = async (): Promise<string> => {
      const { tables, profile, figures } = await profileGateway(bench);
      results.note('profile', 'gateway', figures);
      results.keep('gateway.cpuprofile', profile);
      return tables.map(renderTable).join('\n\n');
    };
    if (options.isProfile) return console.log(`\n${await profile()}`);
    const rows: Row[] = [];
    for (const experiment of experiments) {
      if (options.only.length === 0 || options.only.includes(experiment.name)) rows.push(...(await experiment.run(bench)));
    }
    console.log(`\n${shown(rows)}\n\nlines of JSON: ${results.path}`);
    const isWhole = options.only.length === 0 && options.receivers.length === receiverNames.length;
    if (isWhole) console.log(`report: ${writeReport(reportOf(options, startedAtMs, rows, await profile()))}`);
  } finally {
    await cluster.stop();
  }
}

/** As `peers/ingest/<program>/go.mod` pins it. */
function moduleVersion(program: string, module: string): string {
  const pinned = readFileSync(join(ingestDir, program, 'go.mod'), 'utf8');
  return `${module.split('/').at(-1)} ${new RegExp(`${module}(?:/v\\d+)? (v\\S+)`).exec(pinned)?.[1]}`;
}

function reportOf({ runs, seconds }: Options, startedAtMs: number, rows: readonly Row[], profile: string): Report {
  return {
    ...{ suite: 'gateway', startedAtMs, rows },
    versions: [versionOf('go', 'version'), moduleVersion('franz', 'twmb/franz-go'), moduleVersion('benthos', 'benthosdev/benthos')],
    conditions: [
      'One broker, replication 1, six partitions, acks=all for everybody. Signed Harbor pushes of 2 KiB, each a different one; the gateway',
      'proves the signature, parses, and appends two Avro records per push (the delivery with its bytes, the event); the peers append the',
      `bytes. Medians of ${runs} runs of ${seconds} s (least to most), variants in turn. Every acknowledged push was counted in the log.`,
      'Receiver, broker and load generator share the cores.',
    ],
    chapters: [
      {
        title: 'Where the time goes',
        lines: ['One process, sampled in a run of its own: microseconds of the main thread per push.', '', ...verbatim(profile)],
      },
    ],
  };
}
