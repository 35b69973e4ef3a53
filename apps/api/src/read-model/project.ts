import {
  digestKey,
  happenedAtMs,
  repositoryKey,
  tagKey,
  topics,
  type Event,
  type EventOf,
  type Job,
  type ReplicaState,
  type TypedRecord,
} from '@waybill/domain';
import type { LogRecord } from '@waybill/stream';
import { keyOf, placeKey, sortable } from './keys.ts';
import { heldApps, jobApps } from './apps.ts';
import { asideJob, projectDrop, projectHeld, projectUnheld, setAside } from './aside.ts';
import { add } from './counters.ts';
import { stageOf, type JobView, type Writer } from './rows.ts';
import { stepDetails } from './step-details.ts';

/**
 * Folds one event into the read model. Events of different topics may come in any order: a row depends on its own topic's order
 * alone, or on nothing. The same event twice changes nothing but how often it was logged.
 */
export function projectEvent(draft: Writer, event: Event, record: LogRecord): void {
  switch (event.type) {
    case 'AuditEntry': {
      const { topic, partition, offset, seq, hash } = event.data;
      draft.put('audit', placeKey(topic, partition, offset), { partition, seq, hash: hash.toString('hex') });
      return;
    }
    case 'PolicyPublished': {
      const { publishedAtMs, ...published } = event.data;
      draft.put('policies', keyOf(published.policyId), { ...published, retiredAtMs: null, changedAtMs: publishedAtMs });
      return;
    }
    case 'PolicyRetired': {
      const { policyId, retiredAtMs } = event.data;
      const { document, documentSha256 } = draft.get('policies', keyOf(policyId)) ?? { document: null, documentSha256: null };
      draft.put('policies', keyOf(policyId), { ...event.data, document, documentSha256, changedAtMs: retiredAtMs });
      return;
    }
    case 'RecordParked':
      projectParked(draft, event, record);
      break;
    case 'ParkedDropRequested':
      projectDrop(draft, event.data);
      break;
    case 'ImagePushed':
      projectPush(draft, event);
      break;
    case 'ImageInspected':
      // A push without a digest can be found by it from here on.
      indexPush(draft, [digestKey(event.data, event.data.digest), event.data.digest], event.data.inspectedAtMs, event.data.pushEventId);
      break;
    default:
      break;
  }
  projectStep(draft, event, record);
}

function projectStep(draft: Writer, event: Event, record: LogRecord): void {
  const details = stepDetails(event);
  if (details === undefined) return;
  const { id, correlationId, causationId, subject, timeMs } = event.meta;
  const key = keyOf(correlationId, record.topic, id);
  const known = draft.get('steps', key);
  if (known !== undefined) return draft.put('steps', key, { ...known, timesLogged: known.timesLogged + 1 });
  const { topic, partition, offset, timestampMs } = record;
  const what = { type: event.type, eventId: id, correlationId, causationId, subject, details };
  draft.put('steps', key, { ...what, topic, partition, offset, loggedAtMs: timestampMs, timeMs, timesLogged: 1 });
  draft.put('events', keyOf(id, topic), key);
}

function projectPush(draft: Writer, { data, meta }: Extract<Event, { type: 'ImagePushed' }>): void {
  const byTag = data.tags.length === 0 ? [] : [repositoryKey(data), ...data.tags.map((tag) => tagKey(data, tag))];
  const byDigest = data.digest === null ? [] : [digestKey(data, data.digest), data.digest];
  // By the registry's time: a webhook that comes late is not the newest push of its tag.
  indexPush(draft, [...byTag, ...byDigest], happenedAtMs(data), meta.correlationId);
  draft.put('hosts', keyOf(data.repository, data.registry), data.registry);
}

function indexPush(draft: Writer, references: readonly string[], atMs: number, correlationId: string): void {
  for (const reference of references) draft.put('pushes', keyOf(reference, sortable(atMs), correlationId), correlationId);
}

function projectParked(draft: Writer, event: EventOf<'RecordParked'>, record: LogRecord): void {
  const { data, meta } = event;
  const { app, topic, partition, offset, timestampMs, code, reason, parkedAtMs } = data;
  const parked = { topic: record.topic, partition: record.partition, offset: record.offset };
  const key = keyOf(sortable(parked.partition), sortable(parked.offset));
  const bytes = {
    key: data.key?.toString('base64') ?? null,
    value: data.value?.toString('base64') ?? null,
    headers: data.headers.map(({ name, value }) => ({ name, value: value.toString('base64') })),
  };
  const origin = { topic, partition, offset };
  draft.put('parked', key, { app, origin, parked, timestampMs, ...bytes, code, reason, parkedAtMs, correlationId: meta.correlationId });
  draft.put('parkedByTime', keyOf(sortable(parkedAtMs), key), key);
  draft.put('parkedByOrigin', placeKey(topic, partition, offset) + key, key);
  projectUnheld(draft, event, record);
}

/** Folds a row of a state topic; `row` null is its tombstone. */
export function projectRow(
  draft: Writer,
  { topic, partition, timestampMs }: Pick<LogRecord, 'topic' | 'partition' | 'timestampMs'>,
  key: string,
  row: TypedRecord | null,
): void {
  switch (topic) {
    case topics.catalog.name:
      if (row === null) draft.remove('tags', key);
      else if (row.type === 'TagEntry') draft.put('tags', key, row.data);
      return;
    case topics.decisionState.name:
      if (row === null) draft.remove('decisions', key);
      else if (row.type === 'DecisionState') draft.put('decisions', key, row.data);
      return;
    case topics.scanState.name:
      if (row === null) draft.remove('scans', key);
      else if (row.type === 'ScanState') draft.put('scans', key, { ...row.data, waiting: [] });
      return;
    case topics.replicaState.name:
      // A target has a row per source repository that leads to it, and those lie in the partitions of their sources.
      return projectReplica(draft, keyOf(String(partition), key), row?.type === 'ReplicaState' ? row.data : null);
    default: {
      const place = { partition, atMs: timestampMs };
      const app = jobApps.get(topic);
      if (app !== undefined) projectJob(draft, app, key, row?.type === 'Job' ? row.data : null, place);
      const holder = heldApps.get(topic);
      if (holder !== undefined) projectHeld(draft, holder, key, row?.type === 'HeldRecord' ? row.data : null);
    }
  }
}

function projectReplica(draft: Writer, key: string, row: ReplicaState | null): void {
  const before = draft.get('replicas', key);
  if (before !== undefined) draft.remove('copies', keyOf(tagKey(before, before.tag), key));
  if (row === null) return draft.remove('replicas', key);
  draft.put('replicas', key, row);
  draft.put('copies', keyOf(tagKey(row, row.tag), key), key);
}

type RowPlace = { readonly partition: number; readonly atMs: number };

function projectJob(draft: Writer, app: string, id: string, row: Job | null, { partition, atMs }: RowPlace): void {
  const key = keyOf(app, id);
  setAside(draft, { app, kind: 'job', id }, row?.status === 'parked' ? asideJob(app, row, partition, atMs) : null);
  const before = draft.get('jobs', key);
  if (before !== undefined) {
    draft.remove('journeyJobs', keyOf(before.correlationId, app, id));
    draft.remove('jobsByTime', timeKey(before));
    add(draft, keyOf('jobs', app, stageOf(before)), -1);
  }
  if (row === null) return draft.remove('jobs', key);
  const { payload: _payload, traceparent: _traceparent, ...view } = row;
  const job: JobView = { ...view, app };
  draft.put('jobs', key, job);
  draft.put('journeyJobs', keyOf(row.correlationId, app, id), key);
  if (row.status !== 'parked') draft.put('jobsByTime', timeKey(job), key);
  add(draft, keyOf('jobs', app, stageOf(job)), 1);
}

const timeKey = ({ app, notBeforeMs, id }: JobView): string => keyOf(app, sortable(notBeforeMs), id);
