import type { ScanTarget } from './adapters/adapter.ts';
import type { Scratch } from './scratch.ts';

export const target: ScanTarget = { registry: 'registry.test', repository: 'demo/app', digest: `sha256:${'a'.repeat(64)}` };
export const scratchOf = (directory: string): Scratch => ({
  directory,
  sbomPath: `${directory}/bom.cdx.json`,
  outputPath: `${directory}/report.json`,
});
