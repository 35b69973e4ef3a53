type Ordered = { readonly weight: number; readonly id: string };

/**
 * The order in which policies decide: the higher priority; among equals one that denies; then the more specific; then by name.
 * Total, so that it never depends on the order in which policies were given.
 */
export const compareInOrder = (a: Ordered, b: Ordered): number => b.weight - a.weight || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

export const earlier = <P extends Ordered>(a: P, b: P): P => (compareInOrder(a, b) <= 0 ? a : b);

export const inOrder = <P extends Ordered>(policies: readonly P[]): readonly P[] => policies.toSorted(compareInOrder);

export const specificityMax = 2 ** 20 - 1;

/** Priority, denial and specificity in one number, the greater the earlier; exact up to a priority of 2^31. */
export const weightOf = (priority: number, isDenial: boolean, specificity: number): number =>
  (priority * 2 + (isDenial ? 1 : 0)) * (specificityMax + 1) + Math.min(specificity, specificityMax);
