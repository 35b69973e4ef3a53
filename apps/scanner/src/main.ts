import { join } from 'node:path';
import { createLogger, runApp, StreamConfig } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { loadRegistries } from '@waybill/oci';
import { createScanner, sweepScratch } from '@waybill/scanners';
import { ScannerConfig } from './config.ts';
import { accessIn, createScan } from './scan.ts';
import { scanner } from './topology.ts';

const config = loadConfig(ScannerConfig, process.env);
const { STATE_DIR, LOG_LEVEL } = loadConfig(StreamConfig, process.env);
const scratchDir = join(STATE_DIR, 'scratch');
const swept = await sweepScratch(scratchDir);
if (swept.directoriesCount > 0) createLogger({ app: 'scanner', level: LOG_LEVEL }).warn(swept, 'cleared up after scans that were cut off');

const program = createScanner({
  command: config.SCANNER,
  scratchDir,
  timeoutMs: config.SCANNER_TIMEOUT_MS,
  env: process.env,
  envPassed: config.SCANNER_ENV.split(',').flatMap((name) => name.trim() || []),
  accessOf: accessIn(await loadRegistries(join(config.CONFIG_DIR, 'registries.yaml'), process.env)),
});
const topology = scanner(createScan(program), {
  scannerName: program.name,
  timeoutMs: config.SCANNER_TIMEOUT_MS,
  concurrencyMax: config.SCANNER_CONCURRENCY,
  attemptsMax: config.SCANNER_ATTEMPTS_MAX,
  verdictAgeMsMax: config.SCANNER_VERDICT_AGE_MS_MAX,
});

await runApp({ app: 'scanner', topology });
