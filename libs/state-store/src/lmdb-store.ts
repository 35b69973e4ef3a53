import { mkdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { StreamError, type EntryRange, type StateStore, type StoreChanges, type StorePosition } from '@waybill/stream';
import { open } from 'lmdb';

/**
 * One LMDB environment per task: rows of all its stores under `<store>\0<key>`, and the changelog position, written in one
 * transaction, so that neither can be ahead of the other after a kill -9.
 *
 * LMDB syncs in the background here (`overlappingSync`): a power loss may cost the newest commits, never their order, and the
 * position says what is missing; it is read again from the state topics.
 */
type Meta = { readonly changelog: readonly (readonly [string, number])[]; readonly owner: string };

const metaKey = Buffer.from([0, 0]);
const separator = 0;

/** LMDB limits keys to 1978 bytes with its default page size; the longest of ours is a repository with a digest (~ 600). */
const keyBytesMax = 1_900;

/** @throws StreamError `STORE_FAILED` when the folder cannot be opened */
export function openStateStore(folder: string): StateStore {
  const owner = randomUUID();
  const database = openDatabase(folder);

  const readMeta = (): Meta | undefined => {
    const bytes = database.getBinary(metaKey);
    return bytes ? (JSON.parse(bytes.toString()) as Meta) : undefined;
  };
  const encodeMeta = (position: StorePosition): Buffer =>
    Buffer.from(JSON.stringify({ changelog: [...position.changelog], owner } satisfies Meta));
  let position: StorePosition = { changelog: new Map(readMeta()?.changelog ?? []) };
  database.transactionSync(() => database.putSync(metaKey, encodeMeta(position)));

  return {
    get(store, key) {
      const bytes = database.getBinary(keyOf(store, key));
      return bytes && Buffer.from(bytes);
    },
    *entries(store, range = {}) {
      yield* rangeOf(database, store, range);
    },
    async commit({ puts, position: next }: StoreChanges) {
      let fenced = false;
      try {
        await database.transaction(() => {
          fenced = readMeta()?.owner !== owner;
          if (fenced) return;
          for (const { store, key, value } of puts) {
            if (value === null) database.removeSync(keyOf(store, key));
            else database.putSync(keyOf(store, key), value);
          }
          database.putSync(metaKey, encodeMeta(next));
        });
      } catch (error) {
        throw new StreamError('STORE_FAILED', `the state in ${folder} cannot be written; check the disk's space and health`, {
          cause: error,
        });
      }
      if (fenced) throw new StreamError('FENCED', `another process has opened the state in ${folder}`);
      position = next;
    },
    position: () => position,
    async close() {
      await database.close();
    },
  };
}

type Database = ReturnType<typeof openDatabase>;

function openDatabase(folder: string) {
  try {
    mkdirSync(folder, { recursive: true });
    return open<Buffer, Buffer>({ path: folder, encoding: 'binary', keyEncoding: 'binary', overlappingSync: true, compression: false });
  } catch (error) {
    throw new StreamError(
      'STORE_FAILED',
      `the state in ${folder} cannot be opened; check the disk, or delete the folder: the log restores it`,
      { cause: error },
    );
  }
}

function keyOf(store: string, key: string): Buffer {
  const bytes = Buffer.from(`${store}\0${key}`);
  if (bytes.length > keyBytesMax) throw new RangeError(`a key of ${bytes.length} bytes is over the limit of ${keyBytesMax}`);
  return bytes;
}

function* rangeOf(
  database: Database,
  store: string,
  { prefix = '', limit, reverse = false }: EntryRange,
): Generator<readonly [string, Buffer]> {
  const first = Buffer.from(`${store}\0${prefix}`);
  const last = Buffer.concat([first, Buffer.from([0xff])]);
  const start = reverse ? last : first;
  const end = reverse ? first : last;
  const offset = first.indexOf(separator) + 1;
  for (const { key, value } of database.getRange({ start, end, reverse, ...(limit === undefined ? {} : { limit }) })) {
    yield [key.subarray(offset).toString(), Buffer.from(value)];
  }
}
