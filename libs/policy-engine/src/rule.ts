import { awaitedBy, sentenceOf, unknownAmong } from './clause.ts';
import { matchPolicy, type Matching } from './match.ts';
import type { Policy } from './policy.ts';
import { deny, held, ruleOn, type Ruling } from './requirements.ts';
import type { Question } from './surroundings.ts';
import { conditionSentence } from './when/condition.ts';

/** What one policy says of an image, as if it were alone. */
export type Opinion = { readonly matches: Exclude<Matching, 'no'>; readonly ruling: Ruling } | { readonly matches: 'no' };

export function opinionOf(policy: Policy, question: Question): Opinion {
  const matches = matchPolicy(policy, question);
  switch (matches) {
    case 'no':
      return { matches };
    case 'yes':
      return { matches, ruling: ruleOn(policy, question) };
    case 'unknown':
      return { matches, ruling: ruleOnUnknown(policy, question) };
    case 'error':
      return { matches, ruling: ruleOnFailed(policy, question) };
  }
}

/** It may be the one that decides: what it would say is waited for. */
function ruleOnUnknown({ clauses, when }: Policy, question: Question): Ruling {
  const { evidence } = question;
  const unknown = unknownAmong(clauses, evidence);
  const answer = when?.ask(question);
  const awaiting = [...new Set([...unknown.map(awaitedBy), ...(answer?.truth === 'unknown' ? answer.awaiting : [])])];
  const { inspection } = evidence;
  // What only it could say will never be known: it might be the policy that forbids.
  if (inspection.status === 'failed' && awaiting.includes('inspection'))
    return deny('INSPECTION_FAILED', `the inspection failed: ${inspection.reason}`);
  const [first] = unknown;
  return held(awaiting, `: ${first ? sentenceOf(first, 'unknown', evidence) : conditionSentence(when!, answer!, question)}`);
}

/** Nobody can say whether it is meant: it stops what it might stop, and nothing that others decide before it. */
const ruleOnFailed = ({ when }: Policy, question: Question): Ruling =>
  deny('POLICY_FAILED', conditionSentence(when!, when!.ask(question), question));
