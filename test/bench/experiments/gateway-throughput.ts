import { boundedRow, interleaved, medianOf, spreadOf, toldRow, type Row } from '../bench.ts';
import type { Cluster } from '../cluster.ts';
import { measureReceiver, type GatewayBench, type ReceiverFigures } from '../gateway-run.ts';
import { startBareFastify, startBenthos, startFastify, startGateway, startGo, type Receiver } from '../gateway-receivers.ts';

type Start = (cluster: Cluster) => Promise<Receiver>;

const one = 'ours, 1 process';
const two = 'ours, 2 processes';
/** For what a Node process can do at all; told once. */
const bare = 'Fastify, keeping nothing';
/** In turn; what is compared stands side by side. */
const starts: Readonly<Record<string, Start>> = {
  Go: startGo,
  [one]: (cluster) => startGateway(cluster, { instances: 1 }),
  [two]: (cluster) => startGateway(cluster, { instances: 2 }),
  Benthos: startBenthos,
  'Fastify + kafkajs': startFastify,
  [bare]: startBareFastify,
};
export const receiverNames: readonly string[] = Object.keys(starts);

type Samples = Readonly<Record<string, readonly ReceiverFigures[]>>;

export const rateName = (variant: string, connections: number): string => `${variant}, ${connections} connections`;

/** Closed loop: how much each takes, with connections that send again as soon as they have been answered. */
export const throughput = {
  name: 'throughput',
  async run(bench: GatewayBench): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (const connections of bench.connections) {
      const load = { connections, seconds: bench.seconds, warmSeconds: bench.warmSeconds };
      const variants = receiverNames
        .filter((name) => bench.receivers.includes(name) && (name !== bare || connections === bench.connections[0]))
        .map((name) => [name, (seed: number) => measureReceiver(bench, starts[name]!(bench.cluster), { ...load, seed })] as const);
      const name = `throughput with ${connections} connections`;
      const samples = await interleaved<string, ReceiverFigures>(bench, name, Object.fromEntries(variants));
      for (const [variant, runs] of Object.entries(samples)) bench.rates.set(rateName(variant, connections), medianOf(runs, 'perSecond'));
      rows.push(...comparisons(samples, connections), ...absolutes(samples, connections));
    }
    return rows;
  },
};

function comparisons(samples: Samples, connections: number): readonly Row[] {
  const ratio = (their: string, figure: keyof ReceiverFigures): number =>
    medianOf(samples[one]!, figure) / medianOf(samples[their]!, figure);
  const both = (their: string, figure: keyof ReceiverFigures, unit: string, digits = 0): string =>
    [one, their].map((name) => `${name}: ${spreadOf(samples[name]!, figure, digits)} ${unit}`).join('; ');
  const rate = (what: string, their: string, goal: { readonly atLeast: number }): Row =>
    boundedRow(`${what}, ${connections} connections`, ratio(their, 'perSecond'), goal, 'x', both(their, 'perSecond', '/s'));
  const rows: Readonly<Record<string, () => readonly Row[]>> = {
    Go: () => [
      rate('pushes per second, to Go', 'Go', { atLeast: 0.9 }),
      boundedRow(`p99, to Go, ${connections} connections`, ratio('Go', 'p99Ms'), { atMost: 1.5 }, 'x', both('Go', 'p99Ms', 'ms', 2)),
    ],
    Benthos: () => [rate('pushes per second, to Benthos', 'Benthos', { atLeast: 1 })],
    'Fastify + kafkajs': () => [rate('pushes per second, to Fastify + kafkajs', 'Fastify + kafkajs', { atLeast: 1 })],
    [two]: () => [
      toldRow(
        `what a second process adds, ${connections} connections`,
        `${(1 / ratio(two, 'perSecond')).toFixed(2)} x`,
        both(two, 'perSecond', '/s'),
      ),
    ],
  };
  return samples[one] === undefined ? [] : Object.entries(rows).flatMap(([name, make]) => (samples[name] === undefined ? [] : make()));
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
