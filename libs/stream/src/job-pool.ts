import type { Clock } from './clock.ts';
import { JobError, type JobRow, type JobSpec } from './topology.ts';
import type { JobEnd } from './work.ts';

/** Takes the end of a run into a task's log; resolves once it is committed. */
export type JobSink = (job: JobRow, end: JobEnd, atMs: number) => Promise<void>;

type Entry = {
  readonly job: JobRow;
  readonly owner: object;
  readonly sink: JobSink;
  running: AbortController | undefined;
  ended: boolean;
  readonly after: Promise<unknown>;
  work: Promise<unknown>;
};

/** How long a run waits for the aborted one before it. */
const letGoMsMax = 10_000;

export type JobPoolOptions = {
  readonly specs: Readonly<Record<string, JobSpec>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onEnd?:
    ((kind: string, outcome: 'done' | 'failed' | 'aborted', durationMs: number, job: JobRow, end: JobEnd) => void) | undefined;
};

/**
 * Runs the due jobs of all tasks of a process: highest priority first, then the longest due, within the limits per kind and
 * per host. A job stays known until its row says otherwise, so that a lost task or a restart begins it again.
 */
export class JobPool {
  readonly #options: JobPoolOptions;
  readonly #entries = new Map<string, Entry>();
  #cancelTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: JobPoolOptions) {
    this.#options = options;
  }

  /** Makes the pool agree with a row: a due row is run, anything else is dropped and a run of it aborted. */
  set(owner: object, id: string, job: JobRow | null, sink: JobSink): void {
    const known = this.#entries.get(id);
    if (known && job && isSameRun(known.job, job)) return;
    known?.running?.abort(new Error('replaced'));
    const after = known?.work ?? Promise.resolve();
    if (job?.status === 'due' && !this.#closed)
      this.#entries.set(id, { job, owner, sink, running: undefined, ended: false, after, work: after });
    else this.#entries.delete(id);
    this.#dispatchSoon();
  }

  /** Forgets the jobs of a task that has been lost; their runs are aborted. */
  removeOwner(owner: object): void {
    this.retain(owner, new Set());
  }

  /** Forgets the jobs of a task but for some, because their rows are gone; their runs are aborted. */
  retain(owner: object, ids: ReadonlySet<string>): void {
    for (const [id, entry] of this.#entries) {
      if (entry.owner !== owner || ids.has(id)) continue;
      entry.running?.abort(new Error('the task has moved or the job is gone'));
      this.#entries.delete(id);
    }
  }

  counts(): { readonly waiting: number; readonly running: number } {
    const running = [...this.#entries.values()].filter((entry) => entry.running && !entry.ended).length;
    return { waiting: this.#entries.size - running, running };
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const entry of this.#entries.values()) entry.running?.abort(new Error('closing'));
    this.#entries.clear();
  }

  #dispatchSoon(delayMs = 0): void {
    this.#cancelTimer();
    if (!this.#closed) this.#cancelTimer = this.#options.clock.after(Math.min(delayMs, 60_000), () => this.#dispatch());
  }

  #dispatch(): void {
    const now = this.#options.clock.now();
    const kinds = new Map<string, number>();
    const hosts = new Map<string, number>();
    const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
    const waiting: Entry[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.ended) continue;
      if (entry.running) {
        count(kinds, entry.job.kind);
        count(hosts, hostKey(entry.job));
      } else if (entry.job.notBeforeMs <= now) waiting.push(entry);
      else nextMs = Math.min(nextMs, entry.job.notBeforeMs);
    }
    waiting.sort((a, b) => b.job.priority - a.job.priority || a.job.notBeforeMs - b.job.notBeforeMs || (a.job.id < b.job.id ? -1 : 1));
    for (const entry of waiting) {
      const spec = this.#options.specs[entry.job.kind];
      if (!spec || (kinds.get(entry.job.kind) ?? 0) >= spec.concurrencyMax || (hosts.get(hostKey(entry.job)) ?? 0) >= spec.perHostMax)
        continue;
      count(kinds, entry.job.kind);
      count(hosts, hostKey(entry.job));
      void this.#run(entry, spec);
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#dispatchSoon(Math.max(1, nextMs - now));
  }

  async #run(entry: Entry, spec: JobSpec): Promise<void> {
    const { job } = entry;
    const running = new AbortController();
    entry.running = running;
    // What it replaces must have let go: a copy on its last request would otherwise land after the newer one.
    await Promise.race([entry.after.catch(() => undefined), this.#options.clock.bound(letGoMsMax)]);
    const startedMs = this.#options.clock.now();
    const timeout = new AbortController();
    const cancelTimeout = this.#options.clock.after(spec.timeoutMs, () => timeout.abort(new Error('timeout')));
    const signal = AbortSignal.any([running.signal, timeout.signal]);
    let end: JobEnd;
    try {
      signal.throwIfAborted();
      const attempt = { signal, attempt: job.attempt + 1, correlationId: job.correlationId };
      const work = spec.run(JSON.parse(job.payload) as never, attempt);
      entry.work = work.catch(() => undefined);
      end = { ok: true, result: await abortable(work, signal) };
    } catch (error) {
      end = this.#failure(job, spec, error, signal);
    } finally {
      cancelTimeout();
    }
    const outcome = running.signal.aborted ? 'aborted' : end.ok ? 'done' : 'failed';
    this.#options.onEnd?.(job.kind, outcome, this.#options.clock.now() - startedMs, job, end);
    entry.ended = true;
    this.#dispatchSoon();
    if (running.signal.aborted) return;
    await entry.sink(job, end, this.#options.clock.now()).catch(() => undefined); // The task is gone; the row is not.
  }

  #failure(job: JobRow, spec: JobSpec, error: unknown, signal: AbortSignal): JobEnd {
    const known = error instanceof JobError ? error : undefined;
    const timedOut = signal.aborted && !known;
    const reason = timedOut ? `no end within ${spec.timeoutMs} ms` : error instanceof Error ? error.message : String(error);
    // Full jitter, so that what failed together does not come back as one wave (M. Brooker, AWS Architecture Blog, 2015).
    const backoffMs = this.#options.random() * Math.min(spec.delayMsMax, spec.delayMsMin * 2 ** job.attempt);
    const retryAtMs = Math.round(this.#options.clock.now() + Math.max(backoffMs, known?.retryAfterMs ?? 0));
    return {
      ok: false,
      code: known?.code ?? (timedOut ? 'JOB_TIMEOUT' : 'JOB_FAILED'),
      reason,
      final: known ? !known.retry : false,
      retryAtMs,
    };
  }
}

const isSameRun = (a: JobRow, b: JobRow): boolean =>
  a.status === b.status && a.causeId === b.causeId && a.attempt === b.attempt && a.createdAtMs === b.createdAtMs;

const hostKey = (job: JobRow): string => `${job.kind}\0${job.host ?? job.id}`;

/** Gives up waiting when the signal fires, also for work that does not listen to it. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', onAbort));
}
