import { factOf } from '../clause.ts';
import type { Evidence } from '../evidence.ts';
import { compareInOrder, earlier } from '../order.ts';
import type { Policy } from '../policy.ts';
import type { Ranked } from './prefix-tree.ts';

/** One exact value that a policy asks for; `*` as a label's value is any. */
export type Step = { readonly dimension: Dimension; readonly name: string; readonly value: string };
export type Dimension = 'registries' | 'tenants' | 'kinds' | 'labels';

/**
 * Policies by the set of exact facts that they ask for, each below the path of its facts in their common order: those for an image are
 * at the paths that its own facts spell (a set-trie: I. Savnik, "Index Data Structure for Fast Subset and Superset Queries", 2013).
 * Persistent as {@link PrefixNode} is.
 */
export type FactNode = Ranked & {
  readonly owner: object;
  /** Those whose facts end here, in deciding order. */
  readonly own: Policy[];
  /** By what each asks for next: see {@link branchKey}. */
  readonly branches: Map<string, Branch>;
};

type Branch = { readonly dimension: Dimension; readonly name: string; readonly owner: object; readonly byValue: Map<string, FactNode> };

export type FactChange = { readonly policy: Policy; readonly kind: 'add' | 'remove'; readonly owner: object };

const branchKey = (dimension: Dimension, name: string): string => (dimension === 'labels' ? `labels.${name}` : dimension);

/** @returns the tree with the policy added or removed at the path of `steps`; undefined where nothing is left */
export function changeFacts(node: FactNode | undefined, steps: readonly Step[], change: FactChange, at = 0): FactNode | undefined {
  const { owner } = change;
  const { own = [], branches: shared = new Map<string, Branch>() } = node ?? {};
  const step = steps[at];
  if (step === undefined) return nodeOf(node, changeOwn(own, node?.owner === owner, change), shared, change);
  const branches = node?.owner === owner ? shared : new Map(shared);
  const key = branchKey(step.dimension, step.name);
  const known = branches.get(key);
  const byValue = known?.owner === owner ? known.byValue : new Map(known?.byValue);
  const child = changeFacts(byValue.get(step.value), steps, change, at + 1);
  if (child === undefined) byValue.delete(step.value);
  else byValue.set(step.value, child);
  if (byValue.size === 0) branches.delete(key);
  else branches.set(key, { dimension: step.dimension, name: step.name, owner, byValue });
  return nodeOf(node, own, branches, change);
}

function nodeOf(
  before: FactNode | undefined,
  own: Policy[],
  branches: Map<string, Branch>,
  { policy, kind, owner }: FactChange,
): FactNode | undefined {
  if (kind === 'add') return { own, branches, owner, first: before === undefined ? policy : earlier(before.first, policy) };
  let [first] = own;
  for (const { byValue } of branches.values())
    for (const child of byValue.values()) first = first === undefined ? child.first : earlier(first, child.first);
  return first === undefined ? undefined : { own, branches, owner, first };
}

function changeOwn(own: Policy[], isOwned: boolean, { policy, kind }: FactChange): Policy[] {
  if (kind === 'remove') return own.filter((each) => each !== policy);
  const changed = isOwned ? own : [...own];
  changed.splice(placeOf(policy, own), 0, policy);
  return changed;
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

export type FactSearch = {
  readonly evidence: Evidence;
  /** Keys of the branches that the image's facts can go: see {@link branchKeysOf}. */
  readonly keys: () => readonly string[];
  readonly isWanted: (first: Policy) => boolean;
  readonly take: (own: readonly Policy[]) => void;
};

/** Few branches are all looked at, which takes less than making the keys of an image. */
const branchesMax = 8;

/** For each of its labels, and for what every image has. */
export const branchKeysOf = ({ inspection }: Evidence): readonly string[] => [
  ...['registries', 'tenants', 'kinds'],
  ...(inspection.status === 'done' ? Object.keys(inspection.labels).map((name) => branchKey('labels', name)) : []),
];

/** Goes wherever a policy may lie whose facts the image has, or may turn out to have. */
export function searchFacts(node: FactNode, search: FactSearch): void {
  if (!search.isWanted(node.first)) return;
  if (node.own.length > 0) search.take(node.own);
  const areAllOpen = search.evidence.inspection.status !== 'done';
  if (areAllOpen || node.branches.size <= branchesMax) for (const branch of node.branches.values()) searchBranch(branch, search);
  else
    for (const key of search.keys()) {
      const branch = node.branches.get(key);
      if (branch !== undefined) searchBranch(branch, search);
    }
}

function searchBranch({ dimension, name, byValue }: Branch, search: FactSearch): void {
  const value = factOf(dimension, name, search.evidence);
  if (value === undefined) {
    for (const child of byValue.values()) searchFacts(child, search);
    return;
  }
  if (value === null) return;
  const child = byValue.get(value);
  if (child !== undefined) searchFacts(child, search);
  const any = dimension === 'labels' && value !== '*' ? byValue.get('*') : undefined;
  if (any !== undefined) searchFacts(any, search);
}
