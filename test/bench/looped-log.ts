import {
  partitionOfKey,
  type EventLog,
  type FollowOptions,
  type GroupHandlers,
  type LogRecord,
  type NewRecord,
  type Offsets,
} from '@waybill/stream';

export type LoopedLog = {
  readonly log: EventLog;
  /** Once a group has its partitions. */
  readonly joined: Promise<void>;
  /** Gives the group a record. Resolves once it is committed. */
  deliver(record: NewRecord): Promise<void>;
  /** Appends to a topic that is followed as a whole. */
  publish(records: readonly NewRecord[]): Promise<void>;
  /** Records that were written to a topic. */
  writtenCount(topic: string): number;
  /** Records that the group has been given, or will be, and has not committed. */
  waitingCount(): number;
};

export type LoopedLogOptions = {
  readonly partitions: number;
  /** Topics whose records come back to the group that writes them. */
  readonly looped: readonly string[];
  /** What a topic that is followed as a whole begins with. */
  readonly published: readonly NewRecord[];
  /** How long a transaction takes: what a broker would take, without its processor time. */
  readonly commitMs: number;
  readonly nowMs: () => number;
};

type Lane = { readonly waiting: { readonly record: LogRecord; readonly done: () => void }[]; isBusy: boolean; next: number };

/** As many as a fetch of a megabyte brings. */
const batchRecords = 2_000;

/** A log of one group in memory: what an app does with its own records shows, and no broker takes part of the processor time. */
export function loopedLog(options: LoopedLogOptions): LoopedLog {
  const { partitions, looped, published, commitMs, nowMs } = options;
  const handlers = Promise.withResolvers<GroupHandlers>();
  const follower = Promise.withResolvers<FollowOptions>();
  const lanes = createLanes(handlers.promise, nowMs);
  const [ends, counts] = [new Map<string, number>(), new Map<string, number>()];
  let publishedCount = 0;
  const publish = async (records: readonly NewRecord[]): Promise<void> => {
    const { onRecords } = await follower.promise;
    for (const record of records) {
      publishedCount += 1;
      await onRecords({ topic: record.topic, partition: 0 }, [stored(record, publishedCount - 1, nowMs)], publishedCount);
    }
  };
  const write = (records: readonly NewRecord[], own: number): Offsets => {
    const moved = new Map<string, number>();
    for (const record of records) {
      addTo(counts, record.topic);
      if (looped.includes(record.topic)) lanes.enqueue(record, () => undefined);
      if (record.partition === own) moved.set(record.topic, addTo(ends, `${record.topic}/${own}`));
    }
    return moved;
  };
  const log: Partial<EventLog> = {
    partitions,
    partitionOf: (key) => partitionOfKey(key, partitions),
    committed: async () => new Map(),
    bounds: async ({ topic, partition }) => ({ first: 0, end: ends.get(`${topic}/${partition}`) ?? 0 }),
    read: async () => undefined,
    openWriter: async () => ({
      close: async () => undefined,
      async commit({ records, partition }) {
        await new Promise((resolve) => setTimeout(resolve, commitMs));
        return write(records, partition);
      },
    }),
    async follow(following) {
      follower.resolve(following);
      await publish(published);
      following.onCaughtUp?.();
      await new Promise((resolve) => following.signal.addEventListener('abort', resolve));
    },
    joinGroup: async ({ handlers: given }) => {
      await given.assigned(
        Array.from({ length: partitions }, (_, partition) => partition),
        { verify: async () => undefined },
      );
      handlers.resolve(given);
      return { close: async () => undefined };
    },
  };
  return {
    log: log as EventLog,
    joined: handlers.promise.then(() => undefined),
    deliver: async (record) => new Promise((resolve) => lanes.enqueue(record, resolve)),
    publish,
    writtenCount: (topic) => counts.get(topic) ?? 0,
    waitingCount: lanes.waitingCount,
  };
}

function addTo(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}

const stored = (record: NewRecord, offset: number, nowMs: () => number): LogRecord => ({
  ...{ topic: record.topic, partition: record.partition, offset, timestampMs: record.timestampMs ?? nowMs() },
  ...{ key: record.key === null ? null : Buffer.from(record.key), value: record.value, headers: record.headers },
});

/** What the group has not committed yet, in order per topic and partition. */
function createLanes(handlers: Promise<GroupHandlers>, nowMs: () => number) {
  const lanes = new Map<string, Lane>();
  const pump = async (lane: Lane): Promise<void> => {
    if (lane.isBusy) return;
    lane.isBusy = true;
    const { batch } = await handlers;
    while (lane.waiting.length > 0) {
      const taken = lane.waiting.slice(0, batchRecords);
      const { topic, partition } = taken[0]!.record;
      await batch(
        { topic, partition },
        taken.map(({ record }) => record),
      );
      lane.waiting.splice(0, taken.length);
      for (const { done } of taken) done();
    }
    lane.isBusy = false;
  };
  return {
    enqueue(record: NewRecord, done: () => void): void {
      const place = `${record.topic}/${record.partition}`;
      const lane = lanes.get(place) ?? { waiting: [], isBusy: false, next: 0 };
      lanes.set(place, lane);
      lane.waiting.push({ record: stored(record, lane.next, nowMs), done });
      lane.next += 1;
      void pump(lane);
    },
    waitingCount: () => [...lanes.values()].reduce((sum, { waiting }) => sum + waiting.length, 0),
  };
}
