import { StreamError } from './errors.ts';
import type { EventLog, GroupHandlers, LogRecord, TopicPartition } from './event-log.ts';
import { recordsOf } from './records-of.ts';

/** Offsets [from, to) of one partition of one topic. */
export type LogRange = TopicPartition & { readonly from: number; readonly to: number };
/** An offset, or a time: what came from then on. */
export type Bound = { readonly offset: number } | { readonly atMs: number };

export type RangeRequest = {
  readonly from: Bound;
  /** The end of what is there now unless given; not itself part of the range. */
  readonly to?: Bound | undefined;
  /** All unless given. */
  readonly partitions?: readonly number[] | undefined;
};

/**
 * What lies between two bounds, without the partitions where there is nothing.
 * @throws StreamError `SANDBOX_REFUSED` for partitions that do not exist, and where retention has removed a first offset that was asked for
 */
export async function findRanges(log: EventLog, names: readonly string[], request: RangeRequest): Promise<readonly LogRange[]> {
  const { from, to, partitions = Array.from({ length: log.partitions }, (_, partition) => partition) } = request;
  const unknown = partitions.filter((partition) => partition >= log.partitions);
  if (unknown.length > 0)
    throw new StreamError('SANDBOX_REFUSED', `there is no partition ${unknown.join(', ')}: topics have ${log.partitions}, counted from 0`);
  const places = names.flatMap((topic) => partitions.map((partition) => ({ topic, partition })));
  const ranges = await Promise.all(
    places.map(async (place): Promise<LogRange> => {
      const { first, end } = await log.bounds(place);
      const offsetOf = async (bound: Bound): Promise<number> => ('offset' in bound ? bound.offset : log.offsetAt(place, bound.atMs));
      const [start, stop] = [await offsetOf(from), to === undefined ? end : await offsetOf(to)];
      if ('offset' in from && start < first && first > 0)
        throw new StreamError(
          'SANDBOX_REFUSED',
          `${place.topic}/${place.partition} begins at offset ${first}: retention has removed ${start}`,
        );
      return { ...place, from: Math.max(first, start), to: Math.min(end, stop) };
    }),
  );
  return ranges.filter((range) => range.from < range.to);
}

export type FeedOptions = {
  readonly log: EventLog;
  readonly ranges: readonly LogRange[];
  readonly isWanted: (record: LogRecord) => boolean;
  /** Each wanted record, before it is handed over. */
  readonly onRecord: (record: LogRecord) => void;
  readonly signal: AbortSignal;
};

/** What is handed over at once shares transactions; these bound what waits in memory, per partition number. */
const windowMax = 1_000;
const windowBytesMax = 4 * 1_048_576;

/**
 * Hands ranges over as a group would, once: each partition number in the order of the records' times, across its topics, because in
 * which order they were taken when they were new is written nowhere. Calls of `batch` overlap: a task takes them in the order in which
 * they are made. Resolves when all has been committed; the first failure ends
 * it, and `signal` what is still under way.
 */
export async function feedRanges({ log, ranges, isWanted, onRecord, signal }: FeedOptions, batch: GroupHandlers['batch']): Promise<void> {
  const feedOne = async (partition: number, parts: readonly LogRange[]): Promise<void> => {
    let [window, bytes] = [[] as LogRecord[], 0];
    const handOver = async (): Promise<void> => {
      await Promise.all(runsByTopic(window).map((run) => batch({ topic: run[0]!.topic, partition }, run)));
      [window, bytes] = [[], 0];
    };
    for await (const record of inTimeOrder(parts.map((part) => recordsOf(log, part, part)))) {
      signal.throwIfAborted();
      if (!isWanted(record)) continue;
      onRecord(record);
      window.push(record);
      bytes += record.value?.length ?? 0;
      if (window.length >= windowMax || bytes >= windowBytesMax) await handOver();
    }
    await handOver();
  };
  const byPartition = Map.groupBy(ranges, ({ partition }) => partition);
  await Promise.all([...byPartition].map(([partition, parts]) => feedOne(partition, parts)));
}

/** Neighbours of one topic together. */
function runsByTopic(records: readonly LogRecord[]): readonly (readonly LogRecord[])[] {
  const runs: LogRecord[][] = [];
  for (const record of records) {
    const run = runs.at(-1);
    if (run?.[0]?.topic === record.topic) run.push(record);
    else runs.push([record]);
  }
  return runs;
}

/** Several sequences as one by their records' times; each stays in its own order. */
async function* inTimeOrder(sources: readonly AsyncGenerator<LogRecord>[]): AsyncGenerator<LogRecord> {
  try {
    const heads: { readonly source: AsyncGenerator<LogRecord>; record: LogRecord }[] = [];
    for (const source of sources) {
      const first = await source.next();
      if (!first.done) heads.push({ source, record: first.value });
    }
    while (heads.length > 0) {
      const oldest = heads.reduce((a, b) => (b.record.timestampMs < a.record.timestampMs ? b : a));
      yield oldest.record;
      const next = await oldest.source.next();
      if (next.done) heads.splice(heads.indexOf(oldest), 1);
      else oldest.record = next.value;
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}
