import type { Topic } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord } from './event-log.ts';
import { marksPuts } from './marks.ts';
import type { TaskStore } from './state-store.ts';

export type RestoreOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly store: TaskStore;
  /** State topics by store name. */
  readonly stores: Readonly<Record<string, Topic>>;
  readonly partition: number;
  readonly nowMs: number;
  readonly signal?: AbortSignal;
};

/**
 * Compaction removes a tombstone 24 hours (`delete.retention.ms`) after it was written at the earliest. A store that has been
 * away for longer may never hear of a deletion: a finished job would run again. Half of it leaves room for clocks that differ.
 */
const awayMsMax = 12 * 60 * 60 * 1_000;

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

  let applied = 0;
  for (const { name, topic, first, end } of ranges) {
    const from = Math.max(stands(topic) ?? first, first);
    const onRecords = async (records: readonly LogRecord[], next: number): Promise<void> => {
      const puts =
        topic.kind === 'marks'
          ? await marksPuts(codec, name, records)
          : records.map((record) => ({ store: name, key: record.key?.toString() ?? '', value: record.value }));
      await store.commit({ puts, position: { changelog: new Map([...store.position().changelog, [topic.name, next]]) } });
      applied += records.length;
    };
    await log.read({ topic: topic.name, partition }, { from, to: end }, onRecords, signal);
  }
  return applied;
}

/** A position ends at the last record of a transaction, its marker lies behind: so much is no sign of another writer. */
const markersMax = 1;

function refuseAhead(from: number, end: number, place: string): void {
  if (from <= end) return;
  throw new StreamError('STORE_FAILED', `the local state knows ${place} up to ${from}, the log ends at ${end}: delete the state folder`);
}
