import type { PolicyTrace } from '@waybill/domain';
import { pathOf, sentenceOf, truthOf } from './clause.ts';
import { confidentialReason, isConfidential } from './confidential/reveal.ts';
import { evaluate, inputsSha256, type Decision } from './evaluate.ts';
import type { Evidence } from './evidence.ts';
import type { Matching } from './match.ts';
import type { Policy } from './policy.ts';
import { shortened } from './requirements/answer.ts';
import type { Ruling } from './requirements.ts';
import { opinionOf } from './rule.ts';
import type { CompiledSet } from './set/compiled-set.ts';
import { readableBy } from './set/readable-by.ts';
import { findSpeaking } from './set/search.ts';
import type { Question } from './surroundings.ts';
import { explainTargets, type TargetExplanation } from './targets/explain-targets.ts';
import { withTenant } from './tenants/namespaces.ts';
import { conditionSentence } from './when/condition.ts';

/** One clause of a policy against an image: where it is written, whether it holds, and what the image has to say to it. */
export type ClauseExplanation = { readonly path: string; readonly holds: Matching; readonly reason: string };

/** Why, or why not. */
export type PolicyExplanation = {
  readonly policyId: string;
  readonly priority: number;
  /** `error`: its condition fails on this image. */
  readonly outcome: Ruling['outcome'] | 'not-matched' | 'error';
  readonly reason: string;
  /** In the order in which they are asked, up to the first that refuses. None of a confidential policy. */
  readonly clauses: readonly ClauseExplanation[];
  /** All of them, of a policy that matches and does not deny anyway. None of a confidential one. */
  readonly requirements: readonly ClauseExplanation[];
};

export type Explanation = {
  readonly decision: Decision;
  readonly inputsSha256: string;
  /** Those that match or may turn out to, then the others; each part in the order in which they decide. */
  readonly policies: readonly PolicyExplanation[];
  /** How many of the set are not told of. */
  readonly leftOutCount: number;
  /** Of the policy that decides: each registry that it could mean, chosen or not, and why. */
  readonly targets: readonly TargetExplanation[];
};

/** Policies that an explanation tells of, unless more are asked for; those of a decision's event. */
export const traceMax = 50;

/** Makes a decision again from its recorded inputs, and says of each policy why it spoke or kept silent. */
export function explain(set: CompiledSet, evidence: Evidence, atMs: number, policiesMax = traceMax): Explanation {
  const question = questionOf(set, evidence, atMs);
  const policies = consideredIn(set, question, policiesMax);
  const decision = evaluate(set, evidence, atMs);
  const decider = policies.find(({ id }) => id === decision.policyId);
  return {
    decision,
    inputsSha256: inputsSha256(evidence, atMs),
    policies: policies.map((policy) => explainPolicy(policy, question)),
    leftOutCount: set.policies.length - policies.length,
    targets: decider === undefined || isConfidential(decider) ? [] : explainTargets(decider, question),
  };
}

const questionOf = ({ surroundings }: CompiledSet, evidence: Evidence, atMs: number): Question => ({
  evidence: withTenant(evidence, surroundings),
  atMs,
  surroundings,
});

/** What one policy says of an image, as if it were alone. */
export function explainPolicy(policy: Policy, question: Question): PolicyExplanation {
  const { matched, outcome, reason } = lineOf(policy, question);
  const explained = { policyId: policy.id, priority: policy.priority, outcome, reason };
  if (isConfidential(policy)) return { ...explained, clauses: [], requirements: [] };
  const clauses: ClauseExplanation[] = [];
  for (const clause of clausesOf(policy, question)) {
    clauses.push(clause);
    if (clause.holds === 'no') break;
  }
  return { ...explained, clauses, requirements: matched && outcome !== 'error' ? requirementsOf(policy, question) : [] };
}

const requirementsOf = ({ requirements }: Policy, question: Question): readonly ClauseExplanation[] =>
  requirements.map(({ name, ask }) => {
    const answer = ask(question);
    const reason = answer.holds === 'unknown' ? `waits for ${shortened(answer.awaiting)}` : answer.reason;
    return { path: `spec.require.${name}`, holds: answer.holds, reason };
  });

/** In the order in which they are asked; each made when it is looked at. */
function* clausesOf({ clauses, when }: Policy, question: Question): Generator<ClauseExplanation, void> {
  const { evidence } = question;
  for (const clause of clauses) {
    const holds = truthOf(clause, evidence);
    yield { path: `spec.match.${pathOf(clause)}`, holds, reason: sentenceOf(clause, holds, evidence) };
  }
  if (when === undefined) return;
  const answer = when.ask(question);
  yield { path: 'spec.when', holds: answer.truth, reason: conditionSentence(when, answer, question) };
}

/** What the event of a decision says of the policies: a line for each, at most {@link traceMax}, those that match first. */
export const traceOf = (set: CompiledSet, evidence: Evidence, atMs: number): readonly PolicyTrace[] => {
  const question = questionOf(set, evidence, atMs);
  return consideredIn(set, question, traceMax).map((policy) => lineOf(policy, question));
};

/** What other tenants have published for themselves is not this one's to read. */
function consideredIn(set: CompiledSet, question: Question, countMax: number): readonly Policy[] {
  const { evidence } = question;
  const speaking = findSpeaking(set, question, countMax);
  const silent: Policy[] = [];
  for (const policy of readableBy(set, evidence.tenant)) {
    if (speaking.length + silent.length >= countMax) break;
    if (!speaking.includes(policy)) silent.push(policy);
  }
  return [...speaking, ...silent];
}

type Line = Omit<PolicyTrace, 'outcome'> & { readonly outcome: PolicyExplanation['outcome'] };

function lineOf(policy: Policy, question: Question): Line {
  const line = plainLineOf(policy, question);
  return isConfidential(policy) ? { ...line, reason: confidentialReason } : line;
}

function plainLineOf(policy: Policy, question: Question): Line {
  const opinion = opinionOf(policy, question);
  const line = { policyId: policy.id, matched: opinion.matches === 'yes' || opinion.matches === 'error' };
  if (opinion.matches === 'no') {
    const refusing = clausesOf(policy, question).find(({ holds }) => holds === 'no')!;
    return { ...line, outcome: 'not-matched', reason: refusing.reason };
  }
  const { outcome, reason } = opinion.ruling;
  return { ...line, outcome: opinion.matches === 'error' ? 'error' : outcome, reason };
}
