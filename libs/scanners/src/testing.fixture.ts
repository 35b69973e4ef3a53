import { setTimeout as sleep } from 'node:timers/promises';
import type { ScanTarget } from './adapters/adapter.ts';
import type { Scratch } from './scratch.ts';

export const target: ScanTarget = { registry: 'registry.test', repository: 'demo/app', digest: `sha256:${'a'.repeat(64)}` };
export const scratchOf = (directory: string): Scratch => ({
  directory,
  sbomPath: `${directory}/bom.cdx.json`,
  outputPath: `${directory}/report.json`,
});

/** Looks again and again, for four seconds. */
export async function eventually<T>(find: () => T | undefined | false, what: string): Promise<T> {
  for (let i = 0; i < 200; i += 1) {
    const found = find();
    if (found) return found;
    await sleep(20);
  }
  throw new Error(`never: ${what}`);
}
