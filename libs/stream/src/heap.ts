/**
 * A binary heap that knows where its items lie: reading the first is O(1); putting in, moving and taking out any item is O(log n).
 * `isBefore` should tell any two items apart, or the order of equal ones is left to chance.
 */
export class Heap<T> {
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  first(): T | undefined {
    return this.#items[0];
  }

  has(item: T): boolean {
    return this.#places.has(item);
  }

  /** Puts an item in; one that is there already moves to where it belongs now. Must be called whenever the order of an item has changed. */
  set(item: T): void {
    const place = this.#places.get(item) ?? this.#items.push(item) - 1;
    this.#place(item, place);
    this.#settle(place);
  }

  delete(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const last = this.#items.pop()!;
    if (last === item) return true;
    this.#place(last, place);
    this.#settle(place);
    return true;
  }

  /** Moves the item of a place up or down until both its neighbours agree. */
  #settle(start: number): void {
    const item = this.#items[start]!;
    let place = start;
    for (let above = (place - 1) >> 1; place > 0 && this.#isBefore(item, this.#items[above]!); above = (place - 1) >> 1) {
      this.#place(this.#items[above]!, place);
      place = above;
    }
    for (let below = this.#lesserBelow(place); below !== undefined && this.#isBefore(this.#items[below]!, item);) {
      this.#place(this.#items[below]!, place);
      place = below;
      below = this.#lesserBelow(place);
    }
    this.#place(item, place);
  }

  #lesserBelow(place: number): number | undefined {
    const left = 2 * place + 1;
    const right = left + 1;
    if (left >= this.#items.length) return undefined;
    return right < this.#items.length && this.#isBefore(this.#items[right]!, this.#items[left]!) ? right : left;
  }

  #place(item: T, place: number): void {
    this.#items[place] = item;
    this.#places.set(item, place);
  }
}
