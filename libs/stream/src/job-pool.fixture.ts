import assert from 'node:assert/strict';
import type { Clock } from './clock.ts';
import { Heap } from './heap.ts';
import { JobPool, type JobPoolOptions, type JobSink } from './job-pool.ts';
import type { JobAttempt, JobRow, JobSpec } from './topology.ts';
import type { JobEnd } from './work.ts';

export const rowOf = (id: string, changes: Partial<JobRow> = {}): JobRow => ({
  ...{ id, kind: 'scan', key: 'k', status: 'due', attempt: 0, priority: 0, notBeforeMs: 0, host: null, payload: '{}', lastError: null },
  ...{ causeId: 'c', correlationId: 'c', traceparent: null, createdAtMs: 0 },
  ...changes,
});

/** A clock that stands still until it is moved; then it calls back, in order, whatever was due by then. */
export class ManualClock implements Clock {
  ms = Date.UTC(2026, 0, 1);
  /** Callbacks by the time that has really gone by, which setting the clock does not change. */
  readonly #calls = new Heap<{ readonly atMs: number; readonly number: number; readonly call: () => void }>((a, b) =>
    a.atMs !== b.atMs ? a.atMs < b.atMs : a.number < b.number,
  );
  #elapsedMs = 0;
  #callsCount = 0;

  get waitingCount(): number {
    return this.#calls.size;
  }

  now = (): number => this.ms;

  after = (ms: number, call: () => void): (() => void) => {
    assert.ok(ms < 2 ** 31, 'setTimeout would call back at once');
    const entry = { atMs: this.#elapsedMs + ms, number: (this.#callsCount += 1), call };
    this.#calls.set(entry);
    return () => this.#calls.delete(entry);
  };

  bound = (ms: number): Promise<void> => new Promise((resolve) => this.after(ms, resolve));

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const cancel = this.after(ms, resolve);
      signal?.addEventListener('abort', () => {
        cancel();
        reject(signal.reason as Error);
      });
    });

  /** Lets time go by; everything that follows from a callback has happened before the next one. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await settled();
    for (let next = this.#calls.first(); next && next.atMs <= endMs; next = this.#calls.first()) {
      this.#calls.delete(next);
      this.#goTo(next.atMs);
      next.call();
      await settled();
    }
    this.#goTo(endMs);
  }

  #goTo(elapsedMs: number): void {
    this.ms += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}

/** Once everything that can happen without time has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type Payload = { readonly id: string };
export type Run = (payload: Payload, attempt: JobAttempt) => Promise<unknown>;
export type Changes = Partial<JobSpec> & { readonly pool?: Partial<JobPoolOptions> };

export const hourMs = 3_600_000;

export function poolOf(run: Run, { pool: options, ...changes }: Changes = {}) {
  const limits = { concurrencyMax: 10, perHostMax: 10, timeoutMs: 1_000, attemptsMax: 3, delayMsMin: 100, delayMsMax: 1_000 };
  const clock = new ManualClock();
  const outcomes: string[] = [];
  const onEnd: JobPoolOptions['onEnd'] = (_kind, outcome) => void outcomes.push(outcome);
  const pool = new JobPool({ specs: { scan: { run, ...limits, ...changes } }, clock, random: () => 1, onEnd, ...options });
  const ends = new Map<string, JobEnd>();
  const times = new Map<string, number>();
  const sink: JobSink = async (job, end, atMs) => {
    ends.set(job.id, end);
    times.set(job.id, atMs);
  };
  const owner = {};
  const set = (job: JobRow): void => pool.set(owner, job.id, { ...job, payload: JSON.stringify({ id: job.id }) }, sink);
  return { pool, clock, ends, times, outcomes, owner, sink, set };
}

/** Work that ends when the test says so; it listens to its signal, or is deaf. */
export function manualRun(isDeaf = false) {
  const begun: string[] = [];
  const finish = new Map<string, () => void>();
  const run: Run = ({ id }, { signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    begun.push(id);
    finish.set(id, () => resolve(id));
    if (!isDeaf) signal.addEventListener('abort', () => reject(signal.reason as Error));
    return promise;
  };
  return { run, begun, finish };
}
