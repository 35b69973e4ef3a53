import type { PolicyTrace } from '@waybill/domain';
import { pathOf, sentenceOf, truthOf, type Truth } from './clause.ts';
import { evaluate, inputsSha256, type Decision } from './evaluate.ts';
import type { Evidence } from './evidence.ts';
import type { Policy } from './policy.ts';
import type { Ruling } from './requirements.ts';
import { opinionOf } from './rule.ts';
import type { CompiledSet } from './set/compiled-set.ts';
import { findSpeaking } from './set/search.ts';
import type { Question } from './surroundings.ts';

/** One clause of a policy against an image: where it is written, whether it holds, and what the image has to say to it. */
export type ClauseExplanation = { readonly path: string; readonly holds: Truth; readonly reason: string };

/** Why, or why not. */
export type PolicyExplanation = {
  readonly policyId: string;
  readonly priority: number;
  readonly outcome: Ruling['outcome'] | 'not-matched';
  readonly reason: string;
  /** In the order in which they are asked, up to the first that refuses. */
  readonly clauses: readonly ClauseExplanation[];
};

export type Explanation = {
  readonly decision: Decision;
  readonly inputsSha256: string;
  /** Those that match or may turn out to, then the others; each part in the order in which they decide. */
  readonly policies: readonly PolicyExplanation[];
  /** How many of the set are not told of. */
  readonly leftOutCount: number;
};

/** Policies that an explanation tells of, unless more are asked for; those of a decision's event. */
export const traceMax = 50;

/** Makes a decision again from its recorded inputs, and says of each policy why it spoke or kept silent. */
export function explain(set: CompiledSet, evidence: Evidence, atMs: number, policiesMax = traceMax): Explanation {
  const policies = consideredIn(set, evidence, policiesMax);
  return {
    decision: evaluate(set, evidence, atMs),
    inputsSha256: inputsSha256(evidence, atMs),
    policies: policies.map((policy) => explainPolicy(policy, { evidence, atMs, surroundings: set.surroundings })),
    leftOutCount: set.policies.length - policies.length,
  };
}

/** What one policy says of an image, as if it were alone. */
export function explainPolicy(policy: Policy, question: Question): PolicyExplanation {
  const { evidence } = question;
  const { outcome, reason } = lineOf(policy, question);
  const clauses: ClauseExplanation[] = [];
  for (const clause of policy.clauses) {
    const holds = truthOf(clause, evidence);
    clauses.push({ path: `spec.match.${pathOf(clause)}`, holds, reason: sentenceOf(clause, holds, evidence) });
    if (holds === 'no') break;
  }
  return { policyId: policy.id, priority: policy.priority, outcome, reason, clauses };
}

/** What the event of a decision says of the policies: a line for each, at most {@link traceMax}, those that match first. */
export const traceOf = (set: CompiledSet, evidence: Evidence, atMs: number): readonly PolicyTrace[] =>
  consideredIn(set, evidence, traceMax).map((policy) => lineOf(policy, { evidence, atMs, surroundings: set.surroundings }));

function consideredIn(set: CompiledSet, evidence: Evidence, countMax: number): readonly Policy[] {
  const speaking = findSpeaking(set, evidence, countMax);
  const silent: Policy[] = [];
  for (const policy of set.policies) {
    if (speaking.length + silent.length >= countMax) break;
    if (!speaking.includes(policy)) silent.push(policy);
  }
  return [...speaking, ...silent];
}

type Line = Omit<PolicyTrace, 'outcome'> & { readonly outcome: PolicyExplanation['outcome'] };

function lineOf(policy: Policy, question: Question): Line {
  const { evidence } = question;
  const opinion = opinionOf(policy, question);
  const line = { policyId: policy.id, matched: opinion.matches === 'yes' };
  if (opinion.matches !== 'no') return { ...line, outcome: opinion.ruling.outcome, reason: opinion.ruling.reason };
  const refusing = policy.clauses.find((clause) => truthOf(clause, evidence) === 'no')!;
  return { ...line, outcome: 'not-matched', reason: sentenceOf(refusing, 'no', evidence) };
}
