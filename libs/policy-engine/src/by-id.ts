type Known = { readonly id: string };

/** In the order of their ids, each id once: a list that takes a change for the price of its copy, which is far less than that of a map. */
export type ById<T extends Known> = readonly T[];

/** Of several with the same id the last one counts. */
export const sortById = <T extends Known>(items: readonly T[]): ById<T> =>
  [...new Map(items.map((item) => [item.id, item])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));

export function findById<T extends Known>(sorted: ById<T>, id: string): T | undefined {
  const item = sorted[placeOf(id, sorted)];
  return item?.id === id ? item : undefined;
}

/** With this item, in place of one that has its id. */
export function withItem<T extends Known>(sorted: ById<T>, item: T): ById<T> {
  const place = placeOf(item.id, sorted);
  return sorted.toSpliced(place, sorted[place]?.id === item.id ? 1 : 0, item);
}

/** Without the item of this id; the list itself where it has none. */
export const withoutItem = <T extends Known>(sorted: ById<T>, id: string): ById<T> =>
  findById(sorted, id) === undefined ? sorted : sorted.toSpliced(placeOf(id, sorted), 1);

/** The first whose id is not less. */
function placeOf(id: string, sorted: ById<Known>): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
