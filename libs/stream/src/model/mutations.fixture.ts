// Faults put into the runtime's surroundings on purpose: each is a promise of a port that is broken, and the oracle has to notice.
import { jobStore } from '../draft.ts';
import { StreamError } from '../errors.ts';
import type { GroupHandlers, LogRecord, Offsets, Writer } from '../event-log.ts';
import type { TaskStore } from '../state-store.ts';
import { modelTopics } from './workload.ts';
import type { Mutation } from './world.ts';

const isUncertain = (error: unknown): boolean => error instanceof StreamError && error.code === 'COMMIT_UNCERTAIN';
const isFenced = (error: unknown): boolean => error instanceof StreamError && error.code === 'FENCED';

const withCommit =
  (commitOf: (writer: Writer) => Writer['commit']): NonNullable<Mutation['log']> =>
  (log) => ({
    ...log,
    async openWriter(...place) {
      const writer = await log.openWriter(...place);
      return { ...writer, commit: commitOf(writer) };
    },
  });

const withHandlers =
  (change: (handlers: GroupHandlers) => GroupHandlers): NonNullable<Mutation['log']> =>
  (log) => ({ ...log, joinGroup: (options) => log.joinGroup({ ...options, handlers: change(options.handlers) }) });

/** Reads outside of the group: what a restore sees. */
const withRead =
  (change: (records: readonly LogRecord[], isLast: boolean) => readonly LogRecord[]): NonNullable<Mutation['log']> =>
  (log) => ({
    ...log,
    read: (place, range, onRecords, signal) =>
      log.read(place, range, (records, next) => onRecords(change(records, next >= range.to), next), signal),
  });

/** `change` overrides methods of the store that it is given. */
const withStore =
  (change: (store: TaskStore) => Partial<TaskStore>): NonNullable<Mutation['openStore']> =>
  (open) =>
  async (...place) => {
    const store = await open(...place);
    return Object.assign(store, change(store));
  };

const inputs = [modelTopics.left.name, modelTopics.right.name];

export const mutations: Readonly<Record<string, Mutation>> = {
  'a commit without an answer counts as done': {
    log: withCommit((writer) => async (transaction) => {
      try {
        return await writer.commit(transaction);
      } catch (error) {
        if (isUncertain(error)) return new Map();
        throw error;
      }
    }),
  },
  'a committed offset is told one too small': {
    log: (log) => ({
      ...log,
      async committed(...place) {
        const offsets = await log.committed(...place);
        return new Map([...offsets].map(([topic, offset]) => [topic, Math.max(0, offset - 1)]));
      },
    }),
  },
  'a fenced writer writes none the less': {
    log: (log, broker) =>
      withCommit((writer) => async (transaction) => {
        try {
          return await writer.commit(transaction);
        } catch (error) {
          if (!isFenced(error)) throw error;
          for (const record of transaction.records) broker.partition(record).append([record], 0);
          return new Map();
        }
      })(log, broker),
  },
  'offsets are committed before the records': {
    log: withCommit((writer) => async (transaction) => {
      await writer.commit({ ...transaction, records: [] });
      return writer.commit({ ...transaction, consumed: new Map() });
    }),
  },
  'offsets are committed after the records': {
    log: withCommit((writer) => async (transaction) => {
      const written = await writer.commit({ ...transaction, consumed: new Map() });
      await writer.commit({ ...transaction, records: [] });
      return written;
    }),
  },
  'offsets are asked for before the writer is open': {
    faults: ['storm', 'outage'],
    log: (log) => {
      const asked = new Map<number, Offsets>();
      return {
        ...log,
        async openWriter(group, partition, signal) {
          asked.set(partition, await log.committed(group, inputs, partition, signal));
          return log.openWriter(group, partition, signal);
        },
        committed: async (_group, _topics, partition) => asked.get(partition)!,
      };
    },
  },
  'reading goes on one record too far': {
    log: withHandlers((handlers) => ({
      ...handlers,
      async assigned(partitions, membership) {
        const starts = await handlers.assigned(partitions, membership);
        return new Map([...starts].map(([partition, offsets]) => [partition, new Map([...offsets].map(([topic, at]) => [topic, at + 1]))]));
      },
    })),
  },
  'records come in another order than in the log': {
    log: withHandlers((handlers) => ({ ...handlers, batch: (place, records) => handlers.batch(place, records.toReversed()) })),
  },
  'a restore misses the last record': { log: withRead((records, isLast) => (isLast ? records.slice(0, -1) : records)) },
  'a restore passes over deletions': { log: withRead((records) => records.filter(({ value }) => value !== null)) },
  'the position reaches the disk before the rows': {
    faults: ['kill'],
    openStore: withStore((store) => {
      const commit = store.commit.bind(store);
      return {
        async commit({ puts, position }) {
          await commit({ puts: [], position });
          await store.flush();
          await commit({ puts, position });
        },
      };
    }),
  },
  'a store that is to be read anew keeps its rows': {
    openStore: withStore(() => ({ clear: async () => undefined })),
    faults: ['longNight'],
  },
  'jobs are forgotten when a task opens': {
    openStore: withStore((store) => {
      const entries = store.entries.bind(store);
      return { entries: (name, range) => (name === jobStore ? [] : entries(name, range)) };
    }),
  },
};
