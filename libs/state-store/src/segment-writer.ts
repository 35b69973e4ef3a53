import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Bloom, hashKey, newHash } from './bloom.ts';
import { blockBytes, crcBytes, encodeFooter, rowHeadBytes, valueBytes, type Row } from './segment-file.ts';

export type WrittenSegment = { readonly rows: number; readonly bytes: number; readonly newest: Buffer };

const pieceBytes = 1_048_576;

/**
 * Writes a segment in one go. Not synced: after an unclean stop of the machine the folder is not trusted anyway.
 * @param rows in key order, each key once; a row may be a view that changes with the next
 * @param rowsMax at least as many as there are
 * @throws Error of the file system; then no file is left
 */
export function writeSegment(path: string, rows: Iterable<Row>, rowsMax: number): WrittenSegment {
  const file = openSync(path, 'wx');
  try {
    return writeTo(file, rows, rowsMax);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function writeTo(file: number, rows: Iterable<Row>, rowsMax: number): WrittenSegment {
  const bloom = Bloom.forKeys(rowsMax);
  const hash = newHash();
  const out = new Piece(file);
  const index = new Piece();
  const newest = Buffer.alloc(valueBytes);
  let [count, blocks] = [0, 0];
  let firstKey: Buffer | undefined;
  const endBlock = (): void => {
    if (!firstKey) return;
    out.endBlock();
    index.reserve(6 + firstKey.length);
    index.at = index.bytes.writeUInt32LE(out.total, index.at);
    index.at = index.bytes.writeUInt16LE(firstKey.length, index.at);
    index.at += firstKey.copy(index.bytes, index.at);
    blocks += 1;
    firstKey = undefined;
  };
  for (const { key, value } of rows) {
    if (value.length !== valueBytes) throw new Error(`a row of a store that is only added to has ${valueBytes} bytes`);
    if (firstKey && out.blockLength + rowHeadBytes + key.length + crcBytes > blockBytes) endBlock();
    firstKey ??= Buffer.from(key);
    out.add(key, value);
    hashKey(key, 0, key.length, hash);
    bloom.add(hash);
    if (value.compare(newest) > 0) value.copy(newest);
    count += 1;
  }
  endBlock();
  out.flush();
  const tail = Buffer.concat([bloom.bytes, index.bytes.subarray(0, index.at)]);
  const filterAt = out.total;
  const footer = encodeFooter({ rows: count, blocks, filterAt, indexAt: filterAt + bloom.bytes.length }, tail);
  writeAll(file, tail);
  writeAll(file, footer);
  return { rows: count, bytes: filterAt + tail.length + footer.length, newest };
}

/** Bytes that grow in memory, or go to a file piece by piece. */
class Piece {
  bytes = Buffer.allocUnsafeSlow(pieceBytes);
  at = 0;
  readonly #file: number | undefined;
  #flushed = 0;
  #blockStart = 0;

  constructor(file?: number) {
    this.#file = file;
  }

  get total(): number {
    return this.#flushed + this.at;
  }

  get blockLength(): number {
    return this.at - this.#blockStart;
  }

  add(key: Buffer, value: Buffer): void {
    this.reserve(rowHeadBytes + key.length + crcBytes);
    this.at = this.bytes.writeUInt16LE(key.length, this.at);
    this.at += value.copy(this.bytes, this.at);
    this.at += key.copy(this.bytes, this.at);
  }

  endBlock(): void {
    this.at = this.bytes.writeUInt32LE(crc32(this.bytes.subarray(this.#blockStart, this.at)), this.at);
    if (this.at > pieceBytes - 2 * blockBytes) this.flush();
    this.#blockStart = this.at;
  }

  flush(): void {
    writeAll(this.#file!, this.bytes.subarray(0, this.at));
    this.#flushed += this.at;
    this.at = 0;
    this.#blockStart = 0;
  }

  reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(this.bytes.length * 2);
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

/** A full disk takes a part, and says so the next time. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at);
}
