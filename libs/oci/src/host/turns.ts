/** What waits: first come, first served within an owner, and owners take turns, however much one of them has waiting. */
export type Turns<T> = {
  readonly add: (owner: object, item: T) => void;
  /** Undefined when nothing waits. The owner's next one waits behind those of all other owners. */
  readonly take: () => T | undefined;
  readonly remove: (owner: object, item: T) => void;
  readonly isEmpty: () => boolean;
};

export function createTurns<T>(): Turns<T> {
  /** In the order of their turns; an owner with nothing waiting has no entry. */
  const waiting = new Map<object, T[]>();
  return {
    add(owner, item) {
      const items = waiting.get(owner);
      if (items) items.push(item);
      else waiting.set(owner, [item]);
    },
    take() {
      const entry = waiting.entries().next().value;
      if (!entry) return undefined;
      const [owner, items] = entry;
      const item = items.shift();
      waiting.delete(owner);
      if (items.length > 0) waiting.set(owner, items);
      return item;
    },
    remove(owner, item) {
      const items = waiting.get(owner);
      const index = items?.indexOf(item) ?? -1;
      if (index >= 0) items!.splice(index, 1);
      if (items?.length === 0) waiting.delete(owner);
    },
    isEmpty: () => waiting.size === 0,
  };
}
