// A process of its own that writes until it is killed, or the disk takes no more:
// `node dying-writer.fixture.ts <folder> <row bytes> [<snapshots>]`.
// Commit `n` puts row `n % keys` to `n`, marks id `n`, and stands at `n + 1`.
import assert from 'node:assert/strict';
import type { StateStore } from '@waybill/stream';
import { openStateStore } from './open-store.ts';

export const keys = 50;

export const rowOf = (n: number, bytes: number): Buffer => Buffer.from(`${n} `.padEnd(bytes, 'x'));

const markOf = (n: number): Buffer => {
  const value = Buffer.alloc(8);
  value.writeDoubleBE(n);
  return value;
};

/** Rows and marks are those of the position, which it returns. */
export function assertWhole(store: StateStore, bytes: number, seed: number): number {
  const next = store.position().changelog.get('rows') ?? 0;
  const commits = Array.from({ length: Math.min(keys, next) }, (_, index) => next - 1 - index);
  const expected = new Map(commits.map((n) => [`${n % keys}`, rowOf(n, bytes).toString()]));
  const rows = new Map([...store.entries('rows')].map(([key, value]) => [key, value.toString()]));
  assert.deepEqual(rows, new Map([...expected].toSorted(([a], [b]) => (a < b ? -1 : 1))), `seed ${seed}`);
  const marks = [...store.entries('#seen')].map(([key, value]) => (assert.equal(`${value.readDoubleBE()}`, key), key));
  const ids = Array.from({ length: next }, (_, n) => `${n}`).toSorted();
  assert.deepEqual(marks, ids, `seed ${seed}`);
  return next;
}

if (import.meta.main) {
  const [folder = '', rowBytes = '10', snapshotFolder] = process.argv.slice(2);
  const bytes = Number(rowBytes);
  const store = await openStateStore(folder, {
    overlayBytesMax: 2_000,
    flushAfterMs: 1,
    ...(snapshotFolder !== undefined && { snapshots: { folder: snapshotFolder, group: 'app', partition: 0, intervalMs: 0 } }),
  });
  let n = store.position().changelog.get('rows') ?? 0;
  process.stdout.write(`ready ${n}\n`);
  try {
    for (; ; n++) {
      const key = bytes > 1_000 ? n : n % keys; // Long rows are to fill the disk.
      await store.commit({
        puts: [
          { store: 'rows', key: `${key}`, value: rowOf(n, bytes) },
          { store: '#seen', key: `${n}`, value: markOf(n) },
        ],
        position: { changelog: new Map([['rows', n + 1]]) },
      });
      if (n % 100 === 0) await new Promise(setImmediate);
    }
  } catch (error) {
    const unread = Array.from({ length: n }, (_, index) => index).filter((index) => !store.get('rows', `${index}`));
    const closing = await store.close().then(() => 'closed', (failure: { readonly code: string }) => failure.code); // prettier-ignore
    process.stdout.write(`${JSON.stringify({ code: (error as { readonly code: string }).code, committed: n, unread, closing })}\n`);
  }
}
