import type { Topic, TypedRecord } from '@waybill/domain';
import type { Context, Input, JobRow, JobSpec, Put, Step, Topology } from '../topology.ts';

/** What a schedule feeds: an occurrence, which may be repeated. Each has its place in the order of its key. */
export type Occurrence = { readonly id: string; readonly key: string; readonly number: number };
/** The row of a key, each in order: records read, also repeated ones, occurrences taken, works ended. */
export type KeyRow = { readonly read: readonly number[]; readonly taken: readonly string[]; readonly ended: readonly string[] };
export type Outcome = { readonly id: string; readonly outcome: 'done' | 'failed' | 'rung' };

const topic = (name: string, kind: Topic['kind']): Topic => ({
  ...{ name: `model.${name}`, kind, records: [], key: 'key', retentionMs: -1, purpose: 'The model of the stream runtime.' },
});

export const modelTopics = {
  left: topic('left', 'event'),
  right: topic('right', 'event'),
  rules: topic('rules', 'state'),
  keys: topic('keys', 'state'),
  open: topic('open', 'state'),
  seen: topic('seen', 'marks'),
  held: topic('held', 'state'),
  jobs: topic('jobs', 'state'),
  taken: topic('taken', 'event'),
  outcomes: topic('outcomes', 'event'),
} as const satisfies Record<string, Topic>;

/** The model's codec carries any data: types are borrowed for their names. */
export const asRecord = (data: object): TypedRecord => ({ type: 'TagEntry', data }) as unknown as TypedRecord;

const rowOf = (context: Context, key: string): KeyRow =>
  (context.get('keys', key, 'TagEntry') as unknown as KeyRow | undefined) ?? { read: [], taken: [], ended: [] };
const putRow = (key: string, row: KeyRow): Put => ({ store: 'keys', key, row: asRecord(row) });

/** Every third occurrence is work, every ninth of a kind that fails for good; every third is to be told again by a timer. */
export const isWork = ({ number }: Occurrence): boolean => number % 3 === 0;
export const isTimed = ({ number }: Occurrence): boolean => number % 3 === 1;
export const isHopeless = ({ number }: Occurrence): boolean => number % 9 === 0;

/** What the stage throws at until it is corrected. */
const isStumblingBlock = ({ number }: Occurrence): boolean => number % 11 === 5;

/**
 * Something of everything that the runtime promises: takes each occurrence once, folds per key, passes it on, and has work done
 * for some, whose end is told once. `open` has a row for as long as a work is not ended.
 */
export const workload = (run: JobSpec['run'], isMended: () => boolean): Topology => ({
  group: 'model',
  inputs: [modelTopics.left, modelTopics.right],
  stores: { keys: modelTopics.keys, open: modelTopics.open },
  marks: { seen: { topic: modelTopics.seen, ttlMs: 365 * 24 * 60 * 60 * 1_000 } },
  tables: { rules: modelTopics.rules },
  outputs: [modelTopics.taken, modelTopics.outcomes],
  held: modelTopics.held,
  jobTopic: modelTopics.jobs,
  jobs: {
    work: { run, concurrencyMax: 3, perHostMax: 2, timeoutMs: 20_000, attemptsMax: 50, delayMsMin: 10, delayMsMax: 1_000 },
  },
  timers: ['bell'],
  handle(input, context): Step {
    if (context.table('rules').length === 0) throw new Error('the shared table is empty');
    switch (input.kind) {
      case 'event':
        if (!isMended() && isStumblingBlock(input.event.data as unknown as Occurrence)) throw new Error('a stumbling block');
        return take(input, context);
      case 'job-done':
        return end(input.job, context, 'done');
      case 'job-failed':
        return end(input.job, context, 'failed');
      case 'timer':
        return end(input.timer, context, 'rung');
      default:
        return { ignored: 'another kind of input' };
    }
  },
});

function take({ event, record }: Extract<Input, { kind: 'event' }>, context: Context): Step {
  const occurrence = event.data as unknown as Occurrence;
  const { id, key } = occurrence;
  const before = rowOf(context, key);
  const row = { ...before, read: [...before.read, record.offset] };
  if (context.isMarked('seen', id)) return { put: [putRow(key, row)], ignored: 'already seen' };
  const step = {
    mark: [{ marks: 'seen', id }],
    emit: [{ topic: modelTopics.taken, key, forward: event }],
    put: [putRow(key, { ...row, taken: [...row.taken, id] })],
  };
  const opened = { ...step, put: [...step.put, { store: 'open', key: id, row: asRecord({ id }) }] };
  if (isTimed(occurrence)) {
    const notBeforeMs = record.timestampMs + occurrence.number * 1_000;
    return { ...opened, schedule: [{ id: `bell-${id}`, kind: 'bell', key, payload: occurrence, notBeforeMs }] };
  }
  if (!isWork(occurrence)) return step;
  const job = { id: `work-${id}`, kind: 'work', key, payload: occurrence, host: key };
  return { ...opened, schedule: [job] };
}

function end(job: JobRow, context: Context, outcome: Outcome['outcome']): Step {
  const { id, key } = JSON.parse(job.payload) as Occurrence;
  const row = rowOf(context, key);
  return {
    put: [putRow(key, { ...row, ended: [...row.ended, id] }), { store: 'open', key: id, row: null }],
    emit: [{ topic: modelTopics.outcomes, key, subject: id, event: asRecord({ id, outcome } satisfies Outcome) }],
    ...(outcome === 'failed' && { cancel: [job.id] }),
  };
}
