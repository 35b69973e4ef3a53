import { inOrder } from '../order.ts';
import type { Policy } from '../policy.ts';
import { noSurroundings, type Surroundings } from '../surroundings.ts';
import { changeFacts, type FactNode } from './fact-tree.ts';
import { changeLeaf, type Leaf } from './leaf.ts';
import { changeNames, type NameNode } from './name-tree.ts';
import { placesOf } from './places.ts';
import { placeOf, type Change } from './ranked.ts';

/** By registry and tenant, then by the repository's name, then by the tag. */
export type PolicyIndex = FactNode<NamesNode>;
export type NamesNode = NameNode<TagsNode>;
export type TagsNode = NameNode<Leaf>;

/**
 * Policies ready to decide together. Immutable: a change gives another set that shares all but a few nodes with it, so that whoever
 * evaluates meanwhile goes on with the set that it began with.
 */
export type CompiledSet = {
  /** One per id, in the order in which they decide. */
  readonly policies: readonly Policy[];
  /** The same in the order of their ids. */
  readonly byId: readonly Policy[];
  /** Undefined without policies. */
  readonly index: PolicyIndex | undefined;
  /** What they look up. */
  readonly surroundings: Surroundings;
};

/** Of policies with the same id the last one counts. */
export function compileSet(policies: readonly Policy[]): CompiledSet {
  const newest = [...new Map(policies.map((policy) => [policy.id, policy])).values()];
  const sorted = inOrder(newest);
  const owner = {};
  let index: PolicyIndex | undefined;
  for (const policy of sorted) index = changeIndex(index, { policy, kind: 'add', owner });
  return { policies: sorted, byId: newest.toSorted((a, b) => (a.id < b.id ? -1 : 1)), index, surroundings: noSurroundings };
}

/** The same policies, which look up other things from now on. */
export const withSurroundings = (set: CompiledSet, surroundings: Surroundings): CompiledSet => ({ ...set, surroundings });

/** With this policy, in place of one that has its id. Costs what the policy itself does, beside a copy of two lists. */
export function withPolicy(set: CompiledSet, policy: Policy): CompiledSet {
  const { policies, byId, index, surroundings } = withoutPolicy(set, policy.id);
  return {
    policies: policies.toSpliced(placeOf(policy, policies), 0, policy),
    byId: byId.toSpliced(placeOfId(policy.id, byId), 0, policy),
    index: changeIndex(index, { policy, kind: 'add', owner: {} }),
    surroundings,
  };
}

/** Without the policy of this id; the set itself where it has none. */
export function withoutPolicy(set: CompiledSet, id: string): CompiledSet {
  const policy = findPolicy(set, id);
  if (policy === undefined) return set;
  return {
    policies: set.policies.toSpliced(placeOf(policy, set.policies), 1),
    byId: set.byId.toSpliced(placeOfId(id, set.byId), 1),
    index: changeIndex(set.index, { policy, kind: 'remove', owner: {} }),
    surroundings: set.surroundings,
  };
}

export function findPolicy({ byId }: CompiledSet, id: string): Policy | undefined {
  const policy = byId[placeOfId(id, byId)];
  return policy?.id === id ? policy : undefined;
}

function changeIndex(index: PolicyIndex | undefined, change: Change): PolicyIndex | undefined {
  let changed = index;
  for (const { owned, repository, tag } of placesOf(change.policy)) {
    const changeTags = (tags: TagsNode | undefined) => changeNames(tags, tag, change, (leaf) => changeLeaf(leaf, change));
    changed = changeFacts(changed, owned, change, (names) => changeNames(names, repository, change, changeTags));
  }
  return changed;
}

function placeOfId(id: string, byId: readonly Policy[]): number {
  let [low, high] = [0, byId.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byId[middle]!.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
