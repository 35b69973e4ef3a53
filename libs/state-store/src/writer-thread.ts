// The second thread: everything that changes LMDB or copies it. It serves all stores of the process, one request after the other.
import { parentPort } from 'node:worker_threads';
import type { SweepOrder } from '@waybill/stream';
import { openDatabase, putMeta, readMeta, type Database, type Meta } from './environment.ts';
import { sortedRows, type PackedRows } from './rows.ts';
import { copyTo, seal } from './snapshot-copy.ts';

export type Order =
  | { readonly kind: 'open' | 'close' }
  | { readonly kind: 'write'; readonly meta: Meta; readonly rows: PackedRows; readonly sweeps: readonly SweepOrder[] }
  | { readonly kind: 'clear'; readonly meta: Meta }
  | { readonly kind: 'copy' | 'seal'; readonly to: string };
export type Request = { readonly owner: string; readonly folder: string; readonly order: Order };
export type Reply = {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: { readonly isFenced: boolean; readonly error: unknown };
};

type Opened = { readonly database: Database; readonly sweptTo: Map<string, string> };
const opened = new Map<string, Opened>();

class Fenced extends Error {}

async function serve({ owner, folder, order }: Request): Promise<unknown> {
  if (order.kind === 'open') return void opened.set(owner, { database: openDatabase(folder), sweptTo: new Map() });
  if (order.kind === 'seal') return seal(order.to); // Needs no store: it may be closed by now.
  const store = opened.get(owner);
  if (!store) throw new Error(`the store ${folder} is not open`);
  switch (order.kind) {
    case 'close':
      opened.delete(owner);
      return store.database.close();
    case 'write':
      return write(store, order);
    case 'clear':
      return asOwner(store.database, order.meta, () => {
        store.database.clearSync();
      });
    case 'copy':
      return copyTo(store.database, order.to);
  }
}

function write(store: Opened, { meta, rows, sweeps }: Extract<Order, { kind: 'write' }>): void {
  const { database } = store;
  asOwner(database, meta, () => {
    for (const { key, value } of sortedRows(rows)) {
      if (value === null) database.removeSync(key);
      else database.putSync(key, value);
    }
    for (const sweep of sweeps) sweepRows(store, sweep);
  });
}

/** As the owner, or not at all; what `change` leaves and the position become visible together. */
function asOwner(database: Database, meta: Meta, change: () => void): void {
  database.transactionSync(() => {
    if (readMeta(database)?.owner !== meta.owner) throw new Fenced('another process has opened the store');
    change();
    putMeta(database, meta);
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
/** One after the other, a copy excepted: it reads what was there when it began. */
port.on('message', async ({ id, request }: { readonly id: number; readonly request: Request }) => {
  try {
    port.postMessage({ id, result: await serve(request) } satisfies Reply);
  } catch (error) {
    port.postMessage({ id, failure: { isFenced: error instanceof Fenced, error } } satisfies Reply);
  }
});
