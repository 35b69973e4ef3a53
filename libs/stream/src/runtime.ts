import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord, Membership, Offsets } from './event-log.ts';
import type { Draft } from './draft.ts';
import { JobPool, type JobPoolOptions } from './job-pool.ts';
import { openSharedTables } from './shared-tables.ts';
import type { OpenStore } from './state-store.ts';
import { Task, type TaskOptions } from './task.ts';
import type { Topology } from './topology.ts';

/** What happens, for metrics and logs. */
export type Observer = {
  readonly committed?: (draft: Draft, durationMs: number, inputs: ReadonlyMap<string, number>) => void;
  readonly jobEnded?: NonNullable<JobPoolOptions['onEnd']>;
  readonly assigned?: (partitions: readonly number[]) => void;
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
  readonly now?: () => number;
  readonly random?: () => number;
  readonly observer?: Observer;
  /** The app can go on no more; the process must end so that its supervisor starts it anew. */
  readonly onCrash: (error: Error) => void;
};

export type Running = {
  /** True once this instance has its partitions and reads. */
  ready(): boolean;
  jobs(): { readonly waiting: number; readonly running: number };
  /** Finishes transactions under way, aborts jobs, leaves the group. */
  close(): Promise<void>;
};

/** Runs a topology over the log until closed: one task per partition number that the group assigns to this instance. */
export async function runTopology(options: RunOptions): Promise<Running> {
  const { topology, log, codec, observer = {}, now = Date.now, random = Math.random } = options;
  const tables = await openSharedTables(log, codec, topology.tables ?? {}, {
    onFault: (error) => observer.fault?.(error),
    onEnd: (error) => options.onCrash(asError(error)),
  });
  const pool = new JobPool({ specs: topology.jobs ?? {}, now, random, onEnd: observer.jobEnded });
  const tasks = new TaskSet(observer, async (partition, membership) => {
    const store = await options.openStore(topology.group, partition);
    const onCommit: TaskOptions['onCommit'] = (...args) => observer.committed?.(...args);
    const hooks = { onCommit, onFault: (error: unknown) => observer.fault?.(error), onBroken: options.onCrash };
    return Task.open({ topology, log, codec, store, partition, table: tables.table, now, pool, membership, ...hooks });
  });
  const group = await log.joinGroup({
    group: topology.group,
    topics: topology.inputs.map(({ name }) => name),
    instance: options.instance,
    sessionTimeoutMs: options.sessionTimeoutMs,
    handlers: {
      assigned: (partitions, membership) => tasks.assign(partitions, membership),
      batch: ({ partition }, records) => tasks.take(partition, records),
      crashed: options.onCrash,
    },
  });

  return {
    ready: () => tasks.isReady,
    jobs: () => pool.counts(),
    async close() {
      pool.close();
      await tasks.close();
      await group.close();
      await tables.close();
    },
  };
}

/** The tasks of this instance: always those of the group's newest assignment. */
class TaskSet {
  readonly #tasks = new Map<number, Task>();
  readonly #observer: Observer;
  readonly #open: (partition: number, membership: Membership) => Promise<Task>;
  isReady = false;

  constructor(observer: Observer, open: (partition: number, membership: Membership) => Promise<Task>) {
    this.#observer = observer;
    this.#open = open;
  }

  async assign(partitions: readonly number[], membership: Membership): Promise<ReadonlyMap<number, Offsets>> {
    this.isReady = false;
    const lost = [...this.#tasks].filter(([partition, task]) => task.isClosed || !partitions.includes(partition));
    for (const [partition] of lost) this.#tasks.delete(partition);
    await Promise.all(lost.map(([, task]) => task.close()));
    for (const task of this.#tasks.values()) task.membership = membership;
    const fresh = partitions.filter((partition) => !this.#tasks.has(partition));
    await Promise.all(fresh.map(async (partition) => this.#tasks.set(partition, await this.#open(partition, membership))));
    this.isReady = true;
    this.#observer.assigned?.(partitions);
    return new Map([...this.#tasks].map(([partition, task]) => [partition, task.next]));
  }

  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    try {
      await this.#tasks.get(partition)?.takeRecords(records);
    } catch (error) {
      // Lost to another member: it reads these records; the group tells us of it in a moment.
      if (!(error instanceof StreamError && error.code === 'FENCED')) throw error;
    }
  }

  async close(): Promise<void> {
    this.isReady = false;
    await Promise.all([...this.#tasks.values()].map((task) => task.close()));
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
