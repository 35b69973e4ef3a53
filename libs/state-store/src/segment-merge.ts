import { compareKeys, isDeleted, type Cursor } from './cursor.ts';

type Head = { lead: number; readonly age: number; readonly rows: Cursor };

export type MergeOptions = {
  /** Bytes that all keys have in common at their beginning. */
  readonly commonBytes?: number;
  /** The cursors go backwards. */
  readonly reverse?: boolean;
  /** Drops rows that are deleted: nothing older is beside or below. */
  readonly isWhole?: boolean;
  /** Drops rows whose value sorts below. */
  readonly below?: Buffer | undefined;
};

/** The rows of several cursors in key order, of each key that of the newest alone. */
export class MergedCursor implements Cursor {
  bytes: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #options: MergeOptions;
  readonly #heads: Head[] = [];
  #current: Head | undefined;

  /** @param sources the oldest first, none of them moved yet */
  constructor(sources: readonly Cursor[], options: MergeOptions = {}) {
    this.#options = options;
    sources.forEach((rows, age) => this.#advance({ lead: 0, age, rows }));
  }

  next = (): boolean => {
    for (;;) {
      if (this.#current) this.#advance(this.#current);
      const head = (this.#current = this.#heads.shift());
      if (!head) return false;
      for (let older = this.#heads[0]; older && isSameKey(head, older); older = this.#heads[0]) this.#advance(this.#heads.shift()!);
      if (this.#isKept(head.rows)) return this.#show(head.rows);
    }
  };

  #show({ bytes, keyStart, keyEnd, valueStart, valueEnd }: Cursor): true {
    this.bytes = bytes;
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    return true;
  }

  #isKept(row: Cursor): boolean {
    const { isWhole = false, below } = this.#options;
    if (isDeleted(row)) return !isWhole;
    return !below || row.bytes.compare(below, 0, below.length, row.valueStart, row.valueEnd) >= 0;
  }

  /** Puts it where it belongs: by key, and of one key the newest first. There are few heads. */
  #advance(head: Head): void {
    if (!head.rows.next()) return;
    head.lead = leadOf(head.rows, this.#options.commonBytes ?? 0);
    const heads = this.#heads;
    let at = heads.length;
    heads.push(head);
    for (; at > 0 && this.#order(heads[at - 1]!, head) > 0; at--) heads[at] = heads[at - 1]!;
    heads[at] = head;
  }

  #order(a: Head, b: Head): number {
    const order = a.lead - b.lead || compareKeys(a.rows, b.rows);
    if (order === 0) return b.age - a.age;
    return this.#options.reverse === true ? -order : order;
  }
}

const isSameKey = (a: Head, b: Head): boolean => a.lead === b.lead && compareKeys(a.rows, b.rows) === 0;

const leadBytes = 6;
/** Numbers compare faster than bytes, and most keys differ in the first ones behind what they have in common. */
function leadOf({ bytes, keyStart, keyEnd }: Cursor, commonBytes: number): number {
  const at = keyStart + commonBytes;
  const length = keyEnd - at;
  if (length >= leadBytes) return bytes.readUIntBE(at, leadBytes);
  return length <= 0 ? 0 : bytes.readUIntBE(at, length) * 256 ** (leadBytes - length);
}
