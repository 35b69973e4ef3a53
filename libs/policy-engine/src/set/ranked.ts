import { compareInOrder, earlier } from '../order.ts';
import type { Policy } from '../policy.ts';

/** What lies in a tree: it knows which policy of all that are below it decides first, so that a search can leave it out as a whole. */
export type Ranked = { readonly first: Policy };

/**
 * One policy comes or goes. Trees are persistent: the nodes from the root to the change are made anew and all others are shared, so that
 * a search under way sees one state. Maps and lists whose `owner` is that of the change were made by it and are changed in place.
 */
export type Change = { readonly policy: Policy; readonly kind: 'add' | 'remove'; readonly owner: object };

/** Gives the new value; undefined for none. */
export type ChangeValue<V> = (value: V | undefined) => V | undefined;

/** What decides first below a node that was changed; undefined where nothing is left. */
export function firstAfter({ policy, kind }: Change, before: Policy, below: () => Iterable<Ranked | undefined>): Policy | undefined {
  if (kind === 'add') return earlier(before, policy);
  if (before !== policy) return before;
  let first: Policy | undefined;
  for (const each of below()) if (each !== undefined) first = first === undefined ? each.first : earlier(first, each.first);
  return first;
}

/** @returns the map with the value at a key changed: itself where it is owned, else a copy */
export function changedMap<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined, isOwned: boolean): ReadonlyMap<K, V> {
  const changed = isOwned ? (map as Map<K, V>) : new Map(map);
  if (value === undefined) changed.delete(key);
  else changed.set(key, value);
  return changed;
}

/** Policies that lie at one place, in deciding order; never none. */
export type PolicyList = Ranked & { readonly policies: readonly Policy[]; readonly owner: object };

/** @returns the list with the policy in its place, or without it; undefined for none */
export function changeList(list: PolicyList | undefined, { policy, kind, owner }: Change): PolicyList | undefined {
  const before = list?.policies ?? [];
  if (kind === 'remove') {
    const policies = before.filter((each) => each !== policy);
    return policies.length === 0 ? undefined : { policies, first: policies[0]!, owner };
  }
  const policies = list?.owner === owner ? (before as Policy[]) : [...before];
  policies.splice(placeOf(policy, policies), 0, policy);
  return { policies, first: policies[0]!, owner };
}

/** Where it belongs in deciding order; a whole set is compiled in that order, so that each goes to the end. */
export function placeOf(policy: Policy, sorted: readonly Policy[]): number {
  const last = sorted.at(-1);
  if (last === undefined || compareInOrder(last, policy) < 0) return sorted.length;
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareInOrder(sorted[middle]!, policy) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
