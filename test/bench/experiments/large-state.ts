import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStateStore } from '@waybill/state-store';
import { boundedRow, interleaved, medianOf, spreadOf, type Bench, type Experiment } from '../bench.ts';
import { partitionCount } from '../cluster.ts';
import { runOurs, type RunFigures } from '../ours.ts';
import { createRandom } from '../random.ts';

/** The same traffic over a store that already holds many marks, and over one that holds few. */
export const largeState: Experiment = {
  name: 'large-state',
  async run(bench) {
    const [few, many] = bench.isQuick ? [1_000, 10_000] : [100_000, 10_000_000];
    const input = await bench.input();
    const folders = { few: await prefill(bench, few), many: await prefill(bench, many) };
    const runOver = (folder: string) => () => runOurs(bench.cluster, input, { instances: 1, prefilled: folder });
    const samples = await interleaved(bench, 'large-state', { few: runOver(folders.few), many: runOver(folders.many) });
    for (const folder of Object.values(folders)) rmSync(folder, { recursive: true });
    const ratio = medianOf(samples.many, 'perSecond') / medianOf(samples.few, 'perSecond');
    const side = (runs: readonly RunFigures[]): string =>
      `${spreadOf(runs, 'perSecond')} /s, CPU ${spreadOf(runs, 'cpuUsPerRecord', 1)} us, ${spreadOf(runs, 'rssAnonMib')} MiB of its own`;
    const figures = [`${many.toLocaleString('en')} keys: ${side(samples.many)}`, `${few.toLocaleString('en')} keys: ${side(samples.few)}`];
    const what = `throughput with ${many.toLocaleString('en')} keys, to ${few.toLocaleString('en')}`;
    return [boundedRow(what, ratio, { atLeast: 0.8 }, 'x', figures.join('; '))];
  },
};

/** Stores of all partitions with so many marks of the time now. @returns their folder */
async function prefill({ cluster }: Bench, count: number): Promise<string> {
  const folder = join(cluster.dir, `prefilled-${count}`);
  mkdirSync(folder);
  const time = Buffer.alloc(8);
  time.writeDoubleBE(Date.now());
  for (let partition = 0; partition < partitionCount; partition++) {
    const store = await openStateStore(join(folder, String(partition)));
    const random = createRandom(1_000 + partition);
    const hex = (): string => random().toString(16).padStart(8, '0');
    const position = { changelog: new Map() };
    for (let left = Math.ceil(count / partitionCount); left > 0; left -= 10_000) {
      const length = Math.min(left, 10_000);
      const puts = Array.from({ length }, () => ({
        store: '#seen',
        key: `${hex()}-${hex()}${hex()}${hex()}0000`.slice(0, 36),
        value: time,
      }));
      await store.commit({ puts, position });
    }
    await store.close();
  }
  return folder;
}
