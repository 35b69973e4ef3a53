import { truthOfAll, type Truth } from './clause.ts';
import type { Policy } from './policy.ts';
import type { Question } from './surroundings.ts';

/** `error`: its condition fails, so that nobody can say; it takes part as if it matched, and denies. */
export type Matching = Truth | 'error';

/** Whether a policy speaks of an image. While a clause is not known, a condition that fails is none to speak of. */
export function matchPolicy({ clauses, when }: Policy, question: Question): Matching {
  const matches = truthOfAll(clauses, question.evidence);
  if (when === undefined || matches === 'no') return matches;
  const { truth } = when.ask(question);
  return matches === 'unknown' && truth !== 'no' ? matches : truth;
}
