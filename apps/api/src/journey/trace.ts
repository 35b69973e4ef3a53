import { type DecisionState, happenedAtMs, tagKey, topics } from '@waybill/domain';
import { keyOf, placeKey } from '../read-model/keys.ts';
import { stageOf, type JobView, type Reader, type StepRow } from '../read-model/rows.ts';
import type { Journey, JourneyJob, JourneyStep } from './journey.ts';
import { outcomeOf } from './outcome.ts';
import { type ImageReference, pushKey } from './reference.ts';
import { shortDigest, targetName, wordsOf } from './words.ts';

/** An index of 50 platforms has about 160 steps. */
const stepsMax = 1_000;
const jobsMax = 100;
const copiesMax = 100;

/**
 * Correlation ids of pushes, newest first, each once.
 * @param key as `pushKey` makes it, or a bare digest
 */
export function findPushes(reader: Reader, key: string, limit: number): readonly string[] {
  const found = new Set<string>();
  // A push is indexed by digest at its arrival and again when it is inspected.
  for (const [, correlationId] of reader.entries('pushes', { prefix: keyOf(key), reverse: true, limit: limit * 2 })) {
    found.add(correlationId);
    if (found.size >= limit) break;
  }
  return [...found];
}

/** Registries that have pushed a repository, for references without a host. */
export const findHosts = (reader: Reader, repository: string, limit = 20): readonly string[] =>
  [...reader.entries('hosts', { prefix: keyOf(repository), limit })].map(([, host]) => host);

/** All keys under which pushes of a reference can lie; several where it names no host and several registries have it. */
export function pushKeys(reader: Reader, reference: ImageReference): readonly string[] {
  const { registry, repository, digest } = reference;
  if (repository === null) return digest === null ? [] : [digest];
  const hosts = registry === null ? findHosts(reader, repository) : [registry];
  return hosts.map((host) => pushKey(host, repository, reference));
}

/** The whole way of one push; undefined where the push itself is not in the read model (yet). */
export function findJourney(reader: Reader, correlationId: string, wanted: { readonly tag: string | null }): Journey | undefined {
  const own = [...reader.entries('steps', { prefix: keyOf(correlationId), limit: stepsMax })].map(([, row]) => row);
  const push =
    own.find(({ type, topic }) => type === 'ImagePushed' && topic === topics.imageEvents.name) ??
    own.find(({ type }) => type === 'ImagePushed');
  if (push === undefined) return undefined;
  const { registry, repository, tags, digest: pushedDigest, ...times } = push.details as PushDetails;
  const pushedAtMs = happenedAtMs(times);
  const tag = wanted.tag !== null && tags.includes(wanted.tag) ? wanted.tag : (tags[0] ?? null);
  const inspected = own.find(({ type }) => type === 'ImageInspected');
  const digest = pushedDigest ?? findText(inspected, 'digest');

  const key = tag === null ? undefined : tagKey({ registry, repository }, tag);
  const state = key === undefined ? undefined : reader.get('decisions', key);
  const replicas = key === undefined ? [] : findReplicas(reader, key);
  const decision =
    newestOf(own.filter(({ type, details }) => type === 'ImageDecided' && (tag === null || details['tag'] === tag))) ??
    earlierDecision(reader, state, digest);
  const jobs = findJobs(reader, correlationId);

  const rows = [...own, ...relatedSteps(reader, own, push, decision)];
  const steps = toSteps(reader, rows, correlationId, tag);
  const failure = own.find(({ type }) => type === 'ImageInspectionFailed');
  const outcome = outcomeOf({
    ...{ tag, digest, pushedAtMs, decision, state, replicas, jobs },
    deduplicated: own.some(({ type, topic }) => type === 'ImagePushed' && topic === topics.images.name),
    inspected: inspected !== undefined,
    copiedTargets: rows.filter((row) => row.type === 'ImageCopied' && row.details['decisionEventId'] === decision?.eventId).map(targetName),
    inspectionFailure: findText(failure, 'reason'),
  });
  const tookMs = steps.at(-1)?.sinceStartMs ?? 0;
  return { registry, repository, tag, digest, correlationId, pushedAtMs, outcome, steps, jobs, tookMs };
}

type PushDetails = {
  readonly registry: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: string | null;
  readonly occurredAtMs: number | null;
  readonly receivedAtMs: number;
};

const findText = (row: StepRow | undefined, field: string): string | null => {
  const value = row?.details[field];
  return typeof value === 'string' ? value : null;
};

/** Rows come in the order of their ids. All decisions of a repository lie in one partition, so that the offset says which is newest. */
const newestOf = (rows: readonly StepRow[]): StepRow | undefined => rows.toSorted((a, b) => b.offset - a.offset)[0];

/** The same content pushed again brings no new decision: the one in force counts. */
function earlierDecision(reader: Reader, state: DecisionState | undefined, digest: string | null): StepRow | undefined {
  if (state === undefined || state.status === 'held' || state.decisionEventId === null || state.digest !== digest) return undefined;
  return findEvent(reader, state.decisionEventId)[0];
}

/** Events of other journeys that this one rests on: its delivery, scans shared with other images, an earlier decision and its copies. */
function relatedSteps(reader: Reader, own: readonly StepRow[], push: StepRow, decision: StepRow | undefined): readonly StepRow[] {
  const has = new Set(own.map(({ eventId, topic }) => `${eventId} ${topic}`));
  const scanIds = own.filter(({ type }) => type === 'ScanReported').map((row) => findText(row, 'scanEventId'));
  const ids = [push.causationId, ...scanIds].filter((id) => id !== null);
  const related = ids.flatMap((id) => findEvent(reader, id));
  if (decision !== undefined && !has.has(`${decision.eventId} ${decision.topic}`)) {
    const copies = [...reader.entries('steps', { prefix: keyOf(decision.correlationId, topics.replications.name), limit: copiesMax })];
    related.push(decision, ...copies.map(([, row]) => row).filter((row) => row.details['decisionEventId'] === decision.eventId));
  }
  return related.filter(({ eventId, topic }) => {
    const id = `${eventId} ${topic}`;
    return has.has(id) ? false : has.add(id);
  });
}

const findEvent = (reader: Reader, eventId: string): readonly StepRow[] =>
  [...reader.entries('events', { prefix: keyOf(eventId), limit: 4 })].flatMap(([, key]) => reader.get('steps', key) ?? []);

function findReplicas(reader: Reader, sourceTag: string) {
  return [...reader.entries('copies', { prefix: keyOf(sourceTag), limit: copiesMax })].flatMap(
    ([, key]) => reader.get('replicas', key) ?? [],
  );
}

/** In the order of the log's clock; where two were logged in the same millisecond, in the order of the way. */
function toSteps(reader: Reader, rows: readonly StepRow[], correlationId: string, tag: string | null): readonly JourneyStep[] {
  const platforms = platformNames(rows);
  const platformOf = (digest: string): string => platforms.get(digest) ?? shortDigest(digest);
  const sorted = rows
    .filter((row) => row.type !== 'ImageDecided' || tag === null || row.details['tag'] === tag)
    .filter((row) => !['ImageCopied', 'ImageCopyFailed'].includes(row.type) || tag === null || row.details['tag'] === tag)
    .map((row) => ({ row, words: wordsOf(row, { imageEvents: topics.imageEvents.name }, platformOf) }))
    .filter((step): step is { row: StepRow; words: NonNullable<typeof step.words> } => step.words !== undefined)
    .toSorted((a, b) => a.row.loggedAtMs - b.row.loggedAtMs || rank(a.row.topic) - rank(b.row.topic) || a.row.offset - b.row.offset);
  // What was made for an earlier push lies before this one: its journey starts with its own first step.
  const startMs = sorted.find(({ row, words }) => row.correlationId === correlationId || words.kind === 'delivered')?.row.loggedAtMs ?? 0;
  let previousMs = startMs;
  return sorted.map(({ row, words }) => {
    const reused = row.correlationId !== correlationId && row.loggedAtMs < startMs && words.kind !== 'delivered';
    const sincePreviousMs = Math.max(0, row.loggedAtMs - previousMs);
    previousMs = Math.max(previousMs, row.loggedAtMs);
    const link = reader.get('audit', placeKey(row.topic, row.partition, row.offset));
    const { topic, partition, offset, eventId, timesLogged, details } = row;
    return {
      ...{ ...words, atMs: row.loggedAtMs, sincePreviousMs, sinceStartMs: Math.max(0, row.loggedAtMs - startMs) },
      ...{ eventId, correlationId: row.correlationId, topic, partition, offset, timesLogged, reused, details },
      audit: link === undefined ? null : { partition: link.partition, seq: link.seq },
    };
  });
}

const way = Object.values(topics).map(({ name }) => name);
const rank = (topic: string): number => way.indexOf(topic);

function platformNames(rows: readonly StepRow[]): ReadonlyMap<string, string> {
  const platforms = rows
    .filter(({ type }) => type === 'ImageInspected')
    .flatMap(({ details }) => details['platforms'] as readonly Platform[]);
  return new Map(platforms.filter(({ platform }) => platform !== '').map(({ digest, platform }) => [digest, platform]));
}
type Platform = { readonly digest: string; readonly platform: string };

const findJobs = (reader: Reader, correlationId: string): readonly JourneyJob[] =>
  [...reader.entries('journeyJobs', { prefix: keyOf(correlationId), limit: jobsMax })].flatMap(([, key]) => {
    const job = reader.get('jobs', key);
    return job === undefined ? [] : [toJourneyJob(job)];
  });

function toJourneyJob(job: JobView): JourneyJob {
  const { app, id, kind, status, attempt, notBeforeMs, lastError } = job;
  if (stageOf(job) === 'timer')
    return { app, id, kind, status, attempt, notBeforeMs, text: `${app}: ${kind} at ${new Date(notBeforeMs).toISOString().slice(0, 19)}Z` };
  const tries = attempt === 0 ? 'not tried yet' : `${attempt} ${attempt === 1 ? 'try' : 'tries'}`;
  const again = attempt > 0 && status === 'due' ? `, again at ${new Date(notBeforeMs).toISOString().slice(11, 19)} UTC` : '';
  const text = `${app}: ${kind} ${status}, ${tries}${again}${lastError === null ? '' : `, last: ${lastError}`}`;
  return { app, id, kind, status, attempt, notBeforeMs, text };
}
