import type { Policy } from '../policy.ts';
import { changedMap, firstAfter, type Change, type ChangeValue, type Ranked } from './ranked.ts';

/** What a name begins with, and what it ends with, read backwards; empty for anything. */
export type NameKey = { readonly beginning: string; readonly ending: string };

/** A node of a radix tree: values by a name's beginning, and at each beginning by its ending. Persistent: see {@link Change}. */
export type NameNode<V extends Ranked> = Ranked & {
  /** What the name goes on with, from the node above. */
  readonly edge: string;
  /** For every ending. */
  readonly value: V | undefined;
  /** By ending, read backwards: a tree of beginnings alone. */
  readonly endings: NameNode<V> | undefined;
  /** By the first UTF-16 unit of their edges. */
  readonly children: ReadonlyMap<number, NameNode<V>>;
  /** Whose `children` are. */
  readonly owner: object | undefined;
};

const leaf = { value: undefined, endings: undefined, children: new Map<number, never>(), owner: undefined } as const;

/** @returns the tree with the value at a key changed; undefined where nothing is left */
export function changeNames<V extends Ranked>(
  node: NameNode<V> | undefined,
  { beginning, ending }: NameKey,
  change: Change,
  changeValue: ChangeValue<V>,
): NameNode<V> | undefined {
  const { edge, ...before }: NameNode<V> = node ?? { ...leaf, edge: beginning, first: change.policy };
  const shared = sharedLength(edge, beginning);
  if (shared < edge.length) {
    const lower = { ...before, edge: edge.slice(shared) };
    const children = new Map([[lower.edge.charCodeAt(0), lower]]);
    const upper = { ...leaf, edge: edge.slice(0, shared), children, first: before.first };
    return changeNames(upper, { beginning, ending }, change, changeValue);
  }
  const rest = beginning.slice(shared);
  if (rest !== '') {
    const unit = rest.charCodeAt(0);
    const child = changeNames(before.children.get(unit), { beginning: rest, ending }, change, changeValue);
    const children = changedMap(before.children, unit, child, before.owner === change.owner);
    return inShape({ ...before, edge, children, owner: change.owner }, change);
  }
  if (ending === '') return inShape({ ...before, edge, value: changeValue(before.value) }, change);
  const endings = changeNames(before.endings, { beginning: ending, ending: '' }, change, changeValue);
  return inShape({ ...before, edge, endings }, change);
}

/** The only shape for what is in it: no node is empty, and none has nothing but one child. */
function inShape<V extends Ranked>(node: NameNode<V>, change: Change): NameNode<V> | undefined {
  const { edge, value, endings, children } = node;
  const first = firstAfter(change, node.first, () => [value, endings, ...children.values()]);
  if (first === undefined) return undefined;
  const [only, another] = children.values();
  if (value !== undefined || endings !== undefined || only === undefined || another !== undefined) return { ...node, first };
  return { ...only, edge: edge + only.edge };
}

function sharedLength(a: string, b: string): number {
  const lengthMax = Math.min(a.length, b.length);
  let length = 0;
  while (length < lengthMax && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

/** Visits the values whose beginnings and endings a name has, as long as the search wants what is there. */
export function eachValue<V extends Ranked>(
  root: NameNode<V> | undefined,
  name: string,
  /** The same, read backwards. */
  backwards: () => string,
  isWanted: (first: Policy) => boolean,
  visit: (value: V) => void,
): void {
  let at = 0;
  for (let node = root; node !== undefined && name.startsWith(node.edge, at) && isWanted(node.first);) {
    at += node.edge.length;
    if (node.value !== undefined) visit(node.value);
    if (node.endings !== undefined) eachValue(node.endings, backwards(), backwards, isWanted, visit);
    node = node.children.get(name.charCodeAt(at));
  }
}
