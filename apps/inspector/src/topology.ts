import { digestKey, repositoryKey, tagKey, topics, type EventOf, type ImageFacts } from '@waybill/domain';
import { isEvent, type Context, type Emit, type Input, type Step, type Topology } from '@waybill/stream';
import type { Inspect, InspectPayload } from './inspect.ts';
import { noProofs, type Inspected } from './inspected.ts';

export type InspectorSettings = {
  readonly timeoutMs: number;
  readonly concurrencyMax: number;
  readonly perRegistryMax: number;
  readonly attemptsMax: number;
  /** What signatures are verified with; null, and without it, nobody looks. */
  readonly trustSha256?: string | null;
};

/**
 * images -> what each pushed image is, read from its registry as a job -> inspections, and per platform of a tagged one a request for a
 * scan -> scan-requests; newest facts per manifest in image-facts.
 */
export const inspector = (inspect: Inspect, settings: InspectorSettings): Topology => ({
  group: 'inspector',
  inputs: [topics.images],
  stores: { facts: topics.imageFacts },
  outputs: [topics.inspections, topics.scanRequests],
  held: topics.inspectorHeld,
  jobTopic: topics.inspectorJobs,
  jobs: {
    inspect: {
      run: inspect,
      concurrencyMax: settings.concurrencyMax,
      perHostMax: settings.perRegistryMax,
      timeoutMs: settings.timeoutMs,
      attemptsMax: settings.attemptsMax,
      delayMsMin: 500,
      delayMsMax: 60_000,
    },
  },
  handle(input, context) {
    if (isEvent(input, 'ImagePushed')) return push(input.event, input.atMs, context, settings.trustSha256 ?? null);
    if (isEvent(input, 'ImageDeleted')) return { ignored: 'what is deleted needs no inspection' };
    if (input.kind === 'job-done') return finish(input);
    if (input.kind === 'job-failed') return fail(input);
    return { ignored: 'no push' };
  },
});

function push({ data, meta }: EventOf<'ImagePushed'>, atMs: number, context: Context, trustSha256: string | null): Step {
  const { registry, repository, tags, digest } = data;
  if (digest === null && tags.length === 0) return { ignored: 'names neither digest nor tag' };
  const payload: InspectPayload = { registry, repository, tags, digest, pushEventId: meta.id };
  // What a digest stands for never changes. Artifacts are read again: a kind that a later version knows as an image must be found. So is
  // what was verified with other keys than those of today.
  const known = digest === null ? undefined : context.get('facts', digestKey(data, digest), 'ImageFacts');
  if (known && known.platforms.length > 0 && known.trustSha256 === trustSha256) return { emit: report(payload, known, atMs) };
  return { schedule: [{ id: meta.id, kind: 'inspect', key: repositoryKey(data), payload, host: registry }] };
}

/** What results of jobs do not say that began before it was asked for. */
const unsaidBefore = { ...noProofs, predicateTypes: [] };

function finish({ job, result, atMs }: Extract<Input, { kind: 'job-done' }>): Step {
  const payload = JSON.parse(job.payload) as InspectPayload;
  const { registry, repository, pushEventId } = payload;
  const facts: ImageFacts = { ...unsaidBefore, ...(result as Inspected), registry, repository, inspectedAtMs: atMs, eventId: pushEventId };
  return {
    emit: report(payload, facts, atMs),
    put: [{ store: 'facts', key: digestKey(facts, facts.digest), row: { type: 'ImageFacts', data: facts } }],
  };
}

/** What is known of the pushed image, told to those who wait for this push, and the scans that it wants. */
function report(push: InspectPayload, facts: ImageFacts, inspectedAtMs: number): readonly Emit[] {
  const { eventId: _, ...known } = facts;
  const { tags, pushEventId } = push;
  const inspected: Emit = {
    topic: topics.inspections,
    key: repositoryKey(facts),
    subject: subjectOf({ ...push, digest: facts.digest }),
    event: { type: 'ImageInspected', data: { ...known, tags, pushEventId, inspectedAtMs } },
  };
  // Without a tag it is mostly the child of an index whose own push follows: that one asks for the scan, and a digest that no tag
  // leads to is deployed by nobody we decide for.
  if (tags.length === 0) return [inspected];
  return [inspected, ...facts.platforms.map(({ digest }) => requestScan(facts, digest))];
}

const requestScan = ({ registry, repository, digest: imageDigest }: ImageFacts, digest: string): Emit => ({
  topic: topics.scanRequests,
  key: digest,
  subject: digestKey({ registry, repository }, digest),
  discriminator: digest,
  event: { type: 'ScanRequested', data: { registry, repository, digest, imageDigest } },
});

function fail({ job, failure, atMs }: Extract<Input, { kind: 'job-failed' }>): Step {
  const push = JSON.parse(job.payload) as InspectPayload;
  const failed: Emit = {
    topic: topics.inspections,
    key: repositoryKey(push),
    subject: subjectOf(push),
    event: { type: 'ImageInspectionFailed', data: { ...push, ...failure, failedAtMs: atMs } },
  };
  return { emit: [failed] };
}

const subjectOf = (push: Omit<InspectPayload, 'pushEventId'>): string => {
  const [tag] = push.tags;
  return tag === undefined ? digestKey(push, push.digest ?? 'unknown') : tagKey(push, tag);
};
