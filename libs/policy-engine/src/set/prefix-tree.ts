import { earlier } from '../order.ts';
import type { Policy } from '../policy.ts';

/** What lies in a tree: it knows which policy of all that are below it decides first, so that a search can leave it out as a whole. */
export type Ranked = { readonly first: Policy };

/**
 * A node of a radix tree: values by a text's beginning. Persistent: a change copies the nodes from the root to where it is and shares
 * all others, so that a search under way sees one state. Nodes with the `owner` of a change were made by it and are changed in place.
 */
export type PrefixNode<V extends Ranked> = Ranked & {
  readonly owner: object;
  /** What the text goes on with, from the node above. */
  readonly edge: string;
  readonly value: V | undefined;
  /** By the first UTF-16 unit of their edges. */
  readonly children: Map<number, PrefixNode<V>>;
};

/** Gives the new value; undefined for none. */
export type ChangeValue<V> = (value: V | undefined) => V | undefined;

/** @returns the tree with the value at `key` changed; undefined where nothing is left */
export function changeAt<V extends Ranked>(
  node: PrefixNode<V> | undefined,
  key: string,
  change: ChangeValue<V>,
  owner: object,
): PrefixNode<V> | undefined {
  if (node === undefined) return nodeOf(key, change(undefined), new Map(), owner);
  const shared = sharedLength(node.edge, key);
  const rest = key.slice(shared);
  if (shared < node.edge.length) {
    const lower = { ...node, edge: node.edge.slice(shared), owner };
    const children = new Map([[lower.edge.charCodeAt(0), lower]]);
    const changed = changeAt({ edge: key.slice(0, shared), value: undefined, children, first: node.first, owner }, key, change, owner);
    return changed?.edge === node.edge ? node : changed; // Nothing was to be taken away: it is in one piece again.
  }
  if (rest === '') return nodeOf(node.edge, change(node.value), node.children, owner);
  const children = node.owner === owner ? node.children : new Map(node.children);
  const child = changeAt(children.get(rest.charCodeAt(0)), rest, change, owner);
  if (child === undefined) children.delete(rest.charCodeAt(0));
  else children.set(rest.charCodeAt(0), child);
  return nodeOf(node.edge, node.value, children, owner);
}

/** Visits the values at all beginnings of `text`, shortest first, as long as the search wants what is there. */
export function eachPrefix<V extends Ranked>(
  root: PrefixNode<V> | undefined,
  text: string,
  isWanted: (first: Policy) => boolean,
  visit: (value: V) => void,
): void {
  let at = 0;
  for (let node = root; node !== undefined && text.startsWith(node.edge, at) && isWanted(node.first);) {
    at += node.edge.length;
    if (node.value !== undefined) visit(node.value);
    node = node.children.get(text.charCodeAt(at));
  }
}

function sharedLength(a: string, b: string): number {
  const lengthMax = Math.min(a.length, b.length);
  let length = 0;
  while (length < lengthMax && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

/** In its only shape for what is in it: no node without a value has less than two children. */
function nodeOf<V extends Ranked>(
  edge: string,
  value: V | undefined,
  children: Map<number, PrefixNode<V>>,
  owner: object,
): PrefixNode<V> | undefined {
  let first = value?.first;
  let only: PrefixNode<V> | undefined;
  for (const child of children.values()) {
    first = first === undefined ? child.first : earlier(first, child.first);
    only = child;
  }
  if (first === undefined) return undefined;
  if (value === undefined && children.size === 1) return { ...only!, edge: edge + only!.edge, owner };
  return { edge, value, children, first, owner };
}
