// A thread that writes: everything that changes a store or copies it. It serves half of the process' stores, one request after the other.
import { parentPort, workerData } from 'node:worker_threads';
import type { SweepOrder } from '@waybill/stream';
import { refuseFull } from './disk-space.ts';
import { openDatabase, putMeta, readMeta, type Database, type Meta } from './environment.ts';
import { RowReader, type PackedRows } from './rows.ts';
import type { SegmentEntry } from './segment-list.ts';
import { SegmentStore } from './segment-store.ts';
import { copyTo, seal } from './snapshot-copy.ts';
import { UnderWay } from './under-way.ts';

export type Order =
  | { readonly kind: 'open' | 'close' }
  | { readonly kind: 'write' | 'load'; readonly meta: Meta; readonly rows: PackedRows; readonly sweeps: readonly SweepOrder[] }
  | { readonly kind: 'clear'; readonly meta: Meta }
  | { readonly kind: 'copy' | 'seal'; readonly to: string };
/** After a write. */
export type Written = { readonly leafPages: number; readonly segments: readonly SegmentEntry[] };
export type Request = { readonly owner: string; readonly folder: string; readonly order: Order };
export type Reply = {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: { readonly isFenced: boolean; readonly error: unknown };
};

type Opened = { readonly folder: string; readonly database: Database; readonly segments: SegmentStore };
const opened = new Map<string, Opened>();

class Fenced extends Error {}

async function serve({ owner, folder, order }: Request): Promise<unknown> {
  if (order.kind === 'open')
    return void opened.set(owner, { folder, database: openDatabase(folder), segments: new SegmentStore(folder, owner) });
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
      return clear(store, order.meta);
    case 'copy':
      return store.segments.copyTo(order.to, async () => copyTo(store.database, order.to));
  }
}

/** What LMDB has changed in a transaction it holds in memory, page by page, and keeps that memory for the next. */
const loadRowsMax = 8_192;

/** @returns what the next write has to know, and the segments there are */
function write({ folder, database, segments }: Opened, { kind, meta, rows, sweeps }: Extract<Order, { kind: 'write' | 'load' }>): Written {
  refuseFull(folder, 2 * rows.usedBytes); // Pages may be half empty.
  const reader = new RowReader(rows);
  for (const sweep of sweeps) segments.sweep(sweep);
  const before = segmentsOf(database);
  const after = segments.add(before, reader);
  // A load may come in parts: rows beyond the position are read from the log again, and are the same.
  while (kind === 'load' && reader.left > loadRowsMax) asOwner(database, meta.owner, () => putRows(database, reader, loadRowsMax));
  asOwner(database, meta.owner, () => {
    putRows(database, reader, Infinity);
    putMeta(database, { ...meta, segments: after });
  });
  segments.settle(before, after);
  return { leafPages: (database.getStats() as { readonly treeLeafPageCount: number }).treeLeafPageCount, segments: after };
}

function clear({ database, segments }: Opened, meta: Meta): void {
  const before = segmentsOf(database);
  asOwner(database, meta.owner, () => {
    database.clearSync();
    putMeta(database, meta);
  });
  segments.settle(before, []);
}

const segmentsOf = (database: Database): readonly SegmentEntry[] => readMeta(database)?.segments ?? [];

function putRows(database: Database, rows: RowReader, countMax: number): void {
  for (let left = Math.min(countMax, rows.left); left > 0; left--) {
    const { key, value } = rows.shift()!;
    if (value === null) database.removeSync(key);
    else database.putSync(key, value);
  }
}

/** As the owner, or not at all; what `change` leaves becomes visible together. */
function asOwner(database: Database, owner: string, change: () => void): void {
  database.transactionSync(() => {
    if (readMeta(database)?.owner !== owner) throw new Fenced('another process has opened the store');
    change();
  });
}

const port = parentPort!;
const underWay = new UnderWay(workerData as SharedArrayBuffer);
/** One after the other, a copy excepted: it reads what was there when it began. */
port.on('message', async ({ id, request }: { readonly id: number; readonly request: Request }) => {
  const isOfLmdb = request.order.kind !== 'seal'; // Which takes long, and can be cut off without harm.
  if (isOfLmdb && !underWay.begin()) return;
  try {
    port.postMessage({ id, result: await serve(request) } satisfies Reply);
  } catch (error) {
    port.postMessage({ id, failure: { isFenced: error instanceof Fenced, error } } satisfies Reply);
  } finally {
    if (isOfLmdb) underWay.end();
  }
});
