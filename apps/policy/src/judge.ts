import { targetText, type DecisionState, type ImageEvidence } from '@waybill/domain';
import {
  evaluate,
  nextChangeMs,
  noteAsked,
  recordedEvidence,
  roomAtMs,
  versionOf,
  withKnown,
  type About,
  type Asking,
  type Decision,
  type Evidence,
  type Rulebook,
} from '@waybill/policy-engine';
import { admissionOn, isAdmissionNews } from './admission.ts';
import { copiesUpTo, noEarlierCopies } from './earlier-copies.ts';
import type { InForce } from './in-force.ts';
import { toldOutcome } from './told-outcome.ts';
import type { Ruling } from './ruling.ts';
import { compare, type Beside } from './shadow/compare.ts';

/** What has a tag decided anew. */
export type Occasion = 'push' | 'evidence' | 'time' | 'policies' | 'registries' | 'usage';

/** What is decided about a tag now, beside what was told of it before. */
export type Judgement = Ruling & {
  /** What it was made from. */
  readonly facts: Asking;
  /** What a candidate would decide. Only `toldDifference` of the row depends on it, and an earlier `reviewAtMs`. */
  readonly beside: Beside;
  /** As it will be; without the id of the event, where one follows. */
  readonly row: DecisionState;
  /** Whether anybody has to be told. */
  readonly isNews: boolean;
};

/** Pure: what `decide` would come to, for whoever wants to know whether it is worth while. */
export function judge(
  set: InForce,
  row: DecisionState,
  evidence: ImageEvidence,
  atMs: number,
  pulls: About['pulls'] = () => [],
): Judgement {
  const { rulebook, shadow } = set;
  const books = shadow?.rulebook ? ([rulebook, shadow.rulebook] as const) : ([rulebook] as const);
  const sentTo = toldOutcome(row) === 'allow' ? row.targets : [];
  const all = withKnown(recordedEvidence(row, evidence), books, {
    known: set.known,
    sentTo,
    earlier: { images: row.earlierImages, bytes: row.earlierBytes },
    pulls,
    atMs,
  });
  const facts = noteAsked(all);
  const ruleOn =
    (given: Evidence) =>
    (book: Rulebook): Ruling => {
      const { replication, admission } = book;
      const decision = evaluate(replication, given, atMs);
      const waitsUntilMs =
        decision.outcome === 'held' && decision.code === 'QUOTA_EXCEEDED'
          ? roomAtMs(given, book, { known: set.known, atMs, waitedMs: atMs - row.pushedAtMs })
          : Infinity;
      return {
        decision,
        admission: admissionOn(admission, given, atMs),
        nextMs: Math.min(nextChangeMs(replication, given, atMs), nextChangeMs(admission, given, atMs), waitsUntilMs),
      };
    };
  const ruling = ruleOn(facts.evidence)(rulebook);
  const { decision, admission } = ruling;
  // Noted only where there is a difference to be told: what is in force names what it asked for itself, and nothing else.
  const factsOfBoth = (): Evidence => {
    const both = noteAsked(all);
    for (const each of books) ruleOn(both.evidence)(each);
    return both.asked();
  };
  const beside = compare(shadow, row, ruling, { ruleBy: ruleOn(all), factsOfBoth });
  const nextMs = Math.min(ruling.nextMs, beside.ruling?.nextMs ?? Infinity);
  const told = { ...row, toldDifference: beside.toldDifference, reviewAtMs: nextMs === Infinity ? null : nextMs };
  const isNews = isDecisionNews(row, decision) || isAdmissionNews(row, admission);
  const { outcome, awaiting, reason, policyId, targets } = decision;
  const now = { ...told, status: statuses[outcome], awaiting, reason, policyId, policySetVersion: versionOf(rulebook), changedAtMs: atMs };
  const as = { ...ruling, facts, beside, isNews };
  const earlier = outcome === 'allow' ? noEarlierCopies : copiesUpTo(row, evidence.sizeBytes);
  if (isNews) return { ...as, row: { ...now, ...earlier, targets, toldOutcome: outcome, toldAdmission: admission?.outcome ?? '' } };
  // What has been told of a digest stays readable, while it waits as well as when it is decided alike once more.
  return { ...as, row: outcome === 'held' || row.status === 'held' ? now : told };
}

const statuses = { allow: 'allowed', deny: 'denied', held: 'held' } as const;

/** Whether a row says something else than another, whenever and by which policies it came to it. */
export const differs = (a: DecisionState, b: DecisionState): boolean =>
  JSON.stringify({ ...a, policySetVersion: '', changedAtMs: 0 }) !== JSON.stringify({ ...b, policySetVersion: '', changedAtMs: 0 });

function isDecisionNews(row: DecisionState, { outcome, targets }: Decision): boolean {
  const told = toldOutcome(row);
  if (outcome === 'held') return told === 'allow';
  return (
    outcome !== told || (outcome === 'allow' && JSON.stringify(row.targets.map(targetText)) !== JSON.stringify(targets.map(targetText)))
  );
}
