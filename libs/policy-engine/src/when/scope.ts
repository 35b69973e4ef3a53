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
  readonly compile: (node: Node, scope: Scope) => Ask;
};

/** Elements that are looked at within one list, by how many lists it lies in: what a condition costs is their product. */
const elementsMax = [1_000, 50];
export const depthMax = elementsMax.length;

/** A check of lists before they are looked through. @returns undefined where it is short enough */
export function lengthCheck(node: Node, { bound }: Scope): (list: readonly Value[]) => Failure | undefined {
  const max = elementsMax[Math.min(bound.length, depthMax - 1)]!;
  return ({ length }) =>
    length <= max ? undefined : new Failure(`${sourceOf(node)} has ${length} elements: at most ${max} are looked at`);
}

const sourceLengthMax = 60;

/** A part of a condition as its author wrote it. */
export function sourceOf({ input, start, end }: Node): string {
  const source = input.slice(start, end);
  return source.length <= sourceLengthMax ? source : `${source.slice(0, sourceLengthMax)}…`;
}
