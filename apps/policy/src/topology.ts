import {
  happenedAtMs,
  topics,
  type Event,
  type EventMeta,
  type EventOf,
  type ImageEvidence,
  type ImageInspected,
  type ImageInspectionFailed,
  type ScanReported,
} from '@waybill/domain';
import { outcomeOf, type Context, type Input, type Step, type Topology } from '@waybill/stream';
import type { Deciding } from './deciding.ts';
import { createDraft, pendingName } from './draft.ts';
import { emptyEvidence, withInspection, withScan } from './evidence.ts';
import { createPolicyReader } from './policy-set.ts';
import { awaitDigest, decideTagsOf, dropTag, isLate, pointTag, type Push } from './tags.ts';

const readPolicies = createPolicyReader();

/**
 * images, inspections, scan-reports (all keyed by repository) and the table of policies -> decisions.
 *
 * A tagged push puts its tag on hold in decision-state. What comes of its manifest is kept in policy-evidence, which lists the tags
 * that point to it; each piece has those decided anew. The three inputs have no order among each other, so each may come first. A
 * change of policies takes effect with the next input of a tag; it does not decide old tags anew. Pushes and deletions that are older, by
 * the registry's time, than what is known of their tag change nothing.
 */
export const policy: Topology = {
  group: 'policy',
  inputs: [topics.images, topics.inspections, topics.scanReports],
  stores: { decisions: topics.decisionState, evidence: topics.policyEvidence },
  outputs: [topics.decisions],
  held: topics.policyHeld,
  rebuild: 'inputs',
  tables: { policies: topics.policies },
  handle,
};

function handle(input: Input, context: Context): Step {
  if (input.kind !== 'event') return { ignored: `no event: ${input.kind}` };
  const deciding: Deciding = {
    draft: createDraft(context),
    set: readPolicies(context.table('policies')),
    atMs: input.atMs,
    // The row refers to the decision, so its id is needed before the runtime gives it.
    idOf: (emit) => outcomeOf(policy, input, { emit: [emit] }).events[0]!.event.meta.id,
  };
  const nothing = apply(deciding, input.event);
  return deciding.draft.step(nothing);
}

/** Changes rows and emits in the draft. @returns the reason to give where no event follows */
function apply(deciding: Deciding, event: Event): string {
  switch (event.type) {
    case 'ImagePushed':
      return onPushed(deciding, event);
    case 'ImageDeleted':
      return onDeleted(deciding, event);
    case 'ImageInspected':
      return onInspected(deciding, event.data);
    case 'ImageInspectionFailed':
      return onInspectionFailed(deciding, event.data);
    case 'ScanReported':
      return onScanReported(deciding, event.data);
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

function onInspected(deciding: Deciding, data: ImageInspected): string {
  const { draft } = deciding;
  const evidence = withInspection(draft.evidence(data, data.digest) ?? emptyEvidence(data, data.digest), data);
  draft.putEvidence(evidence);
  settle(deciding, data, data.digest, null);
  decideTagsOf(deciding, draft.evidence(data, data.digest) ?? evidence);
  return 'unchanged or held';
}

function onInspectionFailed(deciding: Deciding, data: ImageInspectionFailed): string {
  const { draft } = deciding;
  const failure = `${data.code}: ${data.reason}`;
  settle(deciding, data, data.digest ?? '', failure);
  if (data.digest === null) return 'the digest is not known';
  const evidence = draft.evidence(data, data.digest) ?? emptyEvidence(data, data.digest);
  if (evidence.inspected) return 'inspected before';
  const failed: ImageEvidence = { ...evidence, inspectionFailure: failure };
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
