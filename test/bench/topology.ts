import { repositoryKey, type RecordType, type Topic } from '@waybill/domain';
import { isEvent, type Topology } from '@waybill/stream';

export const topic = (name: string, kind: Topic['kind'], records: readonly RecordType[]): Topic => ({
  ...{ name, kind, records, key: 'registry/repository', retentionMs: -1, purpose: 'Of the bench.' },
});

export const inputTopic = topic('bench.input', 'event', ['ImagePushed']);

/** Topics of one run: a run that met another's state would measure something else. */
export const topicsOf = (run: string) => ({
  output: topic(`${run}.output`, 'event', ['ImagePushed']),
  latest: topic(`${run}.latest`, 'state', ['ImagePushed']),
  seen: topic(`${run}.seen`, 'marks', ['MarkBatch']),
  held: topic(`${run}.held`, 'state', ['HeldRecord']),
});

/** As long as `dedup` remembers. */
const seenMs = 30 * 24 * 60 * 60 * 1_000;

/**
 * What both sides do: drop what was seen by its event id, count and keep the newest value per key, pass it on.
 * The row is the newest event whole; `sizeBytes` of it stands for the count, so that a row is as long as the peer's.
 */
export function benchTopology(run: string, input: Topic = inputTopic): Topology {
  const { output, latest, seen, held } = topicsOf(run);
  return {
    group: run,
    inputs: [input],
    stores: { latest },
    marks: { seen: { topic: seen, ttlMs: seenMs } },
    outputs: [output],
    held,
    handle(record, context) {
      if (!isEvent(record, 'ImagePushed')) return { ignored: 'no push' };
      const { event } = record;
      if (context.isMarked('seen', event.meta.id)) return { ignored: 'already seen' };
      const key = repositoryKey(event.data);
      const count = (context.get('latest', key, 'ImagePushed')?.sizeBytes ?? 0) + 1;
      return {
        mark: [{ marks: 'seen', id: event.meta.id }],
        put: [{ store: 'latest', key, row: { type: 'ImagePushed', data: { ...event.data, sizeBytes: count } } }],
        emit: [{ topic: output, key, forward: event }],
      };
    },
  };
}
