// The second thread: everything that changes LMDB or copies it. It serves all stores of the process, one request after the other.
import { parentPort, workerData } from 'node:worker_threads';
import type { SweepOrder } from '@waybill/stream';
import { refuseFull } from './disk-space.ts';
import { openDatabase, putMeta, readMeta, type Database, type Meta } from './environment.ts';
import { sortedRows, type PackedRows, type Row } from './rows.ts';
import { copyTo, seal } from './snapshot-copy.ts';
import { UnderWay } from './under-way.ts';

export type Order =
  | { readonly kind: 'open' | 'close' }
  | { readonly kind: 'write' | 'load'; readonly meta: Meta; readonly rows: PackedRows; readonly sweeps: readonly SweepOrder[] }
  | { readonly kind: 'clear'; readonly meta: Meta }
  | { readonly kind: 'copy' | 'seal'; readonly to: string };
/** After a write. */
export type Written = { readonly leafPages: number };
export type Request = { readonly owner: string; readonly folder: string; readonly order: Order };
export type Reply = {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: { readonly isFenced: boolean; readonly error: unknown };
};

type Opened = { readonly folder: string; readonly database: Database; readonly sweptTo: Map<string, string> };
const opened = new Map<string, Opened>();

class Fenced extends Error {}

async function serve({ owner, folder, order }: Request): Promise<unknown> {
  if (order.kind === 'open') return void opened.set(owner, { folder, database: openDatabase(folder), sweptTo: new Map() });
  if (order.kind === 'seal') return seal(order.to); // Needs no store: it may be closed by now.
  const store = opened.get(owner);
  if (!store) throw new Error(`the store ${folder} is not open`);
  switch (order.kind) {
    case 'close':
      opened.delete(owner);
      return store.database.close();
    case 'load':
    case 'write':
      return write(store, order);
    case 'clear':
      return asOwner(store.database, order.meta.owner, () => {
        store.database.clearSync();
        putMeta(store.database, order.meta);
      });
    case 'copy':
      return copyTo(store.database, order.to);
  }
}

/** What LMDB has changed in a transaction it holds in memory, page by page, and keeps that memory for the next. */
const loadRowsMax = 8_192;

/** @returns what the next write has to know */
function write(store: Opened, { kind, meta, rows, sweeps }: Extract<Order, { kind: 'write' | 'load' }>): Written {
  const { database } = store;
  refuseFull(store.folder, 2 * rows.usedBytes); // Pages may be half empty.
  const sorted = sortedRows(rows);
  // A load may come in parts: rows beyond the position are read from the log again, and are the same.
  for (let left = kind === 'load' ? rows.count : 0; left > loadRowsMax; left -= loadRowsMax)
    asOwner(database, meta.owner, () => putRows(database, sorted, loadRowsMax));
  asOwner(database, meta.owner, () => {
    putRows(database, sorted, Infinity);
    for (const sweep of sweeps) sweepRows(store, sweep);
    putMeta(database, meta);
  });
  return { leafPages: (database.getStats() as { readonly treeLeafPageCount: number }).treeLeafPageCount };
}

/** The next `count` rows; the rest stay in the iterator. */
function putRows(database: Database, rows: Iterator<Row, void>, count: number): void {
  for (let left = count; left > 0; left--) {
    const row = rows.next().value;
    if (!row) return;
    if (row.value === null) database.removeSync(row.key);
    else database.putSync(row.key, row.value);
  }
}

/** As the owner, or not at all; what `change` leaves becomes visible together. */
function asOwner(database: Database, owner: string, change: () => void): void {
  database.transactionSync(() => {
    if (readMeta(database)?.owner !== owner) throw new Fenced('another process has opened the store');
    change();
  });
}

function sweepRows({ database, sweptTo }: Opened, { store, limit, below }: SweepOrder): void {
  const expired: string[] = [];
  let looked = 0;
  let last = '';
  const start = sweptTo.get(store) ?? `${store}\0`;
  const end = Buffer.from(`${store}\x01`);
  for (const { key, value } of database.getRange({ start, end, limit })) {
    looked += 1;
    last = key as string;
    if (value.compare(below) < 0) expired.push(last);
  }
  sweptTo.set(store, looked < limit ? `${store}\0` : `${last}\0`);
  for (const key of expired) database.removeSync(key);
}

const port = parentPort!;
const underWay = new UnderWay(workerData as SharedArrayBuffer);
/** One after the other, a copy excepted: it reads what was there when it began. */
port.on('message', async ({ id, request }: { readonly id: number; readonly request: Request }) => {
  if (!underWay.begin()) return;
  try {
    port.postMessage({ id, result: await serve(request) } satisfies Reply);
  } catch (error) {
    port.postMessage({ id, failure: { isFenced: error instanceof Fenced, error } } satisfies Reply);
  } finally {
    underWay.end();
  }
});
