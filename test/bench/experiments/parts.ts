import { join } from 'node:path';
import { execa } from 'execa';
import { repositoryRoot } from '../../../infra/local/paths.ts';
import { boundedRow, toldRow, type Bench, type Experiment } from '../bench.ts';

type StateFigures = {
  readonly keys: number;
  readonly loading: { readonly wallUs: number };
  readonly reading: { readonly threadUs: number };
  readonly writing: { readonly threadUs: number };
  readonly residentMib: { readonly used: { readonly anon: number; readonly file: number } };
  readonly fileMib: number;
};

type HotPathFigures = { readonly mainThreadUs: number; readonly wireUs: number; readonly processUs: number };

/** Each in a process of its own: memory and processor time are all its own. */
async function measured<T>(script: string, ...args: readonly string[]): Promise<T> {
  const { stdout } = await execa(process.execPath, [join('test/bench', script), ...args], { cwd: repositoryRoot });
  return JSON.parse(stdout.split('\n')[0]!) as T;
}

/** The local state by itself: memory of many keys, reads and writes. */
export const stateStore: Experiment = {
  name: 'state-store',
  async run(bench) {
    const figures = await measured<StateFigures>('state-store.ts', String(bench.isQuick ? 10_000 : 10_000_000));
    const { keys, loading, reading, writing, residentMib, fileMib } = figures;
    bench.note('state-store', `${keys} keys`, figures);
    const { anon, file } = residentMib.used;
    const many = keys.toLocaleString('en');
    const sides = `${anon} MiB of its own, ${file} MiB of mapped files, which the kernel may drop; ${fileMib} MiB on disk`;
    return [
      boundedRow(
        `memory of its own with ${many} keys`,
        anon,
        { atMost: 500 },
        'MiB',
        `${sides}; loaded with ${loading.wallUs} us a row`,
        0,
      ),
      boundedRow('with the pages of mapped files', anon + file, { atMost: 500 }, 'MiB', 'while nothing else wants the memory', 0),
      boundedRow('a point read', reading.threadUs, { atMost: 9.99 }, 'us', 'random keys, half of them missing, main thread'),
      toldRow('a write of 400 bytes', `${writing.threadUs} us`, 'random keys, 500 to a commit, main thread; the flush is on another'),
    ];
  },
};

/** What libs/stream, codec and store take of the main thread, without a broker. */
export const hotPath: Experiment = {
  name: 'hot-path',
  async run(bench: Bench) {
    const figures = await measured<HotPathFigures>('hot-path.ts', '--records', String(bench.isQuick ? 3_000 : 300_000));
    bench.note('hot-path', 'no broker', figures);
    const { mainThreadUs, wireUs, processUs } = figures;
    return [
      toldRow('main thread per record, no broker', `${mainThreadUs} us`, `of it ${wireUs} us wire format; ${processUs} us in all threads`),
    ];
  },
};
