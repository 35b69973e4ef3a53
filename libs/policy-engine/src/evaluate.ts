import type { Target } from '@waybill/domain';
import { canonical, sha256 } from './canonical.ts';
import { confidentialReason, isConfidential } from './confidential/reveal.ts';
import type { Evidence } from './evidence.ts';
import type { Policy } from './policy.ts';
import { evidenceBounds } from './recorded-evidence.ts';
import type { DenialCode, Ruling } from './requirements.ts';
import { opinionOf } from './rule.ts';
import type { CompiledSet } from './set/compiled-set.ts';
import { findSpeaking } from './set/search.ts';
import type { Question } from './surroundings.ts';
import { destinationOf, refusalText, type DestinationCode } from './targets/destination.ts';
import { claimantsOf, withTenant } from './tenants/namespaces.ts';

export type Decision = {
  /** `held`: not decided, because of what is in `awaiting`. */
  readonly outcome: 'allow' | 'deny' | 'held';
  /** Why, in one word. Stable for good. */
  readonly code:
    'REQUIREMENTS_MET' | 'FACTS_AWAITED' | 'NO_POLICY_MATCHES' | 'TAGS_TOO_MANY' | 'TENANT_AMBIGUOUS' | DestinationCode | DenialCode;
  /** The policy that decided or waits; null where none matches. */
  readonly policyId: string | null;
  readonly reason: string;
  /** `inspection`, `scan of <digest>`, `tenant`, `pulls`; empty unless held. */
  readonly awaiting: readonly string[];
  /** At least one when a copy is allowed, else empty. */
  readonly targets: readonly Target[];
  /** Ids of the exceptions without which it would not be allowed. */
  readonly exceptionIds: readonly string[];
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
  const { surroundings } = set;
  const [first, second] = claimantsOf(evidence, surroundings.Tenant);
  if (second !== undefined) return ofSeveralTenants(first!, second);
  const question = { evidence: withTenant(evidence, surroundings), atMs, surroundings };
  const [policy] = findSpeaking(set, question, 1);
  const opinion = policy && opinionOf(policy, question);
  if (policy === undefined || opinion === undefined || opinion.matches === 'no') return nobodyDecides;
  const decision = decisionOf(policy, opinion.ruling, question);
  if (decision.outcome === 'held' && evidence.cannotWait === true) return withoutWaiting(decision, evidence);
  return isConfidential(policy) ? { ...decision, reason: confidentialReason } : decision;
}

const nobodyDecides: Decision = {
  outcome: 'deny',
  code: 'NO_POLICY_MATCHES',
  policyId: null,
  reason: 'no policy matches',
  awaiting: [],
  targets: [],
  exceptionIds: [],
};

/** Neither's policies may decide, and those of nobody must not let go what its owner's would stop. */
const ofSeveralTenants = (first: string, second: string): Decision => ({
  ...nobodyDecides,
  code: 'TENANT_AMBIGUOUS',
  reason: `it is in the namespaces of ${first} and ${second}: correct their Tenant documents`,
});

/** It would never be looked at again; better a clear no than a wait without an end. */
const withoutWaiting = (decision: Decision, { digest }: Evidence): Decision => ({
  ...decision,
  outcome: 'deny',
  code: 'TAGS_TOO_MANY',
  reason: `${evidenceBounds.tagsMax} tags of this repository wait for ${digest} already: delete some, and push this one again`,
  awaiting: [],
});

function decisionOf(policy: Policy, ruling: Ruling, question: Question): Decision {
  const { outcome, code, reason } = ruling;
  const decision = { ...nobodyDecides, outcome, code, policyId: policy.id, reason, awaiting: outcome === 'held' ? ruling.awaiting : [] };
  if (outcome !== 'allow') return decision;
  const destination = destinationOf(policy, question);
  if (destination.outcome !== 'allow') return { ...decision, ...destination };
  const { targets, refusals } = destination;
  const allowed = { ...decision, targets, exceptionIds: ruling.exceptionIds };
  return { ...allowed, reason: refusals.length === 0 ? reason : `${reason}; ${refusalText(refusals)}` };
}

/**
 * SHA-256 in hex over all that a decision was made from beside the policies: canonical JSON of the evidence, its scans in the order of
 * their digests, and of the moment. Whoever has the same inputs can tell that they are the same.
 */
export function inputsSha256(evidence: Evidence, atMs: number): string {
  const scans = evidence.scans.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  return sha256(canonical({ atMs, evidence: { ...evidence, scans } }));
}
