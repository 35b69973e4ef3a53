/** Rows on their way to the thread that writes: many in one transferable buffer, `[key bytes, value bytes, key, value]` each. */
export type PackedRows = { readonly bytes: ArrayBuffer; readonly usedBytes: number; readonly count: number };
export type Row = { readonly key: Buffer; readonly value: Buffer | null };

const headBytes = 8;
/** In place of a value's length: the row is to be deleted. */
const deletion = 0xffff_ffff;

/** Collects rows; the cheapest thing that the busy thread can do with them. */
export class RowPacker {
  #buffer: Buffer;
  #end = 0;
  #count = 0;

  constructor(bytesExpected: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytesExpected);
  }

  get bytes(): number {
    return this.#end;
  }

  add(store: string, key: string | Buffer, value: Buffer | null): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    this.#reserve(headBytes + store.length + 1 + key.length * 3 + (value?.length ?? 0));
    const buffer = this.#buffer;
    const start = this.#end + headBytes;
    let end = start + buffer.write(store, start, 'latin1');
    buffer[end++] = 0;
    end += typeof key === 'string' ? buffer.write(key, end) : key.copy(buffer, end);
    buffer.writeUInt32LE(end - start, this.#end);
    buffer.writeUInt32LE(value === null ? deletion : value.length, this.#end + 4);
    this.#end = value === null ? end : end + value.copy(buffer, end);
    this.#count += 1;
  }

  /** The packer must not be used any more: its buffer moves to the other thread. */
  finish(): PackedRows {
    return { bytes: this.#buffer.buffer as ArrayBuffer, usedBytes: this.#end, count: this.#count };
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** Rows one after the other, with a look at the next. */
export class RowReader {
  readonly #rest: Iterator<Row, void>;
  /** At least as many as are left. */
  readonly countMax: number;
  #head: Row | undefined;

  constructor(rows: PackedRows) {
    this.#rest = sortedRows(rows);
    this.countMax = rows.count;
    this.shift();
  }

  get head(): Row | undefined {
    return this.#head;
  }

  /** @returns what was the head */
  shift(): Row | undefined {
    const head = this.#head;
    this.#head = this.#rest.next().value ?? undefined;
    return head;
  }
}

/** In key order, of each key the newest alone. The rows are views of the packed bytes, each good for one turn of the loop. */
export function* sortedRows({ bytes, count }: PackedRows): Generator<Row> {
  const buffer = Buffer.from(bytes);
  const starts = startsOf(buffer, count);
  const sorted = sortedByKey(buffer, starts);
  for (const [index, row] of sorted.entries()) {
    const next = sorted[index + 1];
    const start = starts[row]!;
    if (next !== undefined && compareKeys(buffer, start, starts[next]!) === 0) continue;
    const keyEnd = start + headBytes + buffer.readUInt32LE(start);
    const length = buffer.readUInt32LE(start + 4);
    const value = length === deletion ? null : buffer.subarray(keyEnd, keyEnd + length);
    yield { key: buffer.subarray(start + headBytes, keyEnd), value };
  }
}

function startsOf(buffer: Buffer, count: number): Uint32Array {
  const starts = new Uint32Array(count);
  for (let index = 0, at = 0; index < count; index++) {
    starts[index] = at;
    const length = buffer.readUInt32LE(at + 4);
    at += headBytes + buffer.readUInt32LE(at) + (length === deletion ? 0 : length);
  }
  return starts;
}

const leadBytes = 6;

/** Indexes of rows. Most keys differ in the first bytes after what all have in common, and numbers compare faster than bytes. */
function sortedByKey(buffer: Buffer, starts: Uint32Array): Uint32Array {
  const common = commonLength(buffer, starts);
  const leads = new Float64Array(starts.length);
  starts.forEach((start, index) => {
    const from = start + headBytes + common;
    const length = Math.min(leadBytes, buffer.readUInt32LE(start) - common);
    leads[index] = length === 0 ? 0 : buffer.readUIntBE(from, length) * 256 ** (leadBytes - length);
  });
  const indexes = Uint32Array.from(starts.keys());
  // A stable sort: of one key the newest stays last.
  return indexes.sort((a, b) => leads[a]! - leads[b]! || compareKeys(buffer, starts[a]!, starts[b]!));
}

function commonLength(buffer: Buffer, starts: Uint32Array): number {
  const first = starts[0] ?? 0;
  let common = starts.length === 0 ? 0 : buffer.readUInt32LE(first);
  for (const start of starts) {
    common = Math.min(common, buffer.readUInt32LE(start));
    for (let at = 0; at < common; at++) if (buffer[first + headBytes + at] !== buffer[start + headBytes + at]) common = at;
  }
  return common;
}

function compareKeys(buffer: Buffer, a: number, b: number): number {
  const [aKey, bKey] = [a + headBytes, b + headBytes];
  return buffer.compare(buffer, bKey, bKey + buffer.readUInt32LE(b), aKey, aKey + buffer.readUInt32LE(a));
}
