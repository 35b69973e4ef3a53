import type { Policy } from './policy.ts';
import { shortened, type DenialCode } from './requirements/answer.ts';
import type { Question } from './surroundings.ts';

export type { DenialCode };

/** What a policy that matches says: go, stop, or wait for facts. */
export type Ruling = Allowance | Denial | Hold;
export type Allowance = {
  readonly outcome: 'allow';
  readonly code: 'REQUIREMENTS_MET';
  readonly reason: string;
  /** Ids of the exceptions without which it would not be allowed. */
  readonly exceptionIds: readonly string[];
};
export type Denial = { readonly outcome: 'deny'; readonly code: DenialCode; readonly reason: string };
export type Hold = {
  readonly outcome: 'held';
  readonly code: 'FACTS_AWAITED';
  readonly reason: string;
  readonly awaiting: readonly string[];
};

/**
 * A bad fact denies, whatever is not known yet; else a missing one holds, together with all others that are missing. Only facts that are
 * all there and good enough allow.
 */
export function ruleOn({ document: { spec }, requirements }: Policy, question: Question): Ruling {
  if (spec.effect === 'deny') return deny('DENIED_BY_POLICY', spec.reason ?? 'the policy denies it');
  const { inspection } = question.evidence;
  if (inspection.status === 'failed') return deny('INSPECTION_FAILED', `the inspection failed: ${inspection.reason}`);
  const awaiting = new Set(inspection.status === 'missing' ? ['inspection'] : []);
  const exceptionIds = new Set<string>();
  const reasons: string[] = [];
  for (const { ask } of requirements) {
    const answer = ask(question);
    if (answer.holds === 'no') return deny(answer.code, answer.reason);
    if (answer.holds === 'unknown') for (const fact of answer.awaiting) awaiting.add(fact);
    else {
      reasons.push(answer.reason);
      for (const id of answer.exceptionIds) exceptionIds.add(id);
    }
  }
  if (awaiting.size > 0) return held([...awaiting]);
  const reason = reasons.length === 0 ? 'nothing more is required' : reasons.join('; ');
  return { outcome: 'allow', code: 'REQUIREMENTS_MET', reason, exceptionIds: [...exceptionIds].toSorted() };
}

export const deny = (code: DenialCode, reason: string): Denial => ({ outcome: 'deny', code, reason });
export const held = (awaiting: readonly string[], why = ''): Hold => ({
  outcome: 'held',
  code: 'FACTS_AWAITED',
  reason: `waits for ${shortened(awaiting)}${why}`,
  awaiting,
});
