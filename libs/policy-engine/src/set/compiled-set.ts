import { sha256 } from '../canonical.ts';
import { inOrder } from '../order.ts';
import type { Policy } from '../policy.ts';
import { changeFacts, placeOf, type FactChange, type FactNode } from './fact-tree.ts';
import { placesOf } from './places.ts';
import { changeAt, type PrefixNode } from './prefix-tree.ts';

/** By what the repository begins with, then the tag, then by exact facts. */
export type PolicyIndex = PrefixNode<PrefixNode<FactNode>>;

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
  /**
   * SHA-256 in hex over a line per policy in the order of their ids, `<SHA-256 of its canonical document>  <id>`: the same whatever
   * order they came in, however their YAML is laid out and whatever was in force before. Made when it is first asked for.
   */
  readonly version: string;
};

/** Of policies with the same id the last one counts. */
export function compileSet(policies: readonly Policy[]): CompiledSet {
  const newest = [...new Map(policies.map((policy) => [policy.id, policy])).values()];
  const sorted = inOrder(newest);
  const owner = {};
  let index: PolicyIndex | undefined;
  for (const policy of sorted) index = changeIndex(index, { policy, kind: 'add', owner });
  return setOf(
    sorted,
    newest.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    index,
  );
}

/** With this policy, in place of one that has its id. Costs what the policy itself does, beside a copy of two lists. */
export function withPolicy(set: CompiledSet, policy: Policy): CompiledSet {
  const { policies, byId, index } = withoutPolicy(set, policy.id);
  return setOf(
    policies.toSpliced(placeOf(policy, policies), 0, policy),
    byId.toSpliced(placeOfId(policy.id, byId), 0, policy),
    changeIndex(index, { policy, kind: 'add', owner: {} }),
  );
}

/** Without the policy of this id; the set itself where it has none. */
export function withoutPolicy(set: CompiledSet, id: string): CompiledSet {
  const policy = findPolicy(set, id);
  if (policy === undefined) return set;
  return setOf(
    set.policies.toSpliced(placeOf(policy, set.policies), 1),
    set.byId.toSpliced(placeOfId(id, set.byId), 1),
    changeIndex(set.index, { policy, kind: 'remove', owner: {} }),
  );
}

export function findPolicy({ byId }: CompiledSet, id: string): Policy | undefined {
  const policy = byId[placeOfId(id, byId)];
  return policy?.id === id ? policy : undefined;
}

function setOf(policies: readonly Policy[], byId: readonly Policy[], index: PolicyIndex | undefined): CompiledSet {
  let version: string | undefined;
  return {
    policies,
    byId,
    index,
    get version() {
      return (version ??= sha256(byId.map(({ id, documentSha256 }) => `${documentSha256}  ${id}\n`).join('')));
    },
  };
}

function changeIndex(index: PolicyIndex | undefined, change: FactChange): PolicyIndex | undefined {
  let changed = index;
  for (const { repository, tag, steps } of placesOf(change.policy)) {
    const changeTags = (tags: PrefixNode<FactNode> | undefined) =>
      changeAt(tags, tag, (facts) => changeFacts(facts, steps, change), change.owner);
    changed = changeAt(changed, repository, changeTags, change.owner);
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
