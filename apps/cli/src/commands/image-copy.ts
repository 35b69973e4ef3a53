import { formatReference, type Copier, type CopyProgress, type CopyReport, type RegistryClient } from '@waybill/oci';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import { createCopyBars, type CopyBars } from '../image/copy-bars.ts';
import type { CopyPair } from '../image/copy-pairs.ts';
import { bulkText, planText, reportText, type FailedCopy } from '../image/copy-text.ts';
import { asCliError } from '../image/failure.ts';
import { Interrupted } from '../interrupt.ts';

export type CopyOptions = {
  readonly output: OutputFormat;
  readonly pairs: readonly CopyPair[];
  /** Whether several were asked for: then the answer is a list, however many there were. */
  readonly isBulk: boolean;
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  readonly verify: 'head' | 'read';
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
};
export type CopyDependencies = { readonly copier: Copier; readonly forHost: (host: string) => RegistryClient };

const redrawMs = 100;

/**
 * Copies images with all that belongs to them, and checks them at the target.
 * @returns with several: the code of the first that failed
 * @throws OciError, CliError where the one image failed; CliError 130 when it was interrupted
 */
export async function copy(options: CopyOptions, dependencies: CopyDependencies, console: Console): Promise<ExitCode> {
  const { output, pairs, isBulk, dryRun, quiet } = options;
  const bars = createCopyBars(pairs.length);
  const drawing = quiet ? undefined : setInterval(() => draw(bars, console), redrawMs);
  const results = await copyAll(options, dependencies, bars).finally(() => {
    clearInterval(drawing);
    console.progress('');
  });
  const { copied, failed, interrupted } = results;
  if (isBulk) {
    console.out(
      output === 'json' ? JSON.stringify({ copied, failed: failed.map(toJson) }, null, 2) : bulkText(copied, pairs.length, console),
    );
    for (const { pair, error } of failed)
      console.err(`${console.style('red', 'failed')} ${formatReference(pair.from)}: ${error.message}\n${error.next}`);
  }
  for (const report of copied) warn(report, console);
  if (interrupted !== undefined) throw interruption(interrupted, copied.length, pairs.length);
  const [first] = failed;
  if (!isBulk && first !== undefined) throw first.error;
  if (!isBulk && copied[0] !== undefined) {
    const text = dryRun ? planText(copied[0], console) : reportText(copied[0], console);
    console.out(output === 'json' ? JSON.stringify(copied[0], null, 2) : text);
  }
  return first?.error.exitCode ?? exitCodes.done;
}

type Results = {
  readonly copied: readonly CopyReport[];
  readonly failed: readonly FailedCopy[];
  readonly interrupted: Interrupted | undefined;
};

/**
 * All of them are asked for at once, so that they can share what they ask the registries; the copier says how many are under way.
 * One that fails does not keep the others.
 * @throws what is no answer of a registry
 */
async function copyAll(options: CopyOptions, { copier, forHost }: CopyDependencies, bars: CopyBars): Promise<Results> {
  const { pairs, platforms, referrers, verify, dryRun, signal } = options;
  const copied: CopyReport[] = [];
  const failed: FailedCopy[] = [];
  const fault = new AbortController();
  const either = AbortSignal.any([signal, fault.signal]);
  const copyOne = async (pair: CopyPair): Promise<void> => {
    const { from, to } = pair;
    const name = formatReference(to);
    try {
      const report = await copier.copy({
        source: { client: forHost(from.host), repository: from.repository },
        target: { client: forHost(to.host), repository: to.repository },
        ...{ reference: from.reference, tag: to.tag, referrers, verify, dryRun, signal: either },
        ...(platforms.length === 0 ? {} : { platforms }),
        onProgress: (event: CopyProgress) => bars.add(name, event, Date.now()),
      });
      copied.push(report);
      bars.done();
    } catch (error) {
      if (either.aborted) return;
      const known = asCliError(error);
      if (known instanceof CliError) failed.push({ pair, error: known });
      else fault.abort(error);
    }
  };
  await Promise.all(pairs.map(copyOne));
  fault.signal.throwIfAborted();
  return { copied, failed, interrupted: signal.reason instanceof Interrupted ? signal.reason : undefined };
}

function draw(bars: CopyBars, console: Console): void {
  const { progressColumns } = console;
  const nowMs = Date.now();
  console.progress(progressColumns === null ? bars.total(nowMs) : bars.lines(nowMs, progressColumns).join('\n'));
}

function warn({ source, movedTo }: CopyReport, console: Console): void {
  if (movedTo === undefined) return;
  const now = movedTo === null ? 'is gone' : `is ${movedTo} now`;
  console.err(
    `${console.style('yellow', 'moved')} ${source.repository}:${source.reference} ${now}; the copy is what it was at the beginning`,
  );
}

function interruption({ message }: Interrupted, done: number, wanted: number): CliError {
  const what =
    wanted === 1
      ? 'the copy is not complete and its tag was not set'
      : `${done} of ${wanted} images are copied, the others have no tag yet`;
  return new CliError(exitCodes.interrupted, `${message}: ${what}`, 'Run the same command again: what is there already is not sent again.');
}

const toJson = ({ pair, error }: FailedCopy) => ({
  from: formatReference(pair.from),
  to: formatReference(pair.to),
  error: error.message,
  next: error.next,
});
