import type { StateStore, StorePosition } from '@waybill/stream';

/** A store in memory, in key order, for tests; `commits` counts local transactions. */
export function memoryStore(): StateStore & { readonly commits: () => number } {
  const rows = new Map<string, Map<string, Buffer>>();
  let position: StorePosition = { changelog: new Map() };
  let commits = 0;
  const tableOf = (name: string): Map<string, Buffer> => rows.getOrInsertComputed(name, () => new Map());
  return {
    get: (store, key) => tableOf(store).get(key),
    entries(store, { prefix = '', limit = Infinity, reverse = false } = {}) {
      const found = [...tableOf(store)]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      return (reverse ? found.reverse() : found).slice(0, limit);
    },
    async commit(changes) {
      for (const { store, key, value } of changes.puts) {
        if (value === null) tableOf(store).delete(key);
        else tableOf(store).set(key, value);
      }
      position = changes.position;
      commits++;
    },
    position: () => position,
    close: async () => undefined,
    commits: () => commits,
  };
}
