import { factOf } from '../clause.ts';
import type { Evidence } from '../evidence.ts';
import type { Policy } from '../policy.ts';
import { changedMap, firstAfter, type Change, type ChangeValue, type Ranked } from './ranked.ts';

/** One exact value that a policy asks for; `*` as a label's value is any. */
export type Step = { readonly dimension: Dimension; readonly name: string; readonly value: string };
export type Dimension = 'registries' | 'tenants' | 'kinds' | 'labels';

/**
 * Values by a set of exact facts, each below the path of its facts in their common order: those for an image are at the paths that its
 * own facts spell (a set-trie: I. Savnik, "Index Data Structure for Fast Subset and Superset Queries", 2013). Persistent: see
 * {@link Change}.
 */
export type FactNode<V extends Ranked> = Ranked & {
  /** Whose facts end here. */
  readonly value: V | undefined;
  /** By what is asked for next: see {@link branchKey}. */
  readonly branches: ReadonlyMap<string, Branch<V>>;
  /** Whose `branches` are. */
  readonly owner: object | undefined;
};

type Branch<V extends Ranked> = {
  readonly dimension: Dimension;
  readonly name: string;
  readonly byValue: ReadonlyMap<string, FactNode<V>>;
  readonly owner: object;
};

const branchKey = (dimension: Dimension, name: string): string => (dimension === 'labels' ? `labels.${name}` : dimension);

const leaf = { value: undefined, branches: new Map<string, never>(), owner: undefined } as const;

/** @returns the tree with the value at the path of `steps` changed; undefined where nothing is left */
export function changeFacts<V extends Ranked>(
  node: FactNode<V> | undefined,
  [step, ...steps]: readonly Step[],
  change: Change,
  changeValue: ChangeValue<V>,
): FactNode<V> | undefined {
  const before: FactNode<V> = node ?? { ...leaf, first: change.policy };
  if (step === undefined) return orNothing({ ...before, value: changeValue(before.value) }, change);
  const { dimension, name, value } = step;
  const { owner } = change;
  const key = branchKey(dimension, name);
  const branch = before.branches.get(key);
  const child = changeFacts(branch?.byValue.get(value), steps, change, changeValue);
  const byValue = changedMap(branch?.byValue ?? new Map<string, FactNode<V>>(), value, child, branch?.owner === owner);
  const changed = byValue.size === 0 ? undefined : { dimension, name, byValue, owner };
  return orNothing({ ...before, branches: changedMap(before.branches, key, changed, before.owner === owner), owner }, change);
}

function orNothing<V extends Ranked>(node: FactNode<V>, change: Change): FactNode<V> | undefined {
  const below = () => [node.value, ...[...node.branches.values()].flatMap(({ byValue }) => [...byValue.values()])];
  const first = firstAfter(change, node.first, below);
  return first && { ...node, first };
}

export type FactSearch<V> = {
  readonly evidence: Evidence;
  /** Keys of the branches that the image's facts can go: see {@link branchKeysOf}. */
  readonly keys: () => readonly string[];
  readonly isWanted: (first: Policy) => boolean;
  readonly visit: (value: V) => void;
};

/** Few branches are all looked at, which takes less than making the keys of an image. Of an owner's facts there are two. */
const branchesMax = 8;

/** For what it is, and for each of its labels. */
export const branchKeysOf = ({ inspection }: Evidence): readonly string[] => [
  'kinds',
  ...(inspection.status === 'done' ? Object.keys(inspection.labels).map((name) => branchKey('labels', name)) : []),
];

/** Goes wherever a policy may lie whose facts the image has, or may turn out to have. */
export function searchFacts<V extends Ranked>(node: FactNode<V>, search: FactSearch<V>): void {
  if (!search.isWanted(node.first)) return;
  if (node.value !== undefined) search.visit(node.value);
  if (node.branches.size <= branchesMax) for (const branch of node.branches.values()) searchBranch(branch, search);
  else
    for (const key of search.keys()) {
      const branch = node.branches.get(key);
      if (branch !== undefined) searchBranch(branch, search);
    }
}

function searchBranch<V extends Ranked>({ dimension, name, byValue }: Branch<V>, search: FactSearch<V>): void {
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
