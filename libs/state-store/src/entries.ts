import type { EntryRange } from '@waybill/stream';
import { isDeleted, keyText, valueOf, type Cursor } from './cursor.ts';
import type { Overlay } from './overlay.ts';

export type Entry = readonly [key: string, value: Buffer];
type Unwritten = { readonly key: string; readonly bytes: Buffer; readonly value: Buffer | null };

/** Written rows with the newer ones of the overlays (the newest last) laid over them, in key order. */
export function* entriesOf(
  written: Iterable<Cursor>,
  overlays: readonly (Overlay | undefined)[],
  store: string,
  range: EntryRange,
): Generator<Entry> {
  const { prefix = '', after, limit = Infinity, reverse = false } = range;
  const behind = after === undefined ? undefined : Buffer.from(after);
  const over = unwrittenOf(overlays, store, prefix, reverse);
  let found = 0;
  for (const [key, value] of merged(written, over, reverse)) {
    if (value === null || (behind !== undefined && behind.compare(Buffer.from(key)) >= 0)) continue;
    if (found++ >= limit) return;
    yield [key, value];
  }
}

/** Both in the same order; where both have a key, the one of `over`. */
function* merged(under: Iterable<Cursor>, over: readonly Unwritten[], reverse: boolean): Generator<readonly [string, Buffer | null]> {
  let next = 0;
  for (const row of under) {
    let isReplaced = false;
    for (; next < over.length; next++) {
      const newer = over[next]!;
      const order = newer.bytes.compare(row.bytes, row.keyStart, row.keyEnd) * (reverse ? -1 : 1);
      if (order > 0) break;
      isReplaced ||= order === 0;
      yield [newer.key, newer.value];
    }
    if (!isReplaced && !isDeleted(row)) yield [keyText(row), valueOf(row)];
  }
  for (const { key, value } of over.slice(next)) yield [key, value];
}

function unwrittenOf(overlays: readonly (Overlay | undefined)[], store: string, prefix: string, reverse: boolean): readonly Unwritten[] {
  const newest = new Map<string, Buffer | null>();
  for (const overlay of overlays) for (const [key, value] of overlay?.rows(store) ?? []) if (key.startsWith(prefix)) newest.set(key, value);
  const rows = [...newest].map(([key, value]) => ({ key, bytes: Buffer.from(key), value }));
  return rows.sort((a, b) => a.bytes.compare(b.bytes) * (reverse ? -1 : 1));
}
