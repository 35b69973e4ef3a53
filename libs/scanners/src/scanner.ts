import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type ImageScanned, isDigest, isRegistryHost, isRepositoryName } from '@waybill/domain';
import type { JobError } from '@waybill/stream';
import { type Adapter, type Environment, imageOf, type ScanTarget } from './adapters/adapter.ts';
import { findAdapter } from './adapters/find.ts';
import { checkSbom, syftArgv, syftEnv } from './adapters/sbom.ts';
import { scannerEnv, secretsIn } from './environment.ts';
import { scannerError } from './errors.ts';
import { runProcess, type RunResult } from './process.ts';
import { summarize } from './report.ts';
import { withScratch, type RegistryAccess, type Scratch } from './scratch.ts';

/** A verdict: what `ImageScanned` says beside whose image it is and when. */
export type Verdict = Omit<ImageScanned, 'digest' | 'registry' | 'repository' | 'startedAtMs' | 'finishedAtMs'>;

export type Scanner = {
  /** Of the adapter, or of the template's program. */
  readonly name: string;
  /**
   * Runs the scanner on one manifest. Idempotent; leaves neither process nor file behind.
   * @throws JobError with a code of `errors.ts`; never resolves to a verdict that the scanner did not give
   * @throws the signal's reason when it fires
   */
  readonly scan: (target: ScanTarget, signal: AbortSignal) => Promise<Verdict>;
};

export type ScannerOptions = {
  /** `osv`, `grype`, `trivy`, `sysdig`, or a command line with placeholders. */
  readonly command: string;
  /** Each scan's own directory is made in it; {@link sweepScratch} clears it after a crash. Layers are unpacked there. */
  readonly scratchDir: string;
  /** For all of a scan's programs together. */
  readonly timeoutMs: number;
  /** The app's own environment, of which a scanner sees a small part. */
  readonly env: Environment;
  /** Further variables to pass on, by name or prefix ending in `_`. */
  readonly envPassed?: readonly string[];
  readonly accessOf?: (registry: string) => Promise<RegistryAccess | undefined>;
  readonly reportBytesMax?: number;
  readonly stderrBytesMax?: number;
  /** From SIGTERM to SIGKILL. */
  readonly killDelayMs?: number;
};

const defaults = { reportBytesMax: 64 * 1024 * 1024, stderrBytesMax: 4 * 1024 * 1024, killDelayMs: 2_000 } as const;

/** @throws Error, at start, for a command that can never work */
export function createScanner(options: ScannerOptions): Scanner {
  const adapter = findAdapter(options.command);
  const missing = (adapter.envNeeded ?? []).filter((name) => !options.env[name]);
  if (missing.length > 0) throw new Error(`the scanner ${adapter.name} needs ${missing.join(' and ')} in the environment`);
  return {
    name: adapter.name,
    scan: async (target, signal) => {
      const access = await options.accessOf?.(target.registry);
      const pulled = { ...target, registry: access?.pullHost ?? target.registry };
      checkTarget(pulled);
      return withScratch(options.scratchDir, pulled.registry, access, (scratch) =>
        scanIn({ adapter, options, target: pulled, access, scratch, signal }),
      );
    },
  };
}

type Scan = {
  readonly adapter: Adapter;
  readonly options: ScannerOptions;
  readonly target: ScanTarget;
  readonly access: RegistryAccess | undefined;
  readonly scratch: Scratch;
  readonly signal: AbortSignal;
};

async function scanIn(scan: Scan): Promise<Verdict> {
  const { adapter, options, target, scratch } = scan;
  const deadlineMs = performance.now() + options.timeoutMs;
  if (adapter.needsSbom) await makeSbom(scan, deadlineMs);
  const argv = adapter.argv(target, scratch, options.env);
  const result = await run(scan, argv, deadlineMs);
  const meaning = adapter.exits[result.exitCode];
  if (meaning === undefined) throw failed(scan, argv[0]!, result);

  const bytes = adapter.reportFrom === 'stdout' ? result.stdout : await readReport(scan, scratch.outputPath);
  const report = readable(scan, argv[0]!, result, () => adapter.parse(JSON.parse(bytes.toString('utf8'))));
  if (meaning === 'findings' && report.findings.length === 0) throw failed(scan, argv[0]!, result);
  return {
    scanner: report.scanner,
    scannerVersion: report.scannerVersion,
    ...summarize(report.findings),
    reportSha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

async function makeSbom(scan: Scan, deadlineMs: number): Promise<void> {
  const argv = syftArgv(scan.target, scan.scratch);
  const result = await run(scan, argv, deadlineMs);
  if (result.exitCode !== 0) throw failed(scan, argv[0]!, result);
  const bytes = await readReport(scan, scan.scratch.sbomPath);
  readable(scan, argv[0]!, result, () => checkSbom(JSON.parse(bytes.toString('utf8'))));
}

const run = ({ adapter, options, access, scratch, signal }: Scan, argv: readonly string[], deadlineMs: number): Promise<RunResult> =>
  runProcess({
    argv,
    cwd: scratch.directory,
    env: {
      ...scannerEnv(options.env, { adapter: adapter.envPassed, operator: options.envPassed ?? [] }, scratch),
      ...syftEnv(access),
      ...adapter.env(access),
    },
    timeoutMs: Math.ceil(deadlineMs - performance.now()),
    stdoutBytesMax: options.reportBytesMax ?? defaults.reportBytesMax,
    stderrBytesMax: options.stderrBytesMax ?? defaults.stderrBytesMax,
    killDelayMs: options.killDelayMs ?? defaults.killDelayMs,
    signal,
  });

/** A report that cannot be read is a failure of the tool where the exit code says so too, and else an invalid output. */
function readable<T>(scan: Scan, program: string, result: RunResult, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (result.exitCode !== 0) throw failed(scan, program, result);
    const reason = error instanceof SyntaxError ? 'is no complete JSON' : (error as Error).message;
    throw scannerError('SCANNER_OUTPUT_INVALID', `${program} ended well, but its output is no report: ${reason}`, error);
  }
}

const reasonLengthMax = 500;

/** The last of what the program said, without the secrets that it was given. */
function failed(scan: Scan, program: string, result: RunResult): JobError {
  const secrets = secretsIn(scan.options.env, scan.access);
  let said = result.stderr.trim();
  for (const secret of secrets) said = said.replaceAll(secret, '[redacted]');
  said = said.replaceAll(/\/\/[^/@\s]+@/g, '//[redacted]@'); // Of a proxy's URL.
  const detail = said === '' ? 'and said nothing' : `and said: ${said.slice(-reasonLengthMax)}`;
  return scannerError('SCANNER_FAILED', `${program} gave no verdict on ${imageOf(scan.target)}: it exited ${result.exitCode} ${detail}`);
}

async function readReport({ options }: Scan, path: string): Promise<Buffer> {
  const bytesMax = options.reportBytesMax ?? defaults.reportBytesMax;
  // The file is the scanner's to make: no link is followed, and a pipe in its place does not hold us up.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return Buffer.alloc(0);
    const { size } = stats;
    if (size > bytesMax) throw scannerError('SCANNER_OUTPUT_TOO_LARGE', `the report has ${size} bytes; at most ${bytesMax} are read`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Only names that the specification allows get onto a command line: none begins with a dash or holds a blank. */
function checkTarget({ registry, repository, digest }: ScanTarget): void {
  if (isRegistryHost(registry) && isRepositoryName(repository) && isDigest(digest)) return;
  throw scannerError('SCANNER_TARGET_INVALID', `${JSON.stringify(`${registry}/${repository}@${digest}`)} names no image manifest`);
}
