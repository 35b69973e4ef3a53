import { isRepositoryName, isTag, type Target } from '@waybill/domain';
import { canonical, sha256 } from './canonical.ts';
import type { Evidence } from './evidence.ts';
import type { Policy } from './policy.ts';
import type { DenialCode, Ruling } from './requirements.ts';
import { opinionOf } from './rule.ts';
import type { CompiledSet } from './set/compiled-set.ts';
import { findSpeaking } from './set/search.ts';

export type Decision = {
  /** `held`: not decided, because of what is in `awaiting`. */
  readonly outcome: 'allow' | 'deny' | 'held';
  /** Why, in one word. Stable for good. */
  readonly code: 'REQUIREMENTS_MET' | 'FACTS_AWAITED' | 'NO_POLICY_MATCHES' | 'TARGET_INVALID' | DenialCode;
  /** The policy that decided or waits; null where none matches. */
  readonly policyId: string | null;
  readonly reason: string;
  /** `inspection`, `scan of <digest>`, `tenant`; empty unless held. */
  readonly awaiting: readonly string[];
  /** At least one when allowed, else empty. */
  readonly targets: readonly Target[];
};

/**
 * Where an image may go. Deterministic (time is an argument; neither the order of policies nor that of scans counts) and total (any
 * evidence has an outcome). What it costs depends on how many policies can match, not on how many there are.
 *
 * The first policy that matches decides: see `compareInOrder`. One of which it is not known yet whether it matches holds the image,
 * because it might be the one. Nothing is allowed without an inspection, and nothing that no policy names.
 *
 * @param atMs Unix ms; a scan's age counts from here
 */
export function evaluate(set: CompiledSet, evidence: Evidence, atMs: number): Decision {
  const [policy] = findSpeaking(set, evidence, 1);
  const opinion = policy && opinionOf(policy, { evidence, atMs, surroundings: set.surroundings });
  if (policy === undefined || opinion === undefined || opinion.matches === 'no') return nobodyDecides;
  return decisionOf(policy, opinion.ruling, evidence);
}

const nobodyDecides: Decision = {
  outcome: 'deny',
  code: 'NO_POLICY_MATCHES',
  policyId: null,
  reason: 'no policy matches',
  awaiting: [],
  targets: [],
};

function decisionOf(policy: Policy, ruling: Ruling, evidence: Evidence): Decision {
  const { outcome, code, reason } = ruling;
  const decision = { outcome, code, policyId: policy.id, reason, awaiting: outcome === 'held' ? ruling.awaiting : [], targets: [] };
  if (outcome !== 'allow') return decision;
  const targets = targetsOf(policy, evidence);
  const wrong = targets.find(({ repository, tag }) => !isRepositoryName(repository) || !isTag(tag));
  if (wrong === undefined) return { ...decision, targets };
  const name = `${wrong.registry}/${wrong.repository}:${wrong.tag}`;
  const why = `target ${name} is no valid name: correct spec.replicate of the policy`;
  return { ...decision, outcome: 'deny', code: 'TARGET_INVALID', reason: why };
}

/** Each target once, in the order of the policy. A value put into a template is not itself read as one. */
function targetsOf(policy: Policy, { repository, tag }: Evidence): readonly Target[] {
  const targets: Target[] = [];
  for (const written of policy.document.spec.replicate ?? []) {
    const target = {
      registry: written.registry,
      repository: written.repository?.replaceAll('{repository}', () => repository) ?? repository,
      tag: written.tag?.replaceAll('{tag}', () => tag) ?? tag,
    };
    const isKnown = (other: Target): boolean =>
      other.registry === target.registry && other.repository === target.repository && other.tag === target.tag;
    if (!targets.some(isKnown)) targets.push(target);
  }
  return targets;
}

/**
 * SHA-256 in hex over all that a decision was made from beside the policies: canonical JSON of the evidence, its scans in the order of
 * their digests, and of the moment. Whoever has the same inputs can tell that they are the same.
 */
export function inputsSha256(evidence: Evidence, atMs: number): string {
  const scans = evidence.scans.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  return sha256(canonical({ atMs, evidence: { ...evidence, scans } }));
}
