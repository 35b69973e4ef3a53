import { run } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { markerName, killMarked } from './processes.ts';
import type { Fault, Outcome } from './outcome.ts';
import { createTally } from './tally.ts';
import type { TestEvent } from './tally.ts';

export type RunOptions = {
  /** The repository's root: `run()` and everything below starts there. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly marker: string;
  readonly timeoutMs: number;
  /** The whole run has ended; its reason says why. */
  readonly signal: AbortSignal;
  readonly grep?: RegExp | undefined;
};

/** Time that processes which were told to stop have to do so. */
const graceMs = 2_000;

/**
 * Runs one test file in a process of its own, and sees to it that nothing it started outlives it.
 *
 * node:test's own `timeout` is not used: it ends the wait, not the process, and applies to each test inside the file too.
 */
export async function runTestFile(file: string, options: RunOptions): Promise<Outcome> {
  const { cwd, marker, grep, signal, timeoutMs } = options;
  const tally = createTally(file, grep !== undefined);
  const env = { ...options.env, [markerName]: marker };
  const events = run({ files: [file], cwd, env, ...(grep === undefined ? {} : { testNamePatterns: [grep] }) });

  const ended = consume(events as AsyncIterable<TestEvent>, tally.take);
  const stopped = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const isInTime = await Promise.race([ended.then(() => true), fired(stopped).then(() => false)]);
  if (!isInTime) {
    const current = tally.current() || 'none';
    await killMarked(marker, 0);
    await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
    const why = signal.aborted ? String(signal.reason) : `still running after ${Math.round(timeoutMs / 1_000)} s, and was killed`;
    const { passedCount, skips } = tally.outcome();
    return { passedCount, skips, faults: [{ where: file, what: `${why}; last test begun: ${current}` }] };
  }

  const left = await killMarked(marker, graceMs);
  const outcome = tally.outcome();
  return { ...outcome, faults: [...outcome.faults, ...left.map((process) => leftover(file, process))] };
}

async function consume(events: AsyncIterable<TestEvent>, take: (event: TestEvent) => void): Promise<void> {
  for await (const event of events) take(event);
}

async function fired(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

const leftover = (where: string, { pid, command }: { readonly pid: number; readonly command: string }): Fault => ({
  where,
  what: `left process ${pid} behind (killed now): ${command}`,
});
