import type { Question } from '../surroundings.ts';
import type { Node } from './parse.ts';
import { Failure, type Result, type Value } from './value.ts';

/** What a part of a condition is asked with: `bound` are the elements that `exists` and its like are at, the outermost first. */
export type Run = { readonly question: Question; readonly bound: readonly Value[] };

/** A part of a condition, ready to be asked. Never throws. */
export type Ask = (run: Run) => Result;

/** What a part of a condition is compiled in. */
export type Scope = {
  /** Names of elements, the outermost first, each with its type. */
  readonly bound: readonly { readonly name: string; readonly type: string }[];
  /** Gets the path of each fact that is asked for. */
  readonly asked: Set<string>;
  /** Is told of each list that is looked through. */
  readonly onLoop: () => void;
  readonly compile: (node: Node, scope: Scope) => Ask;
};

/** Elements that are looked at: what a condition costs is the product where one list is looked through for each element of another. */
const elementsMax = { alone: 5_000, outer: 1_000, inner: 50 } as const;
export const depthMax = 2;

/** @returns what refuses a list that is too long to be looked through; undefined where it is not */
export function lengthCheck(node: Node, { bound }: Scope, isOuter = false): (list: readonly Value[]) => Failure | undefined {
  const max = elementsMax[bound.length > 0 ? 'inner' : isOuter ? 'outer' : 'alone'];
  return ({ length }) =>
    length <= max ? undefined : new Failure(`${sourceOf(node)} has ${length} elements: at most ${max} are looked at`);
}

const sourceLengthMax = 60;

/** A part of a condition as its author wrote it. */
export function sourceOf({ input, start, end }: Node): string {
  const source = input.slice(start, end);
  return source.length <= sourceLengthMax ? source : `${source.slice(0, sourceLengthMax)}…`;
}
