import { topics } from '@waybill/domain';
import { systemClock, type Clock } from './clock.ts';
import type { Codec, EventLog, LogRecord, Membership, Offsets } from './event-log.ts';
import type { Draft } from './draft.ts';
import { JobPool, jobsMaxDefault, type JobPoolOptions } from './job-pool.ts';
import type { HostCircuit } from './job-queue.ts';
import { projectionsTable } from './projection.ts';
import { openSharedTables, type TablePositions } from './shared-tables.ts';
import type { RestoreProgress } from './restore.ts';
import type { OpenStore } from './state-store.ts';
import { Task, type TaskOptions } from './task.ts';
import { inputsOf, type Topology } from './topology.ts';

/** What happens, for metrics and logs. */
export type Observer = {
  readonly committed?: (draft: Draft, durationMs: number, inputs: ReadonlyMap<string, number>) => void;
  readonly jobEnded?: NonNullable<JobPoolOptions['onEnd']>;
  /** A try goes on long after it should have ended, deaf to its signal; the limits no longer count it. */
  readonly jobAbandoned?: NonNullable<JobPoolOptions['onAbandoned']>;
  readonly assigned?: (partitions: readonly number[]) => void;
  /** After every chunk that is read into a local store, before the partition is taken up. */
  readonly restored?: (progress: RestoreProgress) => void;
  /** Of an app with versions: whether this one's events go out from a partition, or it follows the one whose do. */
  readonly role?: (partition: number, isLive: boolean) => void;
  readonly fault?: (error: unknown) => void;
};

export type RunOptions = {
  readonly topology: Topology;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly openStore: OpenStore;
  /** Stable name of this instance of the app; a second process with the same one ends the first. */
  readonly instance: string;
  readonly sessionTimeoutMs: number;
  /** Jobs running at the same time, of all kinds together; 64 unless given. With 0 timers and changes of tables do not come either. */
  readonly jobsMax?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly observer?: Observer;
  /** The app can go on no more; the process must end so that its supervisor starts it anew. */
  readonly onCrash: (error: Error) => void;
};

export type Running = {
  /** True once this instance has its partitions and reads; false while the group is silent for longer than the session timeout. */
  ready(): boolean;
  jobs(): { readonly waiting: number; readonly running: number };
  /** Hosts that have jobs or have failed of late, and whether jobs are let through to them. */
  circuits(): readonly HostCircuit[];
  /** Up to where the shared tables have been read. */
  tables(): TablePositions;
  /** Records of its partitions that are parked or wait behind one. */
  held(): number;
  /** Finishes transactions under way, aborts jobs, leaves the group. @throws StreamError `STORE_FAILED`, having done all the rest */
  close(): Promise<void>;
};

/** Runs a topology over the log until closed: one task per partition number that the group assigns to this instance. */
export async function runTopology(options: RunOptions): Promise<Running> {
  const { topology, log, codec, observer = {}, clock = systemClock, random = Math.random } = options;
  let onSwap = (): void => undefined;
  let onTable = (_topic: string): void => undefined;
  const tables = await openSharedTables({
    ...{ log, codec, clock, tables: { ...topology.tables, ...(topology.rebuild && { [projectionsTable]: topics.projections }) } },
    onChanged: (topic) => (topic === topics.projections.name ? onSwap() : onTable(topic)),
    onFault: (error) => observer.fault?.(error),
    onEnd: (error) => options.onCrash(asError(error)),
  });
  const jobsMax = options.jobsMax ?? jobsMaxDefault;
  const { jobs = {}, timers = [] }: Pick<Topology, 'jobs' | 'timers'> = jobsMax === 0 ? {} : topology;
  const watches = jobsMax === 0 ? [] : (topology.watches ?? []);
  const pool = new JobPool({
    ...{ specs: jobs, timers, jobsMax, clock, random },
    ...{ onEnd: observer.jobEnded, onAbandoned: observer.jobAbandoned },
  });
  const tasks = new TaskSet(observer, async (partition, membership, signal) => {
    const store = await options.openStore(topology.group, partition);
    const onCommit: TaskOptions['onCommit'] = (...args) => observer.committed?.(...args);
    const hooks = {
      onCommit,
      onRestore: observer.restored,
      onRole: observer.role,
      onFault: (error: unknown) => observer.fault?.(error),
      onBroken: options.onCrash,
    };
    const parts = { topology, log, codec, store, partition, table: tables.table, clock, pool, membership };
    try {
      const task = await Task.open({ ...parts, ...hooks }, signal);
      for (const table of watches) task.tableChanged(table);
      return task;
    } catch (error) {
      await store.close();
      throw error;
    }
  });
  onSwap = () => tasks.reconsider();
  onTable = (topic) => {
    for (const table of watches) if (topology.tables?.[table]?.name === topic) tasks.tableChanged(table);
  };
  let heardAtMs: number | undefined;
  const isSilent = (): boolean => heardAtMs !== undefined && clock.now() - heardAtMs > options.sessionTimeoutMs;
  const group = await log.joinGroup({
    group: topology.group,
    topics: inputsOf(topology).map(({ name }) => name),
    instance: options.instance,
    sessionTimeoutMs: options.sessionTimeoutMs,
    handlers: {
      assigned: (partitions, membership) => tasks.assign(partitions, membership),
      batch: ({ partition }, records) => tasks.take(partition, records),
      heard: () => void (heardAtMs = clock.now()),
      crashed: options.onCrash,
    },
  });

  return {
    ready: () => tasks.isReady && !isSilent(),
    jobs: () => pool.counts(),
    held: () => tasks.heldCount,
    circuits: () => pool.circuits(),
    tables: () => tables.positions(),
    async close() {
      pool.close();
      // Also when a store cannot be closed: others would wait for the end of the session.
      await closeEach([() => tasks.close(), () => group.close(), () => tables.close()]);
    },
  };
}

type OpenTask = (partition: number, membership: Membership, signal: AbortSignal) => Promise<Task>;

/** The tasks of this instance: always those of the group's newest assignment. */
class TaskSet {
  readonly #tasks = new Map<number, Task>();
  readonly #observer: Observer;
  readonly #open: OpenTask;
  readonly #closing = new AbortController();
  #assigning: Promise<unknown> = Promise.resolve();
  /** Tells whether a task that was being opened may have missed one. */
  #wordsCount = 0;
  isReady = false;

  constructor(observer: Observer, open: OpenTask) {
    this.#observer = observer;
    this.#open = open;
  }

  get heldCount(): number {
    return [...this.#tasks.values()].reduce((sum, task) => sum + task.heldCount, 0);
  }

  /** Another version of the app may be live by now. */
  reconsider(): void {
    this.#wordsCount += 1;
    for (const task of this.#tasks.values()) task.reconsider();
  }

  tableChanged(table: string): void {
    for (const task of this.#tasks.values()) task.tableChanged(table);
  }

  async assign(partitions: readonly number[], membership: Membership): Promise<ReadonlyMap<number, Offsets>> {
    this.isReady = false;
    const assigning = this.#reassign(partitions, membership);
    this.#assigning = assigning.catch(() => undefined);
    try {
      await assigning;
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    }
    if (this.#closing.signal.aborted) return new Map();
    this.isReady = true;
    this.#observer.assigned?.(partitions);
    return new Map([...this.#tasks].map(([partition, task]) => [partition, task.next]));
  }

  async #reassign(partitions: readonly number[], membership: Membership): Promise<void> {
    const lost = [...this.#tasks].filter(([partition, task]) => task.isClosed || !partitions.includes(partition));
    for (const [partition] of lost) this.#tasks.delete(partition);
    for (const task of this.#tasks.values()) task.membership = membership;
    await closeAll(lost.map(([, task]) => task));
    const { signal } = this.#closing;
    if (signal.aborted) return;
    const fresh = partitions.filter((partition) => !this.#tasks.has(partition));
    // All of them to an end, so that none is opened behind the back of the next assignment.
    const opened = await Promise.allSettled(
      fresh.map(async (partition) => {
        const words = this.#wordsCount;
        const task = await this.#open(partition, membership, signal);
        this.#tasks.set(partition, task);
        if (words !== this.#wordsCount) task.reconsider(); // What it has read may be older.
      }),
    );
    for (const result of opened) if (result.status === 'rejected') throw result.reason;
  }

  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    try {
      await this.#tasks.get(partition)?.takeRecords(records);
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    }
  }

  /** Also what is being opened. Afterwards nothing opens or takes any more. */
  async close(): Promise<void> {
    this.isReady = false;
    this.#closing.abort();
    await this.#assigning;
    await closeAll([...this.#tasks.values()]).finally(() => this.#tasks.clear());
  }
}

/** All of them to an end, whatever becomes of one. @throws the first failure */
async function closeAll(tasks: readonly Task[]): Promise<void> {
  const closed = await Promise.allSettled(tasks.map((task) => task.close()));
  for (const result of closed) if (result.status === 'rejected') throw result.reason;
}

/** One after the other, also after one that has failed. @throws the first failure */
async function closeEach(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of steps) await close().catch((error: unknown) => failures.push(error));
  for (const failure of failures) throw failure;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
