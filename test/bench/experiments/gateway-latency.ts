import { boundedRow, interleaved, medianOf, spreadOf, toldRow, type Row } from '../bench.ts';
import { measureReceiver, type GatewayBench, type ReceiverFigures } from '../gateway-run.ts';
import { startGateway, startGo } from '../gateway-receivers.ts';
import { rateName } from './gateway-throughput.ts';

const connections = 64;
/** For a run of this experiment alone. */
const goRateUsual = 20_000;

/** Open loop at half of what the Go peer takes: how long a push waits while there is time for all. */
export const latency = {
  name: 'latency',
  async run(bench: GatewayBench): Promise<readonly Row[]> {
    const rate = bench.isQuick ? 500 : Math.round((bench.rates.get(rateName('Go', connections)) ?? goRateUsual) / 2);
    const load = { connections, rate, seconds: bench.seconds, warmSeconds: bench.warmSeconds };
    const ours = (seed: number) => measureReceiver(bench, startGateway(bench.cluster, { instances: 1 }), { ...load, seed });
    const go = (seed: number) => measureReceiver(bench, startGo(bench.cluster), { ...load, seed });
    const variants = { ...(bench.isQuick ? {} : { Go: go }), ours };
    const samples = await interleaved<string, ReceiverFigures>(bench, 'latency', variants);
    const told = Object.entries(samples).map(([name, runs]) => row(name, rate, runs));
    if (bench.isQuick) return told;
    const ratio = medianOf(samples['ours']!, 'p99Ms') / medianOf(samples['Go']!, 'p99Ms');
    const figures = ['ours', 'Go'].map((name) => `${name}: ${spreadOf(samples[name]!, 'p99Ms', 2)} ms`).join('; ');
    return [boundedRow(`p99, to Go, ${rate.toLocaleString('en')} /s`, ratio, { atMost: 1.5 }, 'x', figures), ...told];
  },
};

const row = (name: string, rate: number, runs: readonly ReceiverFigures[]): Row =>
  toldRow(
    `${name}, open loop at ${rate.toLocaleString('en')} /s`,
    `p50 ${spreadOf(runs, 'p50Ms', 2)}, p99 ${spreadOf(runs, 'p99Ms', 2)}, p99.9 ${spreadOf(runs, 'p999Ms', 2)} ms`,
    `${spreadOf(runs, 'perSecond')} /s; CPU ${spreadOf(runs, 'cpuUs', 1)} us per push; refused ${spreadOf(runs, 'refused')}`,
  );
