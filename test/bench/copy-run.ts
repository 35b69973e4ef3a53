import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Sample } from './bench.ts';
import { findMissing } from './copy-arrived.ts';
import type { ImageSet } from './copy-images.ts';
import type { OursProcess } from './copy-ours.ts';
import { ensurePeerTool, runTimed, waybillCommand, type Peer, type ProcessFigures, type Route } from './copy-peers.ts';
import { startRegistry, type BenchRegistry } from './copy-registry.ts';

/** One way to copy a set of images. */
export type Variant = {
  readonly name: string;
  readonly hasReferrers: boolean;
  readonly copy: (route: Route, set: ImageSet, dir: string) => Promise<ProcessFigures>;
};

export const peerVariant = ({ name, tool, hasReferrers, commands }: Peer): Variant => ({
  ...{ name, hasReferrers },
  copy: async (route, set, dir) => runTimed(dir, commands(await ensurePeerTool(tool), route, set, dir)),
});

export const oursVariant = (ours: OursProcess, isBulk: boolean, name = 'ours'): Variant => ({
  ...{ name, hasReferrers: true },
  copy: (route, { images }) => ours.copy({ route, images, isBulk }),
});

/** Our command line: its start is in the figures, as it is in those of the peers. */
export const waybillVariant: Variant = {
  ...{ name: 'ours, waybill image copy', hasReferrers: true },
  copy: (route, set, dir) => runTimed(dir, [waybillCommand(route, set, dir)]),
};

/** Of the first copy, into an empty registry, and of a second one that finds all of it there. */
export type CopyFigures = {
  readonly seconds: number;
  readonly cpuS: number;
  /** Source and target together. */
  readonly registriesCpuS: number;
  readonly rssPeakMib: number;
  readonly againSeconds: number;
  readonly againCpuS: number;
  readonly againRegistriesCpuS: number;
};

/** What a copy leaves to be written would otherwise be written during the next one. */
const settleMs = 500;
export const settle = async (): Promise<void> => {
  await promisify(execFile)('sync');
  await sleep(settleMs);
};

/**
 * Copies into a fresh registry, twice, and looks into its files after each.
 * @throws Error when something has not arrived: such a run has no figure
 */
export async function measureCopy(source: BenchRegistry, set: ImageSet, variant: Variant): Promise<CopyFigures & Sample> {
  return withTarget(async (target, dir) => {
    const route = { source: source.host, target: target.host };
    const timed = async () => {
      const before = source.cpuMs() + target.cpuMs();
      const figures = await variant.copy(route, set, dir);
      const registriesCpuS = (source.cpuMs() + target.cpuMs() - before) / 1_000;
      const missing = findMissing(target.storageDir, set, variant.hasReferrers);
      if (missing.length > 0) throw new Error(`${variant.name} has left behind ${missing.length}:\n${missing.slice(0, 10).join('\n')}`);
      return { ...figures, registriesCpuS };
    };
    const first = await timed();
    const again = await timed();
    const { seconds, cpuS, registriesCpuS, rssPeakMib } = first;
    const second = { againSeconds: again.seconds, againCpuS: again.cpuS, againRegistriesCpuS: again.registriesCpuS };
    return { seconds, cpuS, registriesCpuS, rssPeakMib, ...second };
  });
}

/** A registry with nothing in it, on disk; nothing is left of it afterwards. */
export async function withTarget<T>(
  use: (target: BenchRegistry, dir: string) => Promise<T>,
  options: { readonly isCounted?: boolean } = {},
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-copy-'));
  mkdirSync(dir, { recursive: true });
  try {
    const target = await startRegistry({ dir, name: 'target', ...options });
    try {
      return await use(target, dir);
    } finally {
      await target.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
