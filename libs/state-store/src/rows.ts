import type { Cursor } from './cursor.ts';
import { giveBackMemory, takeMemory } from './packing-memory.ts';
import { deletion } from './segment-file.ts';

/** Rows on their way to the thread that writes: many in one transferable buffer, `[key bytes, value bytes, key, value]` each. */
export type PackedRows = { readonly bytes: ArrayBuffer; readonly usedBytes: number; readonly count: number };

const headBytes = 8;

/** Collects rows; the cheapest thing that the busy thread can do with them. */
export class RowPacker {
  #buffer: Buffer;
  #end = 0;
  #count = 0;

  constructor(bytesExpected: number) {
    this.#buffer = takeMemory(bytesExpected);
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
    const larger = takeMemory(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    giveBackMemory(this.#buffer.buffer as ArrayBuffer);
    this.#buffer = larger;
  }
}

/** Packed rows in key order, of each key the newest alone, store by store. */
export class RowReader {
  readonly #buffer: Buffer;
  /** Where each row starts. */
  readonly #starts: Uint32Array;
  #next = 0;

  constructor({ bytes, count }: PackedRows) {
    this.#buffer = Buffer.from(bytes);
    this.#starts = sortedByKey(this.#buffer, startsOf(this.#buffer, count));
  }

  /** The rows of the next store, whose name sorts first of those that are left; `undefined` at the end. */
  shift(): { readonly store: string; readonly rows: Cursor; readonly count: number } | undefined {
    if (this.#next === this.#starts.length) return undefined;
    const at = this.#starts[this.#next]! + headBytes;
    const store = this.#buffer.toString('latin1', at, this.#buffer.indexOf(0, at));
    const end = this.#endOf(store);
    const starts = this.#starts.subarray(this.#next, end);
    this.#next = end;
    return { store, rows: new PackedCursor(this.#buffer, starts, store.length + 1), count: starts.length };
  }

  #endOf(store: string): number {
    const prefix = Buffer.from(`${store}\0`, 'latin1');
    let [low, high] = [this.#next, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#starts[middle]! + headBytes;
      if (this.#buffer.compare(prefix, 0, prefix.length, at, at + prefix.length) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

class PackedCursor implements Cursor {
  readonly bytes: Buffer;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #starts: Uint32Array;
  readonly #prefixBytes: number;
  #index = 0;

  constructor(bytes: Buffer, starts: Uint32Array, prefixBytes: number) {
    this.bytes = bytes;
    this.#starts = starts;
    this.#prefixBytes = prefixBytes;
  }

  next = (): boolean => {
    if (this.#index === this.#starts.length) return false;
    const start = this.#starts[this.#index++]!;
    const length = this.bytes.readUInt32LE(start + 4);
    this.keyStart = start + headBytes + this.#prefixBytes;
    this.valueStart = this.keyEnd = start + headBytes + this.bytes.readUInt32LE(start);
    this.valueEnd = length === deletion ? -1 : this.keyEnd + length;
    return true;
  };
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

/**
 * Most keys differ in the five bytes behind what all have in common. These and the row's number make one number of 64 bits, which sort
 * without a call per comparison; a stable sort, so that of one key the newest stays last. The rest is compared where they are the same.
 */
function sortedByKey(buffer: Buffer, starts: Uint32Array): Uint32Array {
  const leads = sortedLeads(buffer, starts);
  const sorted = starts.map((_, index) => starts[leads[index * 2]! & rowMask]!);
  const isSameLead = (a: number, b: number): boolean =>
    leads[a * 2 + 1] === leads[b * 2 + 1] && leads[a * 2]! >>> 24 === leads[b * 2]! >>> 24;
  let length = 0;
  for (let from = 0, to = 1; from < sorted.length; from = to++) {
    while (to < sorted.length && isSameLead(from, to)) to += 1;
    if (to - from > 1) sorted.subarray(from, to).sort((a, b) => comparePacked(buffer, a, b) || a - b);
    for (let index = from; index < to; index++)
      if (index === to - 1 || comparePacked(buffer, sorted[index]!, sorted[index + 1]!) !== 0) sorted[length++] = sorted[index]!;
  }
  return sorted.subarray(0, length);
}

/** Two words per row: the fifth byte and the row's number, the first four bytes. */
function sortedLeads(buffer: Buffer, starts: Uint32Array): Uint32Array {
  const common = commonLength(buffer, starts);
  const leads = new Uint32Array(starts.length * 2);
  for (let row = 0; row < starts.length; row++) {
    const at = starts[row]! + headBytes + common;
    const length = buffer.readUInt32LE(starts[row]) - common;
    const byteAt = (offset: number): number => (offset < length ? buffer[at + offset]! : 0);
    leads[row * 2] = (byteAt(4) << 24) | row;
    leads[row * 2 + 1] = (byteAt(0) << 24) | (byteAt(1) << 16) | (byteAt(2) << 8) | byteAt(3);
  }
  new BigUint64Array(leads.buffer).sort();
  return leads;
}

/** Low bits of a row's number: a packed buffer of many more rows would take gigabytes. */
const rowMask = 0xff_ffff;

function commonLength(buffer: Buffer, starts: Uint32Array): number {
  const first = starts[0] ?? 0;
  let common = starts.length === 0 ? 0 : buffer.readUInt32LE(first);
  for (const start of starts) {
    common = Math.min(common, buffer.readUInt32LE(start));
    for (let at = 0; at < common; at++) if (buffer[first + headBytes + at] !== buffer[start + headBytes + at]) common = at;
  }
  return common;
}

function comparePacked(buffer: Buffer, a: number, b: number): number {
  const [aKey, bKey] = [a + headBytes, b + headBytes];
  return buffer.compare(buffer, bKey, bKey + buffer.readUInt32LE(b), aKey, aKey + buffer.readUInt32LE(a));
}
