import type { HeaderBytes } from './event-log.ts';

/** Finds the texts of certain headers in one pass over their bytes, without making anything of the others. */
export class HeaderReader<Name extends string> {
  readonly #names: readonly Buffer[];
  readonly #indexes: Readonly<Record<string, number>>;
  /** Per name where its value begins, -1 without one, and where it ends. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(names: readonly Name[]) {
    this.#names = names.map((name) => Buffer.from(name));
    this.#indexes = Object.fromEntries(names.map((name, index) => [name, index]));
    this.#starts = new Int32Array(names.length);
    this.#ends = new Int32Array(names.length);
  }

  /** The last one of a name counts; one without a value is none. What `text` gives is of these headers until the next call. */
  read({ bytes, start, count }: HeaderBytes): void {
    this.#bytes = bytes;
    this.#starts.fill(-1);
    const cursor = { at: start };
    let expected = 0;
    for (let header = 0; header < count; header++) {
      const nameLength = varintAt(bytes, cursor);
      const name = this.#find(bytes, cursor.at, nameLength, expected);
      cursor.at += nameLength;
      const length = varintAt(bytes, cursor);
      if (name >= 0) {
        this.#starts[name] = length < 0 ? -1 : cursor.at;
        this.#ends[name] = cursor.at + length;
        expected = name + 1;
      }
      if (length > 0) cursor.at += length;
    }
  }

  text(name: Name): string | undefined {
    const index = this.#indexes[name]!;
    const start = this.#starts[index]!;
    return start < 0 ? undefined : this.#bytes.toString('utf8', start, this.#ends[index]);
  }

  /** Headers come in the order in which they were written, so that the name after the one before is looked at first. */
  #find(bytes: Buffer, at: number, length: number, expected: number): number {
    const names = this.#names;
    for (let tried = 0, index = expected; tried < names.length; tried++, index++) {
      if (index >= names.length) index = 0;
      if (isAt(bytes, at, length, names[index]!)) return index;
    }
    return -1;
  }
}

function isAt(bytes: Buffer, at: number, length: number, name: Buffer): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== name[index]) return false;
  return true;
}

/** A zigzag varint of 32 bits; leaves the cursor behind it. */
function varintAt(bytes: Buffer, cursor: { at: number }): number {
  let byte = bytes[cursor.at++]!;
  let value = byte & 0x7f;
  for (let shift = 7; byte > 0x7f && shift < 32; shift += 7) {
    byte = bytes[cursor.at++]!;
    value |= (byte & 0x7f) << shift;
  }
  return (value >>> 1) ^ -(value & 1);
}
