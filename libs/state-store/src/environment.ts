import type { StorePosition } from '@waybill/stream';
import { rowKeyBytesMax } from '@waybill/stream';
import { open } from 'lmdb';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { reserveLock } from './disk-space.ts';
import type { SegmentEntry } from './segment-list.ts';

/** `<store>\0<key>` in UTF-8, or its bytes. */
export type Key = string | Buffer;
export type Database = ReturnType<typeof openDatabase>;

/** With its default page size LMDB takes keys of up to 1978 bytes; ours have a separator. */
export const keyBytesMax = rowKeyBytesMax + 1;

/** LMDB's file in the folder of a store or a snapshot. */
export const dataFile = 'data.mdb';
export const lockFile = 'lock.mdb';

/** Who owns the store, where its rows stand and which segments it has, in a row of its own: no store's name begins with a zero byte. */
export type Meta = {
  readonly changelog: readonly (readonly [string, number])[];
  readonly owner: string;
  readonly writtenAtMs?: number;
  /** Of each store the oldest first. */
  readonly segments?: readonly SegmentEntry[];
};
const metaKey = '\0\0';

/**
 * Address space, not memory, of one store. LMDB maps a file that has outgrown its map anew and keeps the old maps, whose pages count
 * again; a map that is large from the start stays the only one.
 */
const mapBytes = 64 * 1_024 ** 3;

/**
 * Without sync: what LMDB has written survives the death of the process, not that of the machine. `state-mark.ts` knows of the
 * latter. Pages are written to the file, not to the map (`useWritemap`): a full disk is an error then, and no SIGBUS. Keys are written
 * straight into LMDB's own buffer, which saves a copy per read.
 */
export function openDatabase(folder: string, { readOnly = false } = {}) {
  const lockPath = join(folder, lockFile);
  if (!existsSync(lockPath)) reserveLock(lockPath);
  return open<Buffer, Key>({
    path: folder,
    readOnly,
    noSubdir: false, // Or a folder with a dot in its name, as that of `dedup.v2`, would be taken for the file.
    encoding: 'binary',
    mapSize: mapBytes,
    noSync: true,
    compression: false,
    keyEncoder: { writeKey, readKey: (source: Buffer, start: number, end: number) => source.toString('utf8', start, end) },
  } as Parameters<typeof open<Buffer, Key>>[0]);
}

export const readMeta = (database: Database): Meta | undefined => {
  const bytes = database.getBinary(metaKey);
  return bytes ? (JSON.parse(bytes.toString()) as Meta) : undefined;
};

export const putMeta = (database: Database, meta: Meta): void => void database.putSync(metaKey, Buffer.from(JSON.stringify(meta)));

export const metaOf = (owner: string, { changelog }: StorePosition, writtenAtMs: number | undefined): Meta => ({
  changelog: [...changelog],
  owner,
  ...(writtenAtMs !== undefined && { writtenAtMs }),
});

/** @throws RangeError where the key does not fit: LMDB then takes a new buffer */
function writeKey(key: Key, target: Buffer, start: number): number {
  if (typeof key !== 'string') {
    target.set(key, start);
    return start + key.length;
  }
  const written = target.write(key, start);
  if (key.length * 3 > target.length - start && written < Buffer.byteLength(key)) throw new RangeError('no room for the key');
  return start + written;
}
