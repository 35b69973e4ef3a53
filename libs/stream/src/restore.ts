import type { Topic } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord, TopicPartition } from './event-log.ts';
import { marksPuts } from './marks.ts';
import type { LoadChanges, TaskStore } from './state-store.ts';

export type RestoreOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly store: TaskStore;
  /** State topics by store name. */
  readonly stores: Readonly<Record<string, Topic>>;
  readonly partition: number;
  readonly nowMs: number;
  /** After every chunk of a state topic; at the end `at` is `to`. Not called for a topic of which nothing is missing. */
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  readonly signal?: AbortSignal;
};

/** Offsets of one state topic: where reading began, where it is, where it ends. */
export type RestoreProgress = TopicPartition & { readonly from: number; readonly at: number; readonly to: number };

/**
 * Compaction removes a tombstone 24 hours (`delete.retention.ms`) after it was written at the earliest. A store that has been
 * away for longer may never hear of a deletion: a finished job would run again. Half of it leaves room for clocks that differ.
 */
export const awayMsMax = 12 * 60 * 60 * 1_000;

/**
 * Brings a local store up to the end of its state topics, from where its position says it stands: after a clean stop nothing is
 * read, after a kill -9 the tail, with an empty folder, or one that was left alone too long, everything.
 *
 * Must run after the writer has been opened: only then is there nobody left who could write to these partitions.
 * @returns how many records were applied
 * @throws StreamError `STORE_FAILED` when the store is ahead of the log: it belongs to another cluster
 */
export async function restore(options: RestoreOptions): Promise<number> {
  const { log, codec, store, stores, partition, signal } = options;
  const ranges = await Promise.all(
    Object.entries(stores).map(async ([name, topic]) => ({ name, topic, ...(await log.bounds({ topic: topic.name, partition }, signal)) })),
  );
  const stands = (topic: Topic): number | undefined => store.position().changelog.get(topic.name);
  for (const { topic, end } of ranges) refuseAhead(stands(topic) ?? 0, end, `${topic.name}/${partition}`);
  const hasMissed = ranges.some(({ topic, end }) => topic.kind === 'state' && end - (stands(topic) ?? end) > markersMax);
  if (hasMissed && options.nowMs - (store.writtenAtMs() ?? options.nowMs) > awayMsMax) await store.clear();

  let loaded = Promise.resolve();
  /** One at a time, so that each position has those before it. */
  const load: Load = ({ topic }, rows, next) =>
    (loaded = loaded.then(() => store.load({ rows, position: { changelog: new Map([...store.position().changelog, [topic, next]]) } })));
  const applied = await Promise.all(
    ranges.map(({ name, topic, first, end }) => {
      const rowsOf = topic.kind === 'marks' ? (records: Records) => marksPuts(codec, name, records) : rowsOfState(name);
      return replay(options, { topic: topic.name, partition }, rowsOf, load, { from: Math.max(stands(topic) ?? first, first), to: end });
    }),
  );
  const total = applied.reduce((sum, count) => sum + count, 0);
  if (total > 0) await store.flush(); // Loaded rows can be read from then on.
  return total;
}

type Records = readonly LogRecord[];
type Rows = LoadChanges['rows'];
type Load = (place: TopicPartition, rows: Rows, next: number) => Promise<void>;

/** Reads one state topic into the store, the next chunk while the one before is being written. */
async function replay(
  { log, onProgress, signal }: RestoreOptions,
  place: TopicPartition,
  rowsOf: (records: Records) => Rows | Promise<Rows>,
  load: Load,
  range: { readonly from: number; readonly to: number },
): Promise<number> {
  let applied = 0;
  let loading = Promise.resolve();
  const onRecords = async (records: Records, next: number): Promise<void> => {
    const rows = await rowsOf(records);
    await loading;
    loading = load(place, rows, next).then(() => onProgress?.({ ...place, ...range, at: next }));
    loading.catch(() => undefined); // Told by whoever awaits it next.
    applied += records.length;
  };
  await log.read(place, range, onRecords, signal);
  await loading;
  return applied;
}

const rowsOfState =
  (store: string) =>
  (records: Records): Rows =>
    records.map(({ key, value }) => ({ store, key: key ?? '', value }));

/** A position ends at the last record of a transaction, its marker lies behind: so much is no sign of another writer. */
const markersMax = 1;

function refuseAhead(from: number, end: number, place: string): void {
  if (from <= end) return;
  throw new StreamError('STORE_FAILED', `the local state knows ${place} up to ${from}, the log ends at ${end}: delete the state folder`);
}
