import { tagKey, type DecisionState, type ImageEvidence } from '@waybill/domain';
import { emptyEvidence, evidenceBounds, versionOf } from '@waybill/policy-engine';
import { decide, endDifference, type Deciding } from './deciding.ts';
import { beforeName } from './draft.ts';
import { copiesUpTo, noEarlierCopies, type EarlierCopies } from './earlier-copies.ts';

/** A push of one tag: what a decision about it refers to. `pushedAtMs` is the registry's time, so that what a tag is follows it. */
export type Push = Pick<DecisionState, 'registry' | 'repository' | 'tag' | 'pushEventId' | 'correlationId' | 'pushedAtMs'>;

/** Whether a newer push or deletion of the tag is known: webhooks come out of order, and an older one must move nothing back. */
export const isLate = ({ draft }: Pick<Deciding, 'draft'>, push: Pick<Push, 'registry' | 'repository' | 'tag' | 'pushedAtMs'>): boolean => {
  const known = draft.decision(push, push.tag);
  return known !== undefined && push.pushedAtMs < known.pushedAtMs;
};

/** The tag of a push whose digest nobody has said yet; `failure` where nobody will. What was decided before is remembered. */
export function awaitDigest(deciding: Deciding, push: Push, failure: string | null): void {
  const { draft, set } = deciding;
  const previous = draft.decision(push, push.tag);
  leaveDigest(deciding, previous, '');
  forgetReview(deciding, previous);
  if (previous !== undefined && failure !== null) endDifference(deciding, previous, 'its manifest cannot be read');
  if (previous !== undefined && previous.digest !== '') draft.putEvidence(emptyEvidence(push, previous.digest), beforeName(push.tag));
  draft.putDecision({
    ...heldRow(push, '', momentAfter(deciding, previous), versionOf(set.rulebook)),
    ...(previous && toldBy(previous)),
    // No event: a decision is about a digest, and the failed inspection is an event of its own.
    ...(failure === null ? {} : { status: 'denied', awaiting: [], toldDifference: '', reason: `the inspection failed: ${failure}` }),
  });
}

/** The tag of a push points to a digest from now on; decided as far as its evidence goes. */
export function pointTag(deciding: Deciding, push: Push, digest: string): void {
  const { draft, set } = deciding;
  const { tag, pushEventId, correlationId, pushedAtMs } = push;
  const previous = draft.decision(push, tag);
  leaveDigest(deciding, previous, digest);
  const evidence = withTag(draft.evidence(push, digest) ?? emptyEvidence(push, digest), tag);
  draft.putEvidence(evidence);
  // A repeated push takes the row over, but what was decided on the digest stays decided.
  const before = previous && digestBefore(deciding, previous);
  const isRepeated = previous !== undefined && before === digest;
  const row = isRepeated
    ? { ...previous, digest, pushEventId, correlationId, pushedAtMs }
    : {
        ...heldRow(push, digest, momentAfter(deciding, previous), versionOf(set.rulebook)),
        ...carried(previous),
        ...replaced(deciding, previous, before),
      };
  draft.putDecision(row);
  decide(deciding, row, evidence, 'push');
}

function replaced({ draft }: Pick<Deciding, 'draft'>, previous: DecisionState | undefined, digest: string | undefined): EarlierCopies {
  if (previous === undefined) return noEarlierCopies;
  return copiesUpTo(previous, (digest === undefined ? undefined : draft.evidence(previous, digest)?.sizeBytes) ?? null);
}

/** The digest that a row's decision is about, also while a push without a digest has it wait. */
function digestBefore({ draft }: Pick<Deciding, 'draft'>, row: DecisionState): string | undefined {
  if (row.digest !== '') return row.digest;
  const before = draft.evidence(row, beforeName(row.tag))?.digest;
  if (before !== undefined) draft.dropEvidence(row, beforeName(row.tag));
  return before;
}

/** Looks again at the tags that point to a manifest of which something new is known. */
export function decideTagsOf(deciding: Deciding, evidence: ImageEvidence): void {
  for (const tag of evidence.tags) {
    const row = deciding.draft.decision(evidence, tag);
    if (row?.digest === evidence.digest) decide(deciding, row, evidence, 'evidence');
  }
}

/** A tag that is gone: nothing of it is decided any more. Its row stays, so that neither late evidence nor a late push brings it back. */
export function dropTag(deciding: Deciding, deletion: Push): void {
  const { draft, set } = deciding;
  const row = draft.decision(deletion, deletion.tag);
  if (row !== undefined) digestBefore(deciding, row);
  if (row !== undefined) endDifference(deciding, row, 'the tag was deleted');
  leaveDigest(deciding, row, '');
  forgetReview(deciding, row);
  const held = heldRow(deletion, '', momentAfter(deciding, row), versionOf(set.rulebook));
  draft.putDecision({ ...held, status: 'deleted', awaiting: [], reason: 'the tag was deleted' });
}

/** The manifest that the tag pointed to until now no longer lists it. */
function leaveDigest({ draft }: Pick<Deciding, 'draft'>, row: DecisionState | undefined, nextDigest: string): void {
  if (row === undefined || row.digest === '' || row.digest === nextDigest) return;
  const left = draft.evidence(row, row.digest);
  if (left !== undefined) draft.putEvidence({ ...left, tags: left.tags.filter((tag) => tag !== row.tag) });
}

const withTag = (evidence: ImageEvidence, tag: string): ImageEvidence =>
  evidence.tags.includes(tag) || evidence.tags.length >= evidenceBounds.tagsMax ? evidence : { ...evidence, tags: [...evidence.tags, tag] };

/** What nobody waits for any more. */
function forgetReview({ draft }: Pick<Deciding, 'draft'>, row: DecisionState | undefined): void {
  if (row !== undefined && row.reviewAtMs !== null) draft.schedule(tagKey(row, row.tag), null);
}

/** What is told of a digest while its tag waits. */
const toldBy = ({ targets, decisionEventId, toldOutcome, toldAdmission, toldDifference, earlierImages, earlierBytes }: DecisionState) => ({
  ...{ targets, decisionEventId, toldOutcome, toldAdmission, toldDifference, earlierImages, earlierBytes },
});

/** What stays when a tag points to another digest: a timer, and a difference that has to be taken back. */
const carried = (row: DecisionState | undefined) => ({ reviewAtMs: row?.reviewAtMs ?? null, toldDifference: row?.toldDifference ?? '' });

/** Later than all that was decided about the tag: the log's topics have clocks of their own, and copies follow the newest decision. */
const momentAfter = ({ atMs }: Pick<Deciding, 'atMs'>, row: DecisionState | undefined): number =>
  row === undefined ? atMs : Math.max(atMs, row.changedAtMs + 1);

const heldRow = (push: Push, digest: string, changedAtMs: number, policySetVersion: string): DecisionState => ({
  registry: push.registry,
  repository: push.repository,
  tag: push.tag,
  digest,
  status: 'held',
  awaiting: ['inspection'],
  reason: 'waits for inspection',
  policyId: null,
  policySetVersion,
  targets: [],
  pushEventId: push.pushEventId,
  correlationId: push.correlationId,
  pushedAtMs: push.pushedAtMs,
  decisionEventId: null,
  toldOutcome: '',
  toldAdmission: '',
  toldDifference: '',
  ...noEarlierCopies,
  reviewAtMs: null,
  changedAtMs,
});
