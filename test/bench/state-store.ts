// `node test/bench/state-store.ts [<keys>]`: what the local state costs, as one line of JSON. In a process of its own,
// so that the memory is its own.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStateStore } from '@waybill/state-store';
import type { TaskStore } from '@waybill/stream';
import { createRandom } from './random.ts';

/** As many stores as an app has tasks. */
const storesCount = 6;
const chunkRows = 5_000;
const sampleRows = 200_000;

/** A random key of 40 bytes; the same number gives the same key. */
function keyOf(number: number): string {
  const random = createRandom(number);
  const hex = (): string => random().toString(16).padStart(8, '0');
  return hex() + hex() + hex() + hex() + hex();
}

/** Microseconds of the calling thread, and of the clock, per row. */
async function perRow(rows: number, work: () => Promise<void> | void): Promise<{ readonly threadUs: number; readonly wallUs: number }> {
  const [cpu, startMs] = [process.threadCpuUsage(), performance.now()];
  await work();
  const { user, system } = process.threadCpuUsage(cpu);
  const round = (us: number): number => Math.round((us / rows) * 100) / 100;
  return { threadUs: round(user + system), wallUs: round((performance.now() - startMs) * 1_000) };
}

function residentMib(): { readonly anon: number; readonly file: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const mib = (name: string): number => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024);
  return { anon: mib('RssAnon'), file: mib('RssFile') };
}

const bytesIn = (folder: string): number => readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

const value = Buffer.alloc(8, 7);
const position = { changelog: new Map([['rows', 1]]) };
const rowsFrom = (from: number, length: number, keysCount: number, of = value) =>
  Array.from({ length }, (_, index) => ({ store: 'rows', key: keyOf((from + index) % keysCount), value: of }));

/** Loads, reads, overwrites, snapshots, closes and opens stores of so many rows together (40-byte keys, 8-byte values). */
export async function measureStateStore(keysCount: number) {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-state-bench-'));
  try {
    return await measureIn(folder, Math.ceil(keysCount / storesCount));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureIn(folder: string, keysCount: number) {
  const openAll = async (): Promise<readonly TaskStore[]> =>
    Promise.all(Array.from({ length: storesCount }, async (_, partition) => openStateStore(join(folder, String(partition)))));
  const idle = residentMib();
  const stores = await openAll();
  const loading = await perRow(keysCount * storesCount, async () => {
    for (let at = 0; at < keysCount; at += chunkRows) {
      const rows = rowsFrom(at, Math.min(chunkRows, keysCount - at), keysCount);
      for (const store of stores) await store.load({ rows, position });
    }
    await Promise.all(stores.map((store) => store.flush()));
  });
  const loaded = residentMib();
  const first = stores[0]!;
  const keys = Array.from({ length: sampleRows }, (_, index) => keyOf((index * 7_919) % (keysCount * 2)));
  const reading = await perRow(sampleRows, () => keys.forEach((key) => first.get('rows', key)));
  const writing = await overwriting(first, keysCount);
  const used = residentMib();
  const bytes = Array.from({ length: storesCount }, (_, partition) => bytesIn(join(folder, String(partition))));
  const closing = await perRow(1_000, async () => void (await Promise.all(stores.map((store) => store.close()))));
  const opening = await perRow(1_000, async () => void (await Promise.all((await openAll()).map((store) => store.close()))));
  return {
    ...{ keys: keysCount * storesCount, loading, reading, writing, residentMib: { idle, loaded, used } },
    ...{
      fileMib: Math.round(bytes.reduce((sum, size) => sum + size, 0) / 1_048_576),
      closeMs: closing.wallUs,
      openAndCloseMs: opening.wallUs,
    },
  };
}

/** 400-byte rows over random keys, 500 to a commit, as a task commits them. The rows are made before. */
async function overwriting(store: TaskStore, keysCount: number) {
  const commits = Array.from({ length: 200 }, (_, index) => rowsFrom(index * 500 * 31, 500, keysCount, Buffer.alloc(400, 7)));
  return perRow(commits.length * 500, async () => {
    for (const puts of commits) await store.commit({ puts, position });
    await store.flush();
  });
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await measureStateStore(Number(process.argv[2] ?? 10_000_000)))}\n`);
