import { truthOf, type Truth } from './clause.ts';
import type { Policy } from './policy.ts';
import type { Question } from './surroundings.ts';

/** `error`: its condition fails, so that nobody can say; it takes part as if it matched, and denies. */
export type Matching = Truth | 'error';

/**
 * Whether a policy speaks of an image. One clause that refuses is enough, whatever is not known of the others; and while one is not known,
 * a condition that fails is none to speak of.
 */
export function matchPolicy({ clauses, when }: Policy, question: Question): Matching {
  let result: Truth = 'yes';
  for (const clause of clauses) {
    const truth = truthOf(clause, question.evidence);
    if (truth === 'no') return 'no';
    if (truth === 'unknown') result = 'unknown';
  }
  if (when === undefined) return result;
  const { truth } = when.ask(question);
  return result === 'unknown' && truth !== 'no' ? result : truth;
}
