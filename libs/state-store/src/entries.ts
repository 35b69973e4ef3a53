import type { EntryRange } from '@waybill/stream';
import type { Database } from './environment.ts';
import type { Overlay } from './overlay.ts';

export type Entry = readonly [key: string, value: Buffer];
type Unwritten = { readonly key: string; readonly bytes: Buffer; readonly value: Buffer | null };

/** Written rows with the newer ones of the overlays (the newest last) laid over them, in key order. */
export function* entriesOf(
  written: Iterable<Entry>,
  overlays: readonly (Overlay | undefined)[],
  store: string,
  range: EntryRange,
): Generator<Entry> {
  const { prefix = '', limit = Infinity, reverse = false } = range;
  const over = unwrittenOf(overlays, store, prefix, reverse);
  let found = 0;
  for (const [key, value] of merged(written, over, reverse)) {
    if (value === null) continue;
    if (found++ >= limit) return;
    yield [key, value];
  }
}

/** Both in the same order; where both have a key, the one of `over`. */
function* merged(under: Iterable<Entry>, over: readonly Unwritten[], reverse: boolean): Generator<readonly [string, Buffer | null]> {
  let next = 0;
  for (const [key, value] of under) {
    let isReplaced = false;
    const bytes = next < over.length ? Buffer.from(key) : Buffer.alloc(0);
    for (; next < over.length; next++) {
      const newer = over[next]!;
      const order = newer.bytes.compare(bytes) * (reverse ? -1 : 1);
      if (order > 0) break;
      isReplaced ||= order === 0;
      yield [newer.key, newer.value];
    }
    if (!isReplaced) yield [key, value];
  }
  for (const { key, value } of over.slice(next)) yield [key, value];
}

function unwrittenOf(overlays: readonly (Overlay | undefined)[], store: string, prefix: string, reverse: boolean): readonly Unwritten[] {
  const newest = new Map<string, Buffer | null>();
  for (const overlay of overlays) for (const [key, value] of overlay?.rows(store) ?? []) if (key.startsWith(prefix)) newest.set(key, value);
  const rows = [...newest].map(([key, value]) => ({ key, bytes: Buffer.from(key), value }));
  return rows.sort((a, b) => a.bytes.compare(b.bytes) * (reverse ? -1 : 1));
}

/** LMDB's rows of a range, but for its limit. */
export function* writtenOf(database: Database, store: string, { prefix = '', reverse = false }: EntryRange): Generator<Entry> {
  const first = Buffer.from(`${store}\0${prefix}`);
  const last = Buffer.concat([first, Buffer.from([0xff])]); // No UTF-8 has this byte.
  const range = reverse ? { start: last, end: first, inclusiveEnd: true, reverse } : { start: first, end: last };
  for (const { key, value } of database.getRange(range)) yield [(key as string).slice(store.length + 1), Buffer.from(value)];
}
