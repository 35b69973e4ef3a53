// A thread that writes: everything that changes a store or copies it. It serves half of the process' stores, one request after the other,
// and merges segments while it has none.
import { parentPort } from 'node:worker_threads';
import type { SweepOrder } from '@waybill/stream';
import { isOwner, removePredecessors } from './claims.ts';
import { refuseFull } from './disk-space.ts';
import { writeManifest, type Manifest } from './manifest.ts';
import { RowReader, type PackedRows } from './rows.ts';
import { removeOthers, type SegmentEntry } from './segment-list.ts';
import { SegmentStore } from './segment-store.ts';
import { copyTo, seal, type Copied } from './snapshot-copy.ts';

export type Position = Pick<Manifest, 'changelog'> & { readonly writtenAtMs: number };
export type Order =
  | { readonly kind: 'open'; readonly manifest: Manifest }
  | ({ readonly kind: 'write' | 'load'; readonly rows: PackedRows; readonly sweeps: readonly SweepOrder[] } & Position)
  | ({ readonly kind: 'clear' } & Position)
  | { readonly kind: 'close'; readonly isInOrder: boolean }
  | { readonly kind: 'distrust'; readonly damage: string }
  | { readonly kind: 'copy' | 'seal'; readonly to: string };
/** After a write: the segments there are, and the memory that the rows came in. */
export type Written = { readonly segments: readonly SegmentEntry[]; readonly memory: ArrayBuffer };
export type Request = { readonly owner: string; readonly folder: string; readonly order: Order };
export type Reply = {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: { readonly isFenced: boolean; readonly error: unknown };
};

type Opened = { readonly folder: string; readonly owner: string; readonly segments: SegmentStore; manifest: Manifest } & {
  isMerging: boolean;
  failure?: unknown;
};
const opened = new Map<string, Opened>();

class Fenced extends Error {}

async function serve({ owner, folder, order }: Request): Promise<unknown> {
  if (order.kind === 'open') return open(folder, owner, order.manifest);
  if (order.kind === 'seal') return seal(order.to); // Needs no store: it may be closed by now.
  const store = opened.get(owner);
  if (!store) throw new Error(`the store ${folder} is not open`);
  switch (order.kind) {
    case 'load':
    case 'write':
      return write(store, order);
    case 'clear':
      return replace(store, { ...store.manifest, ...positionIn(order), segments: [] });
    case 'copy':
      return copy(store, order.to);
    case 'distrust':
      return replace(store, { ...store.manifest, damage: order.damage });
    case 'close':
      opened.delete(owner);
      store.segments.close();
      if (order.isInOrder) replace(store, { ...store.manifest, isClosed: true });
  }
  return undefined;
}

const positionIn = ({ changelog, writtenAtMs }: Position): Position => ({ changelog, writtenAtMs });

function open(folder: string, owner: string, manifest: Manifest): void {
  const store = { folder, owner, manifest, segments: new SegmentStore(folder, owner), isMerging: false };
  replace(store, manifest);
  removePredecessors(folder, owner);
  removeOthers(folder, manifest.segments);
  opened.set(owner, store);
}

function write(store: Opened, order: Extract<Order, { rows: PackedRows }>): Written {
  const { folder, segments, manifest } = store;
  if (store.failure) throw store.failure; // eslint-disable-line @typescript-eslint/only-throw-error
  refuseFull(folder, 2 * order.rows.usedBytes); // Merging needs some, too.
  for (const sweep of order.sweeps) segments.sweep(sweep);
  const after = segments.add(manifest.segments, new RowReader(order.rows));
  replace(store, { ...manifest, ...positionIn(order), segments: after });
  // A load is in a hurry, and nobody reads meanwhile: what it leaves is merged behind it.
  if (!store.isMerging && order.kind !== 'load') mergeLater(store);
  return { segments: after, memory: order.rows.bytes };
}

/** As the owner, or not at all: `claims.ts` says why it looks twice. */
function replace(store: Opened, manifest: Manifest): void {
  const { folder, owner, segments } = store;
  const before = store.manifest.segments;
  const refuseOther = (): void => {
    if (!isOwner(folder, owner)) throw new Fenced('another process has opened the store');
  };
  refuseOther();
  writeManifest(folder, owner, manifest);
  store.manifest = manifest;
  refuseOther();
  segments.settle(before, manifest.segments);
}

async function copy({ folder, manifest, segments }: Opened, to: string): Promise<Copied> {
  return segments.whileKept(async () => copyTo(folder, manifest, to));
}

/** A step at a time, so that an order does not wait for more. */
function mergeLater(store: Opened): void {
  store.isMerging = true;
  setImmediate(() => {
    store.isMerging = false;
    if (opened.get(store.owner) !== store) return;
    try {
      if (store.segments.step()) mergeLater(store);
    } catch (error) {
      store.failure ??= error; // Said to the next who writes.
    }
  });
}

const port = parentPort!;
port.on('message', async ({ id, request }: { readonly id: number; readonly request: Request }) => {
  try {
    const result = await serve(request);
    const { order } = request;
    port.postMessage({ id, result } satisfies Reply, 'rows' in order ? [order.rows.bytes] : []);
  } catch (error) {
    port.postMessage({ id, failure: { isFenced: error instanceof Fenced, error } } satisfies Reply);
  }
});
