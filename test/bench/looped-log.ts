import { partitionOfKey, type EventLog, type GroupHandlers, type LogRecord, type NewRecord, type Offsets } from '@waybill/stream';

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
  const follower = Promise.withResolvers<Parameters<EventLog['follow']>[0]>();
  const ends = new Map<string, number>();
  const lanes = new Map<string, Lane>();
  const counts = new Map<string, number>();
  let publishedCount = 0;
  const stored = (record: NewRecord, offset: number): LogRecord => ({
    ...{ topic: record.topic, partition: record.partition, offset, timestampMs: record.timestampMs ?? nowMs() },
    ...{ key: record.key === null ? null : Buffer.from(record.key), value: record.value, headers: record.headers },
  });
  const pump = async (lane: Lane): Promise<void> => {
    if (lane.isBusy) return;
    lane.isBusy = true;
    const { batch } = await handlers.promise;
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
  const enqueue = (record: NewRecord, done: () => void): void => {
    const place = `${record.topic}/${record.partition}`;
    const lane = lanes.get(place) ?? { waiting: [], isBusy: false, next: 0 };
    lanes.set(place, lane);
    lane.waiting.push({ record: stored(record, lane.next), done });
    lane.next += 1;
    void pump(lane);
  };
  const publish = async (records: readonly NewRecord[]): Promise<void> => {
    const { onRecords } = await follower.promise;
    for (const record of records) {
      publishedCount += 1;
      await onRecords({ topic: record.topic, partition: 0 }, [stored(record, publishedCount - 1)], publishedCount);
    }
  };
  const written = (records: readonly NewRecord[], own: number): Offsets => {
    const moved = new Map<string, number>();
    for (const record of records) {
      counts.set(record.topic, (counts.get(record.topic) ?? 0) + 1);
      if (looped.includes(record.topic)) enqueue(record, () => undefined);
      if (record.partition !== own) continue;
      const place = `${record.topic}/${own}`;
      ends.set(place, (ends.get(place) ?? 0) + 1);
      moved.set(record.topic, ends.get(place)!);
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
        return written(records, partition);
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
    deliver: async (record) => new Promise((resolve) => enqueue(record, resolve)),
    publish,
    writtenCount: (topic) => counts.get(topic) ?? 0,
    waitingCount: () => [...lanes.values()].reduce((sum, { waiting }) => sum + waiting.length, 0),
  };
}
