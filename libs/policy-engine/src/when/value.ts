/**
 * What a part of a condition comes to. Whole numbers, others and moments (Unix ms) are all numbers: the type check has told them apart
 * before.
 */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };

/** No value yet: it depends on facts that are not there. A class, so that nothing that an image brings along can be taken for it. */
export class Unknown {
  readonly awaiting: readonly string[];

  constructor(awaiting: readonly string[]) {
    this.awaiting = awaiting;
  }
}

/** No value ever, whatever facts may come. */
export class Failure {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

export type Result = Value | Unknown | Failure;

export const isValue = (result: Result): result is Value => !(result instanceof Unknown || result instanceof Failure);

/** A whole number, as long as it is one for certain. */
export const exact = (value: number): Result => (Number.isSafeInteger(value) ? value : new Failure('the number is too large'));

/** What is said of parts of which one at least has no value, and all are needed: one that fails is enough. */
export function lackOf(results: readonly Result[]): Unknown | Failure {
  const failure = results.find((result) => result instanceof Failure);
  if (failure) return failure;
  return new Unknown([...new Set(results.flatMap((result) => (result instanceof Unknown ? result.awaiting : [])))]);
}

/**
 * `&&` (decided by false) and `||` (decided by true), in either order: what decides does so whatever the other side is. Failing that, a
 * fact to come may still decide, so that what is unknown comes before what fails.
 */
export function decide(decisive: boolean, left: Result, right: Result): Result {
  if (left === decisive || right === decisive) return decisive;
  if (left instanceof Unknown) return right instanceof Unknown ? lackOf([left, right]) : left;
  if (right instanceof Unknown) return right;
  return left instanceof Failure ? left : right;
}
