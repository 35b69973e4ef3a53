import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord, Membership, Offsets, TopicPartition } from './event-log.ts';
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
  const tasks = new Map<number, Task>();
  let isReady = false;

  const openTask = async (partition: number, membership: Membership): Promise<Task> => {
    const store = await options.openStore(topology.group, partition);
    const onFault = (error: unknown): void => observer.fault?.(error);
    const onCommit: TaskOptions['onCommit'] = (...args) => observer.committed?.(...args);
    return Task.open({
      topology,
      log,
      codec,
      store,
      partition,
      table: tables.table,
      now,
      pool,
      membership,
      onCommit,
      onFault,
      onBroken: options.onCrash,
    });
  };

  async function assigned(partitions: readonly number[], membership: Membership): Promise<ReadonlyMap<number, Offsets>> {
    isReady = false;
    const lost = [...tasks].filter(([partition, task]) => task.isClosed || !partitions.includes(partition));
    for (const [partition] of lost) tasks.delete(partition);
    await Promise.all(lost.map(([, task]) => task.close()));
    for (const task of tasks.values()) task.membership = membership;
    const fresh = partitions.filter((partition) => !tasks.has(partition));
    await Promise.all(fresh.map(async (partition) => tasks.set(partition, await openTask(partition, membership))));
    isReady = true;
    observer.assigned?.(partitions);
    return new Map([...tasks].map(([partition, task]) => [partition, task.next]));
  }

  async function batch({ partition }: TopicPartition, records: readonly LogRecord[]): Promise<void> {
    try {
      await tasks.get(partition)?.takeRecords(records);
    } catch (error) {
      // Lost to another member: it reads these records; the group tells us of it in a moment.
      if (!(error instanceof StreamError && error.code === 'FENCED')) throw error;
    }
  }

  const group = await log.joinGroup({
    group: topology.group,
    topics: topology.inputs.map(({ name }) => name),
    instance: options.instance,
    sessionTimeoutMs: options.sessionTimeoutMs,
    handlers: { assigned, batch, crashed: options.onCrash },
  });

  return {
    ready: () => isReady,
    jobs: () => pool.counts(),
    async close() {
      isReady = false;
      pool.close();
      await Promise.all([...tasks.values()].map((task) => task.close()));
      await group.close();
      await tables.close();
    },
  };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
