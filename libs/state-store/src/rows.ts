/** Rows on their way to the thread that writes: many in one transferable buffer, `[key bytes, value bytes, key, value]` each. */
export type PackedRows = { readonly bytes: ArrayBuffer; readonly count: number };
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
    return { bytes: this.#buffer.buffer as ArrayBuffer, count: this.#count };
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** In key order, the newest of each key alone. The rows are views of the packed bytes. */
export function sortedRows({ bytes, count }: PackedRows): readonly Row[] {
  const buffer = Buffer.from(bytes);
  const rows: Row[] = [];
  for (let at = 0; rows.length < count;) {
    const keyEnd = at + headBytes + buffer.readUInt32LE(at);
    const length = buffer.readUInt32LE(at + 4);
    const valueEnd = length === deletion ? keyEnd : keyEnd + length;
    rows.push({ key: buffer.subarray(at + headBytes, keyEnd), value: length === deletion ? null : buffer.subarray(keyEnd, valueEnd) });
    at = valueEnd;
  }
  rows.sort((a, b) => a.key.compare(b.key)); // Stable: of one key the newest comes last.
  return rows.filter(({ key }, index) => rows[index + 1]?.key.equals(key) !== true);
}
