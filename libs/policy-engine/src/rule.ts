import { awaitedBy, sentenceOf, truthOf, type Truth } from './clause.ts';
import type { Evidence } from './evidence.ts';
import type { Question } from './surroundings.ts';
import { matchPolicy } from './match.ts';
import type { Policy } from './policy.ts';
import { deny, held, ruleOn, type Ruling } from './requirements.ts';

/** What one policy says of an image, as if it were alone. */
export type Opinion = { readonly matches: Exclude<Truth, 'no'>; readonly ruling: Ruling } | { readonly matches: 'no' };

export function opinionOf(policy: Policy, question: Question): Opinion {
  const { evidence } = question;
  const matches = matchPolicy(policy, evidence);
  if (matches === 'no') return { matches };
  return { matches, ruling: matches === 'yes' ? ruleOn(policy, question) : ruleOnUnknown(policy, evidence) };
}

/** It may be the one that decides: what it would say is waited for. */
function ruleOnUnknown({ clauses }: Policy, evidence: Evidence): Ruling {
  const unknown = clauses.filter((clause) => truthOf(clause, evidence) === 'unknown');
  const awaiting = [...new Set(unknown.map(awaitedBy))];
  const { inspection } = evidence;
  // What only it could say will never be known: it might be the policy that forbids.
  if (inspection.status === 'failed' && awaiting.includes('inspection'))
    return deny('INSPECTION_FAILED', `the inspection failed: ${inspection.reason}`);
  return held(awaiting, `: ${sentenceOf(unknown[0]!, 'unknown', evidence)}`);
}
