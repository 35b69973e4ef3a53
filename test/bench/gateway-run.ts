import type { Sample } from './bench.ts';
import type { Cluster } from './cluster.ts';
import { sendLoad, type LoadFigures, type LoadOptions } from './gateway-load.ts';
import type { Receiver } from './gateway-receivers.ts';

/** What an experiment works with. */
export type GatewayBench = {
  readonly cluster: Cluster;
  readonly runs: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Which receivers are loaded, by the names of the experiment `throughput`, and over how many connections. */
  readonly receivers: readonly string[];
  readonly connections: readonly number[];
  /** Our side only, and a moment of it. */
  readonly isQuick: boolean;
  /** Rates of earlier experiments by variant and connections, for those whose load follows from them. */
  readonly rates: Map<string, number>;
  note(experiment: string, variant: string, sample: Sample): void;
};

export type ReceiverFigures = LoadFigures & { readonly written: number };

/**
 * Loads a receiver, ends it, and compares what it has acknowledged with what the log has.
 * @throws Error when something acknowledged is not there
 */
export async function measureReceiver(
  { cluster }: Pick<GatewayBench, 'cluster'>,
  starting: Promise<Receiver>,
  load: LoadOptions,
): Promise<ReceiverFigures> {
  const receiver = await starting;
  try {
    const counts = (): Promise<readonly number[]> => Promise.all(receiver.topics.map((topic) => cluster.countRecords(topic)));
    const before = await counts();
    const figures = await sendLoad(receiver, cluster.brokerPid, load);
    await receiver.stop();
    const written = (await counts()).map((count, index) => count - before[index]!);
    const least = Math.min(figures.acknowledged, ...written);
    if (least < figures.acknowledged)
      throw new Error(`${receiver.name} has acknowledged ${figures.acknowledged} pushes, but the log has ${written.join(' and ')} records`);
    return { ...figures, written: written.length === 0 ? 0 : Math.min(...written) };
  } finally {
    await receiver.stop();
  }
}
