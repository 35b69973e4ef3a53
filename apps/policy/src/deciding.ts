import { repositoryKey, tagKey, topics, type DecisionState, type ImageDecided, type ImageEvidence } from '@waybill/domain';
import { evaluate, recordedEvidence, traceMax, traceOf, type Decision, type Evidence } from '@waybill/policy-engine';
import type { Emit } from '@waybill/stream';
import type { Draft } from './draft.ts';
import { bounds } from './evidence.ts';
import type { PolicySet } from './policy-set.ts';

/** What a decision is made with beside rows: the policies in force, the moment, and the id that an event will have. */
export type Deciding = { readonly draft: Draft; readonly set: PolicySet; readonly atMs: number; readonly idOf: (emit: Emit) => string };

/** Why a decision is looked at again: a push may put a decided tag back on hold (its scan has grown old); evidence may not. */
export type Occasion = 'push' | 'evidence';

/**
 * Decides a tag anew and keeps the result in its row. An event follows only where outcome or targets are others than they were for
 * this digest, so that repeats, redeliveries and later scans that say the same stay silent.
 */
export function decide(deciding: Deciding, row: DecisionState, evidence: ImageEvidence, occasion: Occasion): void {
  const { draft, set } = deciding;
  const atMs = momentOf(deciding, row);
  const facts = recordedEvidence(row, evidence);
  const decision = decisionOn(set, facts, evidence, atMs);
  if (decision.outcome === 'held') {
    if (occasion === 'evidence' && row.status !== 'held') return;
    const { awaiting, reason, policyId } = decision;
    draft.putDecision({ ...row, status: 'held', awaiting, reason, policyId, policySetVersion: set.rulebook.version, changedAtMs: atMs });
    return;
  }
  const status = decision.outcome === 'allow' ? 'allowed' : 'denied';
  const { reason, policyId, targets } = decision;
  const decided = { ...row, status, awaiting: [], reason, policyId, policySetVersion: set.rulebook.version, targets, changedAtMs: atMs };
  if (isAsBefore(row, decision)) {
    if (row.status === 'held') draft.putDecision(decided);
    return;
  }
  const emit = decidedEvent({ set, atMs }, row, evidence, { ...decision, trace: traceOf(set.rulebook.replication, facts, atMs) });
  draft.emit(emit);
  draft.putDecision({ ...decided, decisionEventId: deciding.idOf(emit) });
}

/** The last decision on this digest stays readable while the row is held again: only an allowed one has targets. */
function isAsBefore(row: DecisionState, { outcome, targets }: Decision): boolean {
  if (row.decisionEventId === null) return false;
  const before = row.targets.length > 0 ? 'allow' : 'deny';
  return before === outcome && JSON.stringify(row.targets.map(targetText)) === JSON.stringify(targets.map(targetText));
}

const targetText = (target: { readonly registry: string; readonly repository: string; readonly tag: string }): string =>
  `${target.registry}/${target.repository}:${target.tag}`;

function decisionOn(set: PolicySet, facts: Evidence, evidence: ImageEvidence, atMs: number): Decision {
  const { tag, digest } = facts;
  const decision = evaluate(set.rulebook.replication, facts, atMs);
  if (decision.outcome !== 'held' || evidence.tags.includes(tag)) return decision;
  // It would never be looked at again; better a clear no than a wait without an end.
  const reason = `TAGS_TOO_MANY: ${bounds.tagsMax} tags of this repository wait for ${digest} already`;
  return { ...decision, outcome: 'deny', reason, awaiting: [] };
}

/** Decisions about a tag have rising times, whatever clock wrote the input: whoever acts on them can tell which is newer. */
const momentOf = ({ atMs }: Deciding, { changedAtMs, decisionEventId }: DecisionState): number =>
  Math.max(atMs, decisionEventId === null ? changedAtMs : changedAtMs + 1);

function decidedEvent(
  { set, atMs }: Pick<Deciding, 'set' | 'atMs'>,
  row: DecisionState,
  evidence: ImageEvidence,
  decision: Decision & Pick<ImageDecided, 'trace'>,
): Emit {
  const { registry, repository, tag, digest, pushEventId } = row;
  const { policyId, reason } = decision;
  // A deny names the targets that it takes back: a copy to them may still be waiting.
  const targets = decision.outcome === 'deny' ? row.targets : decision.targets;
  const scans = evidence.scans
    .filter((scan) => evidence.platformDigests.includes(scan.digest))
    .map(({ digest: scanned, outcome, worstSeverity, scannedAtMs, scanEventId }) => {
      return { digest: scanned, outcome, worstSeverity, scannedAtMs, scanEventId };
    });
  const data: ImageDecided = {
    registry,
    repository,
    tag,
    digest,
    outcome: decision.outcome,
    policyId,
    policySetVersion: set.rulebook.version,
    reason,
    trace: [...decision.trace, ...set.broken].slice(0, traceMax),
    targets,
    scans,
    evaluatedAtMs: atMs,
    pushEventId,
  };
  return {
    topic: topics.decisions,
    key: repositoryKey(row),
    subject: tagKey(row, tag),
    event: { type: 'ImageDecided', data },
    discriminator: tag,
    correlationId: row.correlationId,
  };
}
