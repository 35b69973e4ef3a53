import { mkdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import {
  rowKeyBytesMax,
  StreamError,
  type EntryRange,
  type StoreChanges,
  type StorePosition,
  type SweepOptions,
  type TaskStore,
} from '@waybill/stream';
import { open } from 'lmdb';

/**
 * One LMDB environment per task: rows of all its stores under `<store>\0<key>`, and the changelog position, written in one
 * transaction, so that neither can be ahead of the other after a kill -9.
 *
 * LMDB syncs in the background here (`overlappingSync`): a power loss may cost the newest commits, never their order, and the
 * position says what is missing; it is read again from the state topics.
 */
type Meta = { readonly changelog: readonly (readonly [string, number])[]; readonly owner: string; readonly writtenAtMs?: number };

const metaKey = Buffer.from([0, 0]);
const separator = 0;

/** With its default page size LMDB takes keys of up to 1978 bytes; ours have a separator. */
const keyBytesMax = rowKeyBytesMax + 1;

/** @throws StreamError `STORE_FAILED` when the folder cannot be opened */
export function openStateStore(folder: string): TaskStore {
  return new LmdbStore(folder, openDatabase(folder));
}

class LmdbStore implements TaskStore {
  readonly #folder: string;
  readonly #database: Database;
  readonly #owner = randomUUID();
  #position: StorePosition;
  #writtenAtMs: number | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #sweptTo = new Map<string, string>();

  constructor(folder: string, database: Database) {
    this.#folder = folder;
    this.#database = database;
    const { changelog, writtenAtMs } = this.#readMeta() ?? { changelog: [] };
    this.#position = { changelog: new Map(changelog) };
    this.#writtenAtMs = writtenAtMs;
    database.transactionSync(() => this.#putMeta(this.#position, writtenAtMs)); // Becoming the owner is no commit.
  }

  get(store: string, key: string): Buffer | undefined {
    const bytes = this.#database.getBinary(keyOf(store, key));
    return bytes && Buffer.from(bytes);
  }

  *entries(store: string, range: EntryRange = {}): Generator<readonly [string, Buffer]> {
    yield* rangeOf(this.#database, store, range);
  }

  sweep(store: string, { limit, isExpired }: SweepOptions): number {
    const from = Buffer.from(`${store}\0${this.#sweptTo.get(store) ?? ''}`);
    const end = Buffer.from(`${store}\0\xff`, 'latin1');
    let looked = 0;
    let last = '';
    const expired: Buffer[] = [];
    for (const { key, value } of this.#database.getRange({ start: from, end, limit })) {
      looked += 1;
      last = key.toString('utf8', store.length + 1);
      if (isExpired(last, value)) expired.push(Buffer.from(key));
    }
    this.#sweptTo.set(store, looked < limit ? '' : `${last}\0`);
    this.#database.transactionSync(() => {
      for (const key of expired) this.#database.removeSync(key);
    });
    return expired.length;
  }

  flush = async (): Promise<void> => undefined;
  position = (): StorePosition => this.#position;
  writtenAtMs = (): number | undefined => this.#writtenAtMs;

  async commit({ puts, position }: StoreChanges): Promise<void> {
    await this.#write(position, () => {
      // Keys first: what throws within LMDB's transaction does not undo what was put before it.
      const rows = puts.map(({ store, key, value }) => ({ key: keyOf(store, key), value }));
      for (const { key, value } of rows) {
        if (value === null) this.#database.removeSync(key);
        else this.#database.putSync(key, value);
      }
    });
  }

  async clear(): Promise<void> {
    await this.#write({ changelog: new Map() }, () => {
      for (const key of this.#database.getKeys()) this.#database.removeSync(key);
    });
  }

  /** After the commit under way, which LMDB itself would let fail. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#database.close();
  }

  /** As the owner, or not at all; what `change` leaves and the position become visible together. */
  async #write(position: StorePosition, change: () => void): Promise<void> {
    const writtenAtMs = Date.now();
    let isFenced = false;
    try {
      this.#writing = this.#database.transaction(() => {
        isFenced = this.#readMeta()?.owner !== this.#owner;
        if (isFenced) return;
        change();
        this.#putMeta(position, writtenAtMs);
      });
      await this.#writing;
    } catch (error) {
      throw new StreamError('STORE_FAILED', `the state in ${this.#folder} cannot be written; check the disk's space and health`, {
        cause: error,
      });
    }
    if (isFenced) throw new StreamError('FENCED', `another process has opened the state in ${this.#folder}`);
    this.#position = position;
    this.#writtenAtMs = writtenAtMs;
  }

  #readMeta(): Meta | undefined {
    const bytes = this.#database.getBinary(metaKey);
    return bytes ? (JSON.parse(bytes.toString()) as Meta) : undefined;
  }

  #putMeta({ changelog }: StorePosition, writtenAtMs: number | undefined): void {
    const meta: Meta = { changelog: [...changelog], owner: this.#owner, ...(writtenAtMs !== undefined && { writtenAtMs }) };
    this.#database.putSync(metaKey, Buffer.from(JSON.stringify(meta)));
  }
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
