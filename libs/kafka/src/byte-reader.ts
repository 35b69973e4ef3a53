/** Reads what `ByteWriter` writes. Numbers beyond the end throw a RangeError; varints there are 0: their reader has to compare `at`. */
export class ByteReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  /** Exact up to 2^53: offsets, ids and times stay below. */
  int64(): number {
    const value = int64At(this.bytes, this.at);
    this.at += 8;
    return value;
  }

  varint(): number {
    const { bytes } = this;
    let { at } = this;
    let byte = bytes[at++]!;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f && shift < 32; shift += 7) {
      byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
    }
    this.at = at;
    return (value >>> 1) ^ -(value & 1);
  }

  varlong(): number {
    const start = this.at;
    const { bytes } = this;
    // Four bytes are enough for 37 hours in ms: what is longer is rare and may be slow.
    for (let index = 0; index < 4; index++) if (bytes[start + index]! <= 0x7f) return this.varint();
    let value = 0n;
    let shift = 0n;
    for (; shift < 70n; shift += 7n) {
      const byte = bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (!(byte > 0x7f)) break;
    }
    const zigzag = BigInt.asUintN(64, value);
    return Number((zigzag >> 1n) ^ -(zigzag & 1n));
  }

  text(): string {
    const length = this.int16();
    return this.raw(Math.max(0, length)).toString();
  }

  /** A slice, not a copy. @throws RangeError where so much is not there */
  raw(length: number): Buffer {
    const end = this.at + length;
    if (length < 0 || end > this.bytes.length) throw new RangeError(`${length} bytes are not there`);
    const slice = this.bytes.subarray(this.at, end);
    this.at = end;
    return slice;
  }

  array<T>(read: () => T): readonly T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }
}

export const int64At = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
