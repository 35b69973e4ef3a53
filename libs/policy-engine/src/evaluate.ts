import { isRepositoryName, isTag, type PolicyTrace, type Target } from '@waybill/domain';
import type { Evidence } from './evidence.ts';
import { matchPolicy } from './match.ts';
import { inOrder, type Policy } from './policy.ts';
import { ruleOn, type Ruling } from './requirements.ts';

export type Decision = {
  /** `held`: not decided, because of what is in `awaiting`. */
  readonly outcome: 'allow' | 'deny' | 'held';
  /** The policy that decided or waits; null where none matches. */
  readonly policyId: string | null;
  readonly reason: string;
  /** `inspection`, `scan of <digest>`; empty unless held. */
  readonly awaiting: readonly string[];
  /** At least one when allowed, else empty. */
  readonly targets: readonly Target[];
  /** What each policy said, in the order in which they decide; at most {@link traceMax}, those that match first. */
  readonly trace: readonly PolicyTrace[];
};

export const traceMax = 50;

/**
 * Where an image may go. Deterministic (policies in any order, time as an argument) and total (any evidence has an outcome).
 *
 * The first policy that matches decides: highest priority, then most specific, then by name. One whose labels cannot be compared
 * yet holds the image, because it might be the one. Nothing is allowed without an inspection, and nothing that no policy names.
 *
 * @param atMs Unix ms; a scan's age counts from here
 */
export function evaluate(policies: readonly Policy[], evidence: Evidence, atMs: number): Decision {
  const rulings = inOrder(policies).map((policy) => ({ policy, ...consider(policy, evidence, atMs) }));
  const trace = traceOf(rulings.map(({ policy, matched, ruling }) => traceLine(policy, matched, ruling)));
  const first = rulings.find(({ ruling }) => ruling.outcome !== 'not-matched');
  if (first === undefined) return { outcome: 'deny', policyId: null, reason: 'no policy matches', awaiting: [], targets: [], trace };
  const { policy, ruling } = first as { policy: Policy; ruling: Ruling };
  const decided = { policyId: policy.id, trace };
  if (ruling.outcome === 'held') return { ...decided, ...ruling, targets: [] };
  if (ruling.outcome === 'deny') return { ...decided, ...ruling, awaiting: [], targets: [] };
  const targets = targetsOf(policy, evidence);
  const wrong = targets.find((target) => !isRepositoryName(target.repository) || !isTag(target.tag));
  if (wrong) {
    const reason = `target ${wrong.registry}/${wrong.repository}:${wrong.tag} is no valid name: correct spec.replicate of the policy`;
    return { ...decided, outcome: 'deny', reason, awaiting: [], targets: [] };
  }
  return { ...decided, ...ruling, awaiting: [], targets };
}

type Considered = { readonly matched: boolean; readonly ruling: Ruling | { readonly outcome: 'not-matched'; readonly reason: string } };

function consider(policy: Policy, evidence: Evidence, atMs: number): Considered {
  const { result, reason } = matchPolicy(policy, evidence);
  if (result === 'not-matched') return { matched: false, ruling: { outcome: 'not-matched', reason } };
  if (result === 'matched') return { matched: true, ruling: ruleOn(policy, evidence, atMs) };
  // Its labels will never be known where the inspection has failed: it might be the policy that forbids.
  const { inspection } = evidence;
  if (inspection.status === 'failed')
    return { matched: false, ruling: { outcome: 'deny', reason: `the inspection failed: ${inspection.reason}` } };
  return { matched: false, ruling: { outcome: 'held', reason: `waits for inspection: ${reason}`, awaiting: ['inspection'] } };
}

const traceLine = (policy: Policy, matched: boolean, { outcome, reason }: Considered['ruling']): PolicyTrace => ({
  policyId: policy.id,
  matched,
  outcome,
  reason,
});

function traceOf(lines: readonly PolicyTrace[]): readonly PolicyTrace[] {
  if (lines.length <= traceMax) return lines;
  const speaking = lines.filter(({ outcome }) => outcome !== 'not-matched');
  const silent = lines.filter(({ outcome }) => outcome === 'not-matched');
  return [...speaking, ...silent].slice(0, traceMax);
}

/** Each target once, in the order of the policy. A value put into a template is not itself read as one. */
function targetsOf(policy: Policy, { repository, tag }: Evidence): readonly Target[] {
  const targets = (policy.document.spec.replicate ?? []).map((target) => ({
    registry: target.registry,
    repository: (target.repository ?? '{repository}').replaceAll('{repository}', () => repository),
    tag: (target.tag ?? '{tag}').replaceAll('{tag}', () => tag),
  }));
  return [...new Map(targets.map((target) => [JSON.stringify(target), target])).values()];
}
