import { boundedRow, interleaved, medianOf, spreadOf, toldRow, type Row } from '../bench.ts';
import { measureReceiver, type GatewayBench, type ReceiverFigures } from '../gateway-run.ts';
import { startBenthos, startFastify, startGateway, startGo } from '../gateway-receivers.ts';

const ours = {
  'ours, 1 process': { instances: 1 },
  'ours, 2 processes': { instances: 2 },
} as const;
const peers = { Go: startGo, Benthos: startBenthos, 'Fastify + kafkajs': startFastify } as const;

type Samples = Readonly<Record<string, readonly ReceiverFigures[]>>;

export const rateName = (variant: string, connections: number): string => `${variant}, ${connections} connections`;

/** Closed loop: how much each takes, with connections that send again as soon as they have been answered. */
export const throughput = {
  name: 'throughput',
  async run(bench: GatewayBench): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (const connections of bench.isQuick ? [16] : [64, 512]) {
      const load = { connections, seconds: bench.seconds, warmSeconds: bench.warmSeconds };
      const own = Object.entries(ours).map(
        ([name, options]) =>
          [name, (seed: number) => measureReceiver(bench, startGateway(bench.cluster, options), { ...load, seed })] as const,
      );
      const theirs = Object.entries(peers).map(
        ([name, start]) => [name, (seed: number) => measureReceiver(bench, start(bench.cluster), { ...load, seed })] as const,
      );
      const variants = bench.isQuick ? own.slice(0, 1) : [...theirs.slice(0, 1), ...own, ...theirs.slice(1)];
      const name = `throughput with ${connections} connections`;
      const samples = await interleaved<string, ReceiverFigures>(bench, name, Object.fromEntries(variants));
      for (const [variant, runs] of Object.entries(samples)) bench.rates.set(rateName(variant, connections), medianOf(runs, 'perSecond'));
      rows.push(...(bench.isQuick ? [] : comparisons(samples, connections)), ...absolutes(samples, connections));
    }
    return rows;
  },
};

const one = 'ours, 1 process';

function comparisons(samples: Samples, connections: number): readonly Row[] {
  const ratio = (their: string, figure: keyof ReceiverFigures, our = one): number =>
    medianOf(samples[our]!, figure) / medianOf(samples[their]!, figure);
  const both = (their: string, figure: keyof ReceiverFigures, unit: string, digits = 0): string =>
    [one, their].map((name) => `${name}: ${spreadOf(samples[name]!, figure, digits)} ${unit}`).join('; ');
  const row = (what: string, their: string, goal: { readonly atLeast: number }): Row =>
    boundedRow(`${what}, ${connections} connections`, ratio(their, 'perSecond'), goal, 'x', both(their, 'perSecond', '/s'));
  return [
    row('pushes per second, to Go', 'Go', { atLeast: 0.9 }),
    row('to Benthos', 'Benthos', { atLeast: 1 }),
    row('to Fastify + kafkajs', 'Fastify + kafkajs', { atLeast: 1 }),
    boundedRow(`p99, to Go, ${connections} connections`, ratio('Go', 'p99Ms'), { atMost: 1.5 }, 'x', both('Go', 'p99Ms', 'ms', 2)),
    toldRow(
      `what a second process adds, ${connections} connections`,
      `${ratio(one, 'perSecond', 'ours, 2 processes').toFixed(2)} x`,
      `ours, 2 processes: ${spreadOf(samples['ours, 2 processes']!, 'perSecond')} /s`,
    ),
  ];
}

const absolutes = (samples: Samples, connections: number): readonly Row[] =>
  Object.entries(samples).map(([name, runs]) =>
    toldRow(
      `${name}, ${connections} connections`,
      `${spreadOf(runs, 'perSecond')} /s`,
      [
        `p50 ${spreadOf(runs, 'p50Ms', 2)}, p99 ${spreadOf(runs, 'p99Ms', 2)}, p99.9 ${spreadOf(runs, 'p999Ms', 2)} ms`,
        `CPU ${spreadOf(runs, 'cpuUs', 1)}, broker ${spreadOf(runs, 'brokerCpuUs', 1)}, load ${spreadOf(runs, 'loadCpuUs', 1)} us per push`,
        `peak ${spreadOf(runs, 'rssPeakMib')} MiB`,
      ].join('; '),
    ),
  );
