// A process of its own that writes and takes snapshots, and calls `process.exit(3)` in the middle of it:
// `node leaving-writer.fixture.ts <folder> <after so many ms>`.
import { join } from 'node:path';
import { openStateStore } from './open-store.ts';

const [folder, afterMs] = process.argv.slice(2) as [string, string];
const stores = await Promise.all(
  [0, 1, 2].map((partition) =>
    openStateStore(join(folder, `store-${partition}`), {
      ...{ flushAfterMs: 5, overlayBytesMax: 300_000 },
      snapshots: { folder: join(folder, 'snapshots'), group: 'app', partition, intervalMs: 20 },
    }),
  ),
);
setTimeout(() => process.exit(3), Number(afterMs));
for (let n = 0; ; n++) {
  const puts = Array.from({ length: 50 }, (_, index) => {
    return { store: 'rows', key: `${(n * 7_919 + index * 104_729) % 20_000}`, value: Buffer.alloc(500, 'x') };
  });
  for (const store of stores) await store.commit({ puts, position: { changelog: new Map([['rows', n + 1]]) } });
  await new Promise(setImmediate);
}
