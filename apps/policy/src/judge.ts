import type { DecisionState, ImageEvidence, Target } from '@waybill/domain';
import { evaluate, evidenceBounds, nextChangeMs, recordedEvidence, versionOf, type Decision, type Evidence } from '@waybill/policy-engine';
import { admissionOn, isAdmissionNews, type Admission } from './admission.ts';
import type { PolicySet } from './policy-set.ts';

/** What has a tag decided anew. */
export type Occasion = 'push' | 'evidence' | 'time' | 'policies';

/** What is decided about a tag now, beside what was told of it before. */
export type Judgement = {
  readonly facts: Evidence;
  readonly decision: Decision;
  readonly admission: Admission | null;
  /** As it will be; without the id of the event, where one follows. */
  readonly row: DecisionState;
  /** Whether anybody has to be told. */
  readonly isNews: boolean;
};

/** Pure: what `decide` would come to, for whoever wants to know whether it is worth while. */
export function judge({ rulebook }: PolicySet, row: DecisionState, evidence: ImageEvidence, atMs: number): Judgement {
  const facts = recordedEvidence(row, evidence);
  const decision = decisionOn(evaluate(rulebook.replication, facts, atMs), facts, evidence);
  const admission = admissionOn(rulebook.admission, facts, atMs);
  const nextMs = Math.min(nextChangeMs(rulebook.replication, facts, atMs), nextChangeMs(rulebook.admission, facts, atMs));
  const told = { ...row, reviewAtMs: nextMs === Infinity ? null : nextMs };
  const isNews = isDecisionNews(row, decision) || isAdmissionNews(row, admission);
  const { outcome, awaiting, reason, policyId, targets } = decision;
  const now = { ...told, status: statuses[outcome], awaiting, reason, policyId, policySetVersion: versionOf(rulebook), changedAtMs: atMs };
  const as = { facts, decision, admission, isNews };
  if (isNews) return { ...as, row: { ...now, targets, toldOutcome: outcome, toldAdmission: admission?.outcome ?? '' } };
  // What has been told of a digest stays readable, while it waits as well as when it is decided alike once more.
  return { ...as, row: outcome === 'held' || row.status === 'held' ? now : told };
}

const statuses = { allow: 'allowed', deny: 'denied', held: 'held' } as const;

/** Whether a row says something else than another, whenever and by which policies it came to it. */
export const differs = (a: DecisionState, b: DecisionState): boolean =>
  JSON.stringify({ ...a, policySetVersion: '', changedAtMs: 0 }) !== JSON.stringify({ ...b, policySetVersion: '', changedAtMs: 0 });

/** Outcome of the newest event on the digest. Rows of earlier versions do not say it; of theirs only an allowed one has targets. */
export const toldOutcome = ({ toldOutcome: told, decisionEventId, targets }: DecisionState): string =>
  told !== '' || decisionEventId === null ? told : targets.length > 0 ? 'allow' : 'deny';

function isDecisionNews(row: DecisionState, { outcome, targets }: Decision): boolean {
  const told = toldOutcome(row);
  if (outcome === 'held') return told === 'allow';
  return (
    outcome !== told || (outcome === 'allow' && JSON.stringify(row.targets.map(targetText)) !== JSON.stringify(targets.map(targetText)))
  );
}

export const targetText = ({ registry, repository, tag }: Target): string => `${registry}/${repository}:${tag}`;

function decisionOn(decision: Decision, { tag, digest }: Evidence, evidence: ImageEvidence): Decision {
  if (decision.outcome !== 'held' || evidence.tags.includes(tag)) return decision;
  // It would never be looked at again; better a clear no than a wait without an end.
  const reason = `TAGS_TOO_MANY: ${evidenceBounds.tagsMax} tags of this repository wait for ${digest} already`;
  return { ...decision, outcome: 'deny', reason, awaiting: [] };
}
