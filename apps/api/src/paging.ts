import type { ReadModel, Reader, StoreName } from './read-model/rows.ts';

/** Where a page ended, opaque to callers; undefined where the text is no cursor of ours. */
export const encodeCursor = (key: string): string => Buffer.from(key, 'utf8').toString('base64url');
export function findCursorKey(cursor: string): string | undefined {
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  return encodeCursor(key) === cursor ? key : undefined;
}

export type Page<T> = { readonly items: readonly T[]; readonly nextCursor: string | null };
export type PageRequest = {
  readonly prefix: string;
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly reverse?: boolean;
};

/** Rows after the cursor, at most `limit`. @throws RangeError where the cursor is not one that a page gave */
export function readPage<S extends StoreName>(
  reader: Reader,
  store: S,
  request: PageRequest,
): Page<readonly [key: string, row: ReadModel[S]]> {
  const { prefix, limit, cursor, reverse = false } = request;
  const after = cursor === undefined ? undefined : findCursorKey(cursor);
  if (cursor !== undefined && after === undefined) throw new RangeError('the cursor is not one that a page gave');
  const items: (readonly [string, ReadModel[S]])[] = [];
  for (const entry of reader.entries(store, { prefix, reverse, ...(after === undefined ? {} : { after }) })) {
    items.push(entry);
    if (items.length > limit) break; // One more than asked for tells whether there is a next page.
  }
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, nextCursor: items.length > limit && last !== undefined ? encodeCursor(last[0]) : null };
}
