import { changeFacts, type FactNode } from './fact-tree.ts';
import { inspectedPathsOf } from './places.ts';
import { changeList, type Change, type PolicyList } from './ranked.ts';

/** Policies that ask for the same owner and names; many of them also by what they ask of an inspection. */
export type Leaf = PolicyList & { readonly byFacts: FactNode<PolicyList> | undefined };

/** So many are asked one by one in less time than it takes to find the right ones. */
const fewMax = 8;

export function changeLeaf(leaf: Leaf | undefined, change: Change): Leaf | undefined {
  const list = changeList(leaf, change);
  if (list === undefined || list.policies.length <= fewMax) return list && { ...list, byFacts: undefined };
  if (leaf?.byFacts !== undefined) return { ...list, byFacts: changeInFacts(leaf.byFacts, change) };
  const { owner } = change;
  const add = (facts: FactNode<PolicyList> | undefined, policy: Change['policy']) => changeInFacts(facts, { policy, kind: 'add', owner });
  return { ...list, byFacts: list.policies.reduce(add, undefined) };
}

const changeInFacts = (facts: FactNode<PolicyList> | undefined, change: Change): FactNode<PolicyList> | undefined =>
  inspectedPathsOf(change.policy).reduce((changed, path) => changeFacts(changed, path, change, (list) => changeList(list, change)), facts);
