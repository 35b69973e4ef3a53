import type { Policy } from '../policy.ts';
import { textOf, type Image } from './image.ts';
import { findImage } from './search.ts';
import { compareInOrder } from '../order.ts';
import { asItIs, everything, limitAll } from './space.ts';
import type { Work } from './work.ts';

const namedMax = 5;

/** Policies that match images but never decide one: whatever they match, others decide before them. */
export function findShadowed(work: Work): void {
  for (const policy of work.set.policies) {
    if (work.isFull()) work.skip('shadow', [policy.id]);
    else work.ask('shadow', [policy.id], () => lookAt(work, policy));
  }
}

function lookAt(work: Work, policy: Policy): void {
  const own = limitAll(everything, policy.clauses);
  const first = own && work.solver.solve(own);
  // That it matches nothing at all is a finding of its own.
  if (own === undefined || first === undefined) return;
  const before = new Map<string, Image>();
  const blockerOf = (image: Image) => {
    const decider = work.deciderOf(image);
    // One with a condition is not among the deciders itself.
    if (decider === undefined || compareInOrder(decider, policy) >= 0) return undefined;
    if (!before.has(decider.id)) before.set(decider.id, image);
    return { policy: decider, view: asItIs };
  };
  if (findImage(own, blockerOf, work.solver)) return;
  const ids = [...before.keys()];
  const named = ids.length <= namedMax ? ids.join(', ') : `${ids.slice(0, namedMax).join(', ')} and ${ids.length - namedMax} more`;
  const what = `${policy.id} never decides: all that it matches, like ${textOf(first)}, ${named} decides before it`;
  const message = `${what}; raise its spec.priority, or retire it`;
  work.report('POLICY_SHADOWED', [policy.id, ...ids], 'spec.match', first, message);
}
