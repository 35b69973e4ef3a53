import { findById, sortById, withItem, withoutItem, type ById } from '../by-id.ts';
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
  readonly byId: ById<Policy>;
  /** Undefined without policies. */
  readonly index: PolicyIndex | undefined;
  /** What they look up. */
  readonly surroundings: Surroundings;
};

/** Of policies with the same id the last one counts. */
export function compileSet(policies: readonly Policy[]): CompiledSet {
  const byId = sortById(policies);
  const sorted = inOrder(byId);
  const owner = {};
  let index: PolicyIndex | undefined;
  for (const policy of sorted) index = changeIndex(index, { policy, kind: 'add', owner });
  return { policies: sorted, byId, index, surroundings: noSurroundings };
}

/** The same policies, which look up other things from now on. */
export const withSurroundings = (set: CompiledSet, surroundings: Surroundings): CompiledSet => ({ ...set, surroundings });

/** With this policy, in place of one that has its id. Costs what the policy itself does, beside a copy of two lists. */
export function withPolicy({ policies, byId, index, surroundings }: CompiledSet, policy: Policy): CompiledSet {
  const before = findById(byId, policy.id);
  return {
    policies: changedOrder(policies, before, policy),
    byId: withItem(byId, policy),
    index: changeIndex(before ? changeIndex(index, removalOf(before)) : index, { policy, kind: 'add', owner: {} }),
    surroundings,
  };
}

/** Without the policy of this id; the set itself where it has none. */
export function withoutPolicy(set: CompiledSet, id: string): CompiledSet {
  const policy = findPolicy(set, id);
  if (policy === undefined) return set;
  return {
    policies: changedOrder(set.policies, policy, undefined),
    byId: withoutItem(set.byId, id),
    index: changeIndex(set.index, removalOf(policy)),
    surroundings: set.surroundings,
  };
}

const removalOf = (policy: Policy): Change => ({ policy, kind: 'remove', owner: {} });

/** One copy for both: lists are long, and what is left of each falls to the garbage collector. */
function changedOrder(policies: readonly Policy[], gone: Policy | undefined, come: Policy | undefined): readonly Policy[] {
  const changed = [...policies];
  if (gone !== undefined) changed.splice(placeOf(gone, changed), 1);
  if (come !== undefined) changed.splice(placeOf(come, changed), 0, come);
  return changed;
}

export const findPolicy = ({ byId }: CompiledSet, id: string): Policy | undefined => findById(byId, id);

function changeIndex(index: PolicyIndex | undefined, change: Change): PolicyIndex | undefined {
  let changed = index;
  for (const { owned, repository, tag } of placesOf(change.policy)) {
    const changeTags = (tags: TagsNode | undefined) => changeNames(tags, tag, change, (leaf) => changeLeaf(leaf, change));
    changed = changeFacts(changed, owned, change, (names) => changeNames(names, repository, change, changeTags));
  }
  return changed;
}
