import { boundedRow, interleaved, medianOf, spreadOf, toldRow, type Experiment, type Row } from '../bench.ts';
import { runOurs, type RunFigures } from '../ours.ts';
import { runPeer } from '../peer.ts';

const ours = {
  'ours, 1 process': { instances: 1, isRestored: true },
  'ours, 2 processes': { instances: 2 },
} as const;

const peers = {
  'peer, 2 threads': { threads: 2, isBulk: false },
  'peer, 2 threads, tuned': { threads: 2, isBulk: true },
} as const;

type Samples = Readonly<Record<string, readonly RunFigures[]>>;

/** Throughput, memory, restore and restart: the same work on the same input on the same broker. */
export const throughput: Experiment = {
  name: 'throughput',
  async run(bench) {
    const input = await bench.input();
    const isChecked = (round: number): boolean => round === 0; // Reading a million outputs back takes longer than making them.
    const own = Object.entries(ours).map(
      ([name, options]) => [name, (round: number) => runOurs(bench.cluster, input, { ...options, isChecked: isChecked(round) })] as const,
    );
    const theirs = Object.entries(peers).map(
      ([name, options]) => [name, (round: number) => runPeer(bench.cluster, input, { ...options, isChecked: isChecked(round) })] as const,
    );
    // The peer is what is compared with, but is built by Maven: a quick run is of our side only.
    const variants = bench.isQuick ? own : [theirs[0]!, own[0]!, theirs[1]!, own[1]!];
    const samples = await interleaved<string, RunFigures>(bench, 'throughput', Object.fromEntries(variants));
    return [...(bench.isQuick ? [] : comparisons(samples)), ...absolutes(samples)];
  },
};

function best(samples: Samples, side: string, name: 'perSecond' | 'restoredPerSecond'): string {
  const names = Object.keys(samples).filter((variant) => variant.startsWith(side) && samples[variant]![0]![name] !== undefined);
  return names.toSorted((a, b) => medianOf(samples[b]!, name) - medianOf(samples[a]!, name))[0]!;
}

function comparisons(samples: Samples): readonly Row[] {
  const our = best(samples, 'ours', 'perSecond');
  const their = best(samples, 'peer', 'perSecond');
  const ratio = (ourName: string, theirName: string, figure: keyof RunFigures): number =>
    medianOf(samples[ourName]!, figure) / medianOf(samples[theirName]!, figure);
  const both = (ourName: string, theirName: string, figure: keyof RunFigures, unit: string): string =>
    [ourName, theirName].map((name) => `${name}: ${spreadOf(samples[name]!, figure)} ${unit}`).join('; ');
  const ourRestore = best(samples, 'ours', 'restoredPerSecond');
  const theirRestore = best(samples, 'peer', 'restoredPerSecond');
  const plain = 'peer, 2 threads';
  return [
    boundedRow('throughput, to the best peer', ratio(our, their, 'perSecond'), { atLeast: 1 }, 'x', both(our, their, 'perSecond', '/s')),
    boundedRow('throughput, to 2 threads', ratio(our, plain, 'perSecond'), { atLeast: 1.3 }, 'x', both(our, plain, 'perSecond', '/s')),
    boundedRow('memory, to the best peer', ratio(our, their, 'rssPeakMib'), { atMost: 0.33 }, 'x', both(our, their, 'rssPeakMib', 'MiB')),
    toldRow('without pages of mapped files', `${ratio(our, their, 'rssAnonMib').toFixed(2)} x`, both(our, their, 'rssAnonMib', 'MiB')),
    boundedRow(
      'restore of a wiped store',
      ratio(ourRestore, theirRestore, 'restoredPerSecond'),
      { atLeast: 1 },
      'x',
      both(ourRestore, theirRestore, 'restoredPerSecond', 'rows/s'),
    ),
  ];
}

function absolutes(samples: Samples): readonly Row[] {
  return Object.entries(samples).flatMap(([name, runs]) => {
    const figures = [
      `committed ${spreadOf(runs, 'perSecondCommitted')} /s`,
      `CPU ${spreadOf(runs, 'cpuUsPerRecord', 1)} us, broker ${spreadOf(runs, 'brokerCpuUsPerRecord', 1)} us per record`,
      `peak ${spreadOf(runs, 'rssPeakMib')} MiB`,
      ...(runs[0]!.restoreMs === undefined
        ? []
        : [`restore ${spreadOf(runs, 'restoreMs')} ms`, `running again after ${spreadOf(runs, 'restartMs')} ms`]),
    ];
    return [toldRow(name, `${spreadOf(runs, 'perSecond')} /s`, figures.join('; '))];
  });
}
