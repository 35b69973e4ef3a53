import type { Topic } from '@waybill/domain';
import { type Codec, decodeEvent, type LogRecord, type StateStore, StreamError, type TopicPartition } from '@waybill/stream';
import { keyOf } from './keys.ts';
import { projectEvent, projectRow } from './project.ts';
import { draftOf, type Writer } from './rows.ts';

export type ProjectorOptions = {
  readonly store: StateStore;
  readonly codec: Codec;
  /** By the name that they are read under, which is that of a version. */
  readonly topics: ReadonlyMap<string, Topic>;
  /** A record that cannot be shown: it is passed over, since one bad record must not hide all later ones. */
  readonly onSkipped: (record: LogRecord, reason: string) => void;
};

export type Projector = {
  /** Next offset of a partition, as the store has it; undefined where it has none. */
  next(topicPartition: TopicPartition): number | undefined;
  /** Resolves once rows and position are in the store. A rejection is final: the store's disk has failed. */
  apply(topicPartition: TopicPartition, records: readonly LogRecord[], next: number): Promise<void>;
};

type Chunk = { readonly at: TopicPartition; readonly records: readonly LogRecord[]; readonly next: number };

/** Longest record key that fits the local store beside the name of its table. */
const keyBytesMax = 1_500;
const placeOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Folds chunks into the store, with their positions in the same local transaction: after a crash the fold goes on where it was.
 * Chunks that arrive while a commit is under way share the next one.
 */
export function createProjector({ store, codec, topics, onSkipped }: ProjectorOptions): Projector {
  const position = new Map(store.position().changelog);
  let waiting: Chunk[] = [];
  let running: Promise<void> = Promise.resolve();

  const commit = async (): Promise<void> => {
    const chunks = waiting;
    waiting = [];
    if (chunks.length === 0) return; // An earlier run has taken them along.
    const draft = draftOf(store);
    for (const { at, records } of chunks) {
      for (const record of records) await project(draft, record);
      const last = records.at(-1);
      if (last !== undefined) draft.put('lastOffsets', keyOf(at.topic, String(at.partition)), last.offset);
    }
    const after = new Map([...position, ...chunks.map(({ at, next }) => [placeOf(at), next] as const)]);
    await store.commit({ puts: draft.changes(), position: { changelog: after } });
    for (const { at, next } of chunks) position.set(placeOf(at), next);
  };

  const project = async (draft: Writer, record: LogRecord): Promise<void> => {
    try {
      const topic = topics.get(record.topic);
      if (topic === undefined) return onSkipped(record, 'it is of a topic that is not followed');
      if (topic.kind === 'event') return projectEvent(draft, await decodeEvent(codec, record), record);
      if (record.key === null || record.key.length > keyBytesMax) return onSkipped(record, 'a row needs a key that fits the store');
      const place = { topic: topic.name, partition: record.partition, timestampMs: record.timestampMs };
      projectRow(draft, place, record.key.toString('utf8'), record.value === null ? null : await codec.decode(record.value));
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== 'RECORD_UNDECODABLE') throw error;
      onSkipped(record, error.message);
    }
  };

  return {
    next: (at) => position.get(placeOf(at)),
    apply(at, records, next) {
      waiting.push({ at, records, next });
      running = running.then(commit);
      return running;
    },
  };
}
