import {
  happenedAtMs,
  tagKey,
  topics,
  type Event,
  type EventMeta,
  type EventOf,
  type ImageInspected,
  type ReviewRequested,
  type ScanReported,
} from '@waybill/domain';
import {
  emptyEvidence,
  versionOf,
  withAttached,
  withFailedInspection,
  withInspection,
  withScan,
  type KeyRing,
} from '@waybill/policy-engine';
import { outcomeOf, type Context, type Input, type Topology } from '@waybill/stream';
import { decide, type Deciding } from './deciding.ts';
import { createDraft, pendingName, type Draft } from './draft.ts';
import { createInForceReader, tableNames, type InForce } from './in-force.ts';
import { withPulls } from './pulls.ts';
import { reviewedBy, reviewRequest } from './reviews.ts';
import { goOnAfter, noteVersions, sweep, sweepBounds, sweepKinds, type SweepBounds } from './sweep.ts';
import { awaitDigest, decideTagsOf, dropTag, isLate, pointTag, type Push } from './tags.ts';

/**
 * images, inspections, scan-reports, review-requests (all keyed by repository) and the table of policies -> decisions.
 *
 * A tagged push puts its tag on hold in decision-state. What comes of its manifest is kept in policy-evidence, which lists the tags
 * that point to it; each piece has those decided anew. The three have no order among each other, so each may come first. Pushes and
 * deletions that are older, by the registry's time, than what is known of their tag change nothing.
 *
 * Decisions stay true: a timer per tag wakes when time alone may change what is decided (a scan grows too old, an exception expires), and
 * a change of policies has the tags gone through that it may concern. Either asks in `review-requests` for those to be decided anew.
 *
 * A candidate, published beside the policies, decides every tag that they decide, and so at the same moment and from the same facts. Only
 * where it comes to something else is that told, in `differences`; what is in force does not depend on it.
 *
 * @param keys Without them no confidential policy can be in force
 */
export function createPolicy(bounds: SweepBounds = sweepBounds, keys?: KeyRing): Topology {
  const readInForce = createInForceReader(keys);
  const topology: Topology = {
    group: 'policy',
    inputs: [topics.images, topics.inspections, topics.scanReports, topics.pullCounts, topics.reviewRequests],
    stores: { decisions: topics.decisionState, evidence: topics.policyEvidence },
    outputs: [topics.decisions, topics.differences, topics.reviewRequests],
    held: topics.policyHeld,
    jobTopic: topics.policyJobs,
    timers: ['review', ...sweepKinds],
    rebuild: 'inputs',
    tables: { policies: topics.policies, health: topics.registryHealth, usage: topics.usage },
    watches: tableNames,
    handle(input, context) {
      const [draft, set] = [createDraft(context), readInForce(context.table)];
      return draft.step(take({ topology, context, draft, set, bounds }, input));
    },
  };
  return topology;
}

export const policy: Topology = createPolicy();

type Taking = {
  readonly topology: Topology;
  readonly context: Context;
  readonly draft: Draft;
  readonly set: InForce;
  readonly bounds: SweepBounds;
};

/** Changes rows and emits in the draft, as do all that follow. @returns the reason to give where no event follows */
function take({ topology, context, draft, set, bounds }: Taking, input: Input): string {
  const sweepKind = input.kind === 'timer' ? sweepKinds.find((kind) => kind === input.timer.kind) : undefined;
  if (input.kind === 'timer' && sweepKind !== undefined)
    return sweep({ context, draft, set, bounds }, { id: input.timer.id, kind: sweepKind, atMs: input.atMs });
  if (input.kind === 'timer') return onReviewDue(draft, set, input);
  if (input.kind !== 'event' && input.kind !== 'table') return `no event: ${input.kind}`;
  noteVersions({ context, draft, set, bounds }, input);
  if (input.kind === 'table') {
    if (input.table === 'policies' && set.shadow !== undefined && set.shadow.fault !== '') draft.note('candidate unusable');
    return 'the policies are noted';
  }
  // The row refers to the decision, so its id is needed before the runtime gives it.
  const idOf: Deciding['idOf'] = (emit) => outcomeOf(topology, input, { emit: [emit] }).events[0]!.event.meta.id;
  const reason = apply({ draft, set, atMs: input.atMs, idOf }, input.event);
  if (input.event.type === 'ReviewRequested')
    goOnAfter({ context, draft, set }, input.record.partition, tagKey(input.event.data, input.event.data.tag));
  return reason;
}

function onReviewDue(draft: Draft, set: InForce, { timer, atMs }: Extract<Input, { kind: 'timer' }>): string {
  const reviewed = reviewedBy(timer);
  const row = draft.decision(reviewed, reviewed.tag);
  if (row === undefined || row.digest !== reviewed.digest) return 'the tag has moved on';
  draft.emit(reviewRequest(row, 'time', versionOf(set.rulebook), atMs, timer.notBeforeMs));
  return '';
}

function apply(deciding: Deciding, event: Event): string {
  switch (event.type) {
    case 'ImagePushed':
      return onPushed(deciding, event);
    case 'ImageDeleted':
      return onDeleted(deciding, event);
    case 'ImageInspected':
      return onInspected(deciding, event);
    case 'ImageInspectionFailed':
      return onInspectionFailed(deciding, event);
    case 'ScanReported':
      return onScanReported(deciding, event.data);
    case 'PullsCounted':
      deciding.draft.putPulls(withPulls(deciding.draft.pulls(event.data), event.data));
      return 'pulls are noted, for the next decision';
    case 'ReviewRequested':
      return onReviewRequested(deciding, event.data);
    default:
      return `not about policy: ${event.type}`;
  }
}

function onPushed(deciding: Deciding, { data, meta }: EventOf<'ImagePushed'>): string {
  // Usually a child of an index: the tag that names the index speaks for it.
  if (data.tags.length === 0) return 'pushed without a tag';
  const pending = deciding.draft.evidence(data, pendingName(meta.id));
  if (pending !== undefined) deciding.draft.dropEvidence(data, pendingName(meta.id));
  const digest = data.digest ?? pending?.digest ?? '';
  for (const tag of new Set(data.tags)) {
    const push = pushOf(data, meta, tag);
    if (isLate(deciding, push)) continue;
    if (digest === '') awaitDigest(deciding, push, pending?.inspectionFailure ?? null);
    else pointTag(deciding, push, digest);
  }
  return 'unchanged or held';
}

const pushOf = ({ registry, repository, ...event }: Occurrence, { id, correlationId }: EventMeta, tag: string): Push => ({
  ...{ registry, repository, tag, pushEventId: id, correlationId, pushedAtMs: happenedAtMs(event) },
});
type Occurrence = EventOf<'ImagePushed' | 'ImageDeleted'>['data'];

function onInspected(deciding: Deciding, event: EventOf<'ImageInspected'>): string {
  const { draft } = deciding;
  const { data } = event;
  const evidence = withInspection(draft.evidence(data, data.digest) ?? emptyEvidence(data, data.digest), event);
  draft.putEvidence(evidence);
  settle(deciding, data, data.digest, null);
  decideTagsOf(deciding, draft.evidence(data, data.digest) ?? evidence);
  if (data.subject !== null) onAttached(deciding, data, data.subject);
  return 'unchanged or held';
}

/** An SBOM mostly comes after its image. It may come before, too: then it waits in the row that the image will have. */
function onAttached(deciding: Deciding, attached: ImageInspected, subject: string): void {
  const before = deciding.draft.evidence(attached, subject) ?? emptyEvidence(attached, subject);
  const evidence = withAttached(before, attached);
  if (evidence === before) return;
  deciding.draft.putEvidence(evidence);
  decideTagsOf(deciding, evidence);
}

function onInspectionFailed(deciding: Deciding, event: EventOf<'ImageInspectionFailed'>): string {
  const { draft } = deciding;
  const { data } = event;
  const failure = `${data.code}: ${data.reason}`;
  settle(deciding, data, data.digest ?? '', failure);
  if (data.digest === null) return 'the digest is not known';
  const evidence = draft.evidence(data, data.digest) ?? emptyEvidence(data, data.digest);
  const failed = withFailedInspection(evidence, event);
  if (failed === evidence) return 'inspected before';
  draft.putEvidence(failed);
  decideTagsOf(deciding, failed);
  return 'unchanged or held';
}

type Inspection = {
  readonly registry: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly pushEventId: string;
};

/** Tells a push without a digest what its digest is, or that nobody knows; where the push is yet to come, leaves it a note. */
function settle(deciding: Deciding, inspection: Inspection, digest: string, failure: string | null): void {
  const { draft } = deciding;
  const { tags, pushEventId } = inspection;
  const rows = tags.map((tag) => draft.decision(inspection, tag));
  for (const row of rows) {
    if (row === undefined || row.digest !== '' || row.pushEventId !== pushEventId) continue;
    if (digest === '') awaitDigest(deciding, row, failure);
    else pointTag(deciding, row, digest);
  }
  // Of a push whose tag has moved on since, the note stays behind: rare and small, and telling the two apart would cost a row per push.
  const isSeen = rows.every((row) => row !== undefined && (row.pushEventId === pushEventId || (digest !== '' && row.digest === digest)));
  if (!isSeen) draft.putEvidence({ ...emptyEvidence(inspection, digest), inspectionFailure: failure }, pendingName(pushEventId));
}

function onScanReported(deciding: Deciding, data: ScanReported): string {
  const { draft } = deciding;
  const before = draft.evidence(data, data.imageDigest) ?? emptyEvidence(data, data.imageDigest);
  const evidence = withScan(before, data);
  if (evidence === before) return 'a newer scan is known, or too many';
  draft.putEvidence(evidence);
  decideTagsOf(deciding, evidence);
  return 'unchanged or held';
}

const occasions = ['time', 'registries', 'usage'] as const;

/** At the moment that it asks for, also where the clock that wrote it is behind: nobody would ask again. */
function onReviewRequested(deciding: Deciding, { dueAtMs, occasion, ...reviewed }: ReviewRequested): string {
  const row = deciding.draft.decision(reviewed, reviewed.tag);
  if (row === undefined || row.digest !== reviewed.digest) return 'the tag has moved on';
  const evidence = deciding.draft.evidence(row, row.digest) ?? emptyEvidence(row, row.digest);
  const atMs = Math.max(deciding.atMs, dueAtMs);
  decide({ ...deciding, atMs }, row, evidence, occasions.find((known) => known === occasion) ?? 'policies');
  return 'decided as before';
}

function onDeleted(deciding: Deciding, { data, meta }: EventOf<'ImageDeleted'>): string {
  const { draft } = deciding;
  const isOfManifest = data.tags.length === 0 && data.digest !== null;
  const tags = isOfManifest ? (draft.evidence(data, data.digest)?.tags ?? []) : data.tags;
  for (const deletion of tags.map((tag) => pushOf(data, meta, tag))) if (!isLate(deciding, deletion)) dropTag(deciding, deletion);
  if (data.tags.length > 0) return 'a tag was deleted';
  if (!isOfManifest) return 'a repository was deleted: its tags are not known here';
  // What was pushed again after the deletion is there.
  if (draft.evidence(data, data.digest)?.tags.length === 0) draft.dropEvidence(data, data.digest);
  return 'a manifest was deleted';
}
