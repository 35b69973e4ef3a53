import { createCircuit } from './breaker.ts';
import type { Clock } from './clock.ts';
import { JobQueue, type HostCircuit, type KindLimits } from './job-queue.ts';
import { retryAfterMsMax, startTry, type Try } from './job-try.ts';
import { SteadyTime } from './steady-time.ts';
import type { JobRow, JobSpec } from './topology.ts';
import type { JobEnd } from './work.ts';

/** Takes the end of a run, or a timer that is due, into a task's log; resolves once it is committed. */
export type JobSink = (job: JobRow, end: JobEnd, atMs: number) => Promise<void>;

type Entry = {
  job: JobRow;
  readonly dueAtMs: number;
  readonly owner: object;
  readonly sink: JobSink;
  state: 'waiting' | 'running' | 'ended';
  run: Try | undefined;
};

export type JobPoolOptions = {
  readonly specs: Readonly<Record<string, JobSpec>>;
  /** Kinds whose rows are handed back when they are due. */
  readonly timers?: readonly string[];
  /** Running at the same time, of all kinds together. */
  readonly jobsMax?: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** `end` is missing where it was aborted. */
  readonly onEnd?:
    ((kind: string, outcome: 'done' | 'failed' | 'aborted', durationMs: number, job: JobRow, end: JobEnd | undefined) => void) | undefined;
  /** A run goes on long after it should have ended, deaf to its signal; its place has been given away. */
  readonly onAbandoned?: ((job: JobRow) => void) | undefined;
};

export const jobsMaxDefault = 64;
/** Timers handed back and not yet committed: what bounds the inboxes after a long stop. */
const timersMax = 1_000;
/** Longest wait in one piece: `setTimeout` takes 2^31 ms at most, and a clock that was set is noticed after so long. */
const napMsMax = 60_000;

/**
 * Runs the due jobs of all tasks of a process, in the order and within the limits of `JobQueue`, and hands back due timers. A job stays
 * known until its row says otherwise, so that a lost task or a restart begins it again.
 */
export class JobPool {
  readonly #options: JobPoolOptions;
  readonly #time: SteadyTime;
  readonly #queue: JobQueue<Entry>;
  readonly #entries = new Map<object, Map<string, Entry>>();
  /** Work that goes on, by job id: the same job must not begin anew beside it. */
  readonly #alive = new Map<string, Promise<unknown>>();
  #cancelNap: () => void = () => undefined;
  #napUntilMs = Infinity;
  #willDispatch = false;
  #runningCount = 0;
  #closed = false;

  constructor(options: JobPoolOptions) {
    this.#options = options;
    this.#time = new SteadyTime(options.clock);
    const { specs, timers = [], jobsMax = jobsMaxDefault, random } = options;
    const kinds = new Map<string, KindLimits>();
    for (const [kind, { concurrencyMax, perHostMax }] of Object.entries(specs))
      kinds.set(kind, { concurrencyMax, perHostMax, isTimer: false });
    for (const kind of timers) kinds.set(kind, { concurrencyMax: timersMax, perHostMax: timersMax, isTimer: true });
    const nowMs = (): number => this.#time.now();
    this.#queue = new JobQueue({ kinds, jobsMax, newCircuit: () => createCircuit({ nowMs, random }) });
  }

  /** Makes the pool agree with a row: a due row is run, anything else is dropped and a run of it aborted. */
  set(owner: object, id: string, job: JobRow | null, sink: JobSink): void {
    if (this.#closed) return;
    const entries = this.#entries.get(owner) ?? new Map<string, Entry>();
    const known = entries.get(id);
    if (known && job && isSameRun(known.job, job)) return this.#prioritize(known, job);
    if (known) this.#drop(known, entries);
    if (job?.status !== 'due') return;
    const entry: Entry = { job, dueAtMs: this.#dueTime(job), owner, sink, state: 'waiting', run: undefined };
    this.#entries.set(owner, entries.set(id, entry));
    this.#enqueue(entry);
  }

  /** Forgets the jobs of a task that has been lost; their runs are aborted. */
  removeOwner(owner: object): void {
    this.retain(owner, new Set());
    this.#entries.delete(owner);
  }

  /** Forgets the jobs of a task but for some, because their rows are gone; their runs are aborted. */
  retain(owner: object, ids: ReadonlySet<string>): void {
    const entries = this.#entries.get(owner) ?? new Map<string, Entry>();
    for (const [id, entry] of entries) if (!ids.has(id)) this.#drop(entry, entries);
  }

  counts(): { readonly waiting: number; readonly running: number } {
    let known = 0;
    for (const entries of this.#entries.values()) known += entries.size;
    return { waiting: known - this.#runningCount, running: this.#runningCount };
  }

  /** Circuits of the hosts that have jobs or have failed of late; times by the clock, however it has been set meanwhile. */
  circuits(): readonly HostCircuit[] {
    const aheadMs = this.#time.now() - this.#options.clock.now();
    const byClock = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms - aheadMs);
    return this.#queue.circuits.map((circuit) => ({ ...circuit, openSinceMs: byClock(circuit.openSinceMs) }));
  }

  close(): void {
    this.#closed = true;
    this.#cancelNap();
    for (const owner of this.#entries.keys()) this.removeOwner(owner);
  }

  /**
   * The row's time by the clock; but no job waits longer than was asked for, counted from now. A record's time may lie ahead of this
   * machine's clock, and a clock may have been set back since the row was written.
   */
  #dueTime({ kind, attempt, notBeforeMs, createdAtMs }: JobRow): number {
    const delayMsMax = (this.#options.specs[kind]?.delayMsMax ?? 0) + retryAfterMsMax;
    const askedMs = attempt === 0 ? Math.max(0, notBeforeMs - createdAtMs) : delayMsMax;
    return Math.min(this.#time.when(notBeforeMs), this.#time.now() + askedMs);
  }

  /** One that waits finds its new place; a run goes on. */
  #prioritize(entry: Entry, job: JobRow): void {
    if (entry.state !== 'waiting' || entry.job.priority === job.priority) return;
    const isQueued = this.#queue.delete(entry);
    entry.job = job;
    if (isQueued) this.#queue.add(entry);
    this.#dispatchSoon();
  }

  #drop(entry: Entry, entries: Map<string, Entry>): void {
    entries.delete(entry.job.id);
    if (entry.state === 'waiting') this.#queue.delete(entry);
    if (entry.state === 'running') entry.run?.callOff();
    this.#dispatchSoon();
  }

  /** What it replaces must have let go first: a copy on its last request would otherwise land after the newer one. */
  #enqueue(entry: Entry): void {
    const { id } = entry.job;
    const add = (): void => {
      if (this.#entries.get(entry.owner)?.get(id) !== entry) return;
      this.#queue.add(entry);
      this.#dispatchSoon();
    };
    const alive = this.#alive.get(id);
    if (alive) void alive.then(() => this.#enqueue(entry));
    else add();
  }

  /** In one go for all that changes in this turn. */
  #dispatchSoon(): void {
    if (this.#willDispatch) return;
    this.#willDispatch = true;
    queueMicrotask(() => {
      this.#willDispatch = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const nowMs = this.#time.now();
    for (let entry = this.#queue.take(nowMs); entry; entry = this.#queue.take(nowMs)) {
      const spec = this.#options.specs[entry.job.kind];
      if (spec) this.#run(entry, spec);
      else this.#fire(entry);
    }
    this.#napUntil(this.#queue.nextAtMs, nowMs);
  }

  #napUntil(nextAtMs: number, nowMs: number): void {
    if (nextAtMs === this.#napUntilMs) return;
    this.#cancelNap();
    this.#napUntilMs = nextAtMs;
    if (nextAtMs === Infinity) return;
    this.#cancelNap = this.#time.after(Math.min(Math.max(1, nextAtMs - nowMs), napMsMax), () => {
      this.#napUntilMs = Infinity;
      this.#dispatch();
    });
  }

  #run(entry: Entry, spec: JobSpec): void {
    const { job } = entry;
    const startedMs = this.#time.now();
    const run = startTry(job, spec, this.#options);
    entry.state = 'running';
    entry.run = run;
    this.#runningCount += 1;
    this.#alive.set(job.id, run.gone);
    const told = run.end.then(({ outcome, end, verdict }) => {
      entry.state = 'ended';
      this.#runningCount -= 1;
      this.#options.onEnd?.(job.kind, outcome, this.#time.now() - startedMs, job, end);
      if (end) entry.sink(job, end, this.#options.clock.now()).catch(() => undefined); // The task is gone; the row is not.
      return this.#queue.tell(entry, verdict);
    });
    void run.gone.then(async (how) => {
      this.#alive.delete(job.id);
      if (how === 'abandoned') this.#options.onAbandoned?.(job);
      await told;
      this.#queue.release(entry);
      this.#dispatchSoon();
    });
  }

  /** Never before the time that was asked for, whatever the clock says by now. */
  #fire(entry: Entry): void {
    entry.state = 'ended';
    const release = (): void => {
      this.#queue.release(entry);
      this.#dispatchSoon();
    };
    entry.sink(entry.job, { ok: true, result: null }, Math.max(entry.job.notBeforeMs, this.#options.clock.now())).then(release, release);
  }
}

const isSameRun = (a: JobRow, b: JobRow): boolean =>
  a.status === b.status && a.causeId === b.causeId && a.attempt === b.attempt && a.createdAtMs === b.createdAtMs;
