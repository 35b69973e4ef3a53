import { truthOf, type Truth } from './clause.ts';
import type { Evidence } from './evidence.ts';
import type { Policy } from './policy.ts';

/** Whether a policy speaks of an image. One clause that refuses is enough, whatever is not known of the others. */
export function matchPolicy({ clauses }: Policy, evidence: Evidence): Truth {
  let result: Truth = 'yes';
  for (const clause of clauses) {
    const truth = truthOf(clause, evidence);
    if (truth === 'no') return 'no';
    if (truth === 'unknown') result = 'unknown';
  }
  return result;
}
