/** Longest text that is looked at character by character; beyond it the native call is faster. */
const loopCharsMax = 64;
const loopBytesMax = 24;

/** Writes into a buffer whose size was computed before. Numbers are big-endian, as everywhere in Kafka's protocol. */
export class ByteWriter {
  readonly bytes: Buffer;
  at = 0;

  /** @param size Bytes; writing beyond throws a RangeError or is seen by whoever compares `at` with it. */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  int8(value: number): void {
    this.bytes[this.at++] = value;
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  uint32(value: number): void {
    this.at = this.bytes.writeUInt32BE(value, this.at);
  }

  /** Whole numbers within 2^53. */
  int64(value: number): void {
    this.int32(Math.floor(value / 2 ** 32) | 0);
    this.uint32(value >>> 0);
  }

  /** Zigzag varint of a 32-bit number. */
  varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  /** Zigzag varint of a 64-bit number. */
  varlong(value: number): void {
    if (isInt32(value)) return this.varint(value);
    let rest = zigzag64(value);
    while (rest > 0x7fn) {
      this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.at++] = Number(rest);
  }

  /** UTF-8 with its length in front as a varint. */
  varintText(text: string): void {
    const start = this.at;
    if (text.length <= loopCharsMax) {
      this.varint(text.length);
      const { bytes } = this;
      let { at } = this;
      let index = 0;
      for (; index < text.length; index++) {
        const code = text.charCodeAt(index);
        if (code > 0x7f) break;
        bytes[at++] = code;
      }
      this.at = at;
      if (index === text.length) return;
    }
    this.at = start;
    this.varint(Buffer.byteLength(text));
    this.at += this.bytes.write(text, this.at);
  }

  /** Bytes with their length in front as a varint. */
  varintBytes(source: Uint8Array): void {
    this.varint(source.length);
    this.raw(source);
  }

  raw(source: Uint8Array): void {
    const { bytes, at } = this;
    if (source.length > loopBytesMax) bytes.set(source, at);
    else for (let index = 0; index < source.length; index++) bytes[at + index] = source[index]!;
    this.at = at + source.length;
  }

  /** UTF-8 with its length in front as int16; `null` is length -1. */
  text(text: string | null): void {
    if (text === null) return this.int16(-1);
    this.int16(Buffer.byteLength(text));
    this.at += this.bytes.write(text, this.at);
  }
}

const isInt32 = (value: number): boolean => (value | 0) === value;

const zigzag64 = (value: number): bigint => BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));

/** Bytes that `varint` takes. */
export function varintSize(value: number): number {
  const rest = ((value << 1) ^ (value >> 31)) >>> 0;
  if (rest < 0x80) return 1;
  if (rest < 0x40_00) return 2;
  if (rest < 0x20_00_00) return 3;
  return rest < 0x10_00_00_00 ? 4 : 5;
}

/** Bytes that `varlong` takes. */
export function varlongSize(value: number): number {
  if (isInt32(value)) return varintSize(value);
  let size = 1;
  for (let rest = zigzag64(value) >> 7n; rest > 0n; rest >>= 7n) size += 1;
  return size;
}

/** Bytes of a text in UTF-8. */
export function textSize(text: string): number {
  if (text.length > loopCharsMax) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  return text.length;
}
