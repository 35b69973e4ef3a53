import { boundedRow, type Row } from '../bench.ts';
import { measureReceiver, type GatewayBench } from '../gateway-run.ts';
import { startGateway } from '../gateway-receivers.ts';
import { rateName } from './gateway-throughput.ts';

/** More than the gateway lets in at a time, so that it has to refuse. */
const connections = 1_500;
const rssMibMax = 300;
/** For a run of this experiment alone. */
const rateUsual = 15_000;

/** Twice of what one process takes, for minutes: what it cannot take it refuses, and holds no more than its bounds. */
export const memory = {
  name: 'memory',
  async run(bench: GatewayBench): Promise<readonly Row[]> {
    const rate = 2 * Math.round(bench.isQuick ? 2_500 : (bench.rates.get(rateName('ours, 1 process', 512)) ?? rateUsual));
    const seconds = bench.isQuick ? 2 : 300;
    const load = { connections, rate, seconds, warmSeconds: 0, backlog: 10_000, seed: 1 };
    const figures = await measureReceiver(bench, startGateway(bench.cluster, { instances: 1 }), load);
    bench.note('memory', 'ours, 1 process', figures);
    const count = (value: number): string => value.toLocaleString('en');
    return [
      boundedRow(
        `memory through ${seconds} s at twice the capacity`,
        figures.rssPeakMib,
        { atMost: rssMibMax },
        'MiB',
        [
          `${count(rate)} pushes/s over ${count(connections)} connections`,
          `${count(Math.round(figures.perSecond))} accepted per second, ${count(figures.refused)} refused, ${count(figures.failed)} failed`,
          `${count(figures.unsent)} found no connection; peak of resident memory (VmHWM)`,
        ].join('; '),
        0,
      ),
    ];
  },
};
