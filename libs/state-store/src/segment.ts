import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Bloom, type KeyHash } from './bloom.ts';
import { crcBytes, findFooter, footerBytes, isFooterOf, rowHeadBytes, valueBytes, type Footer, type Row } from './segment-file.ts';

/** Its file is not what was written. */
export class SegmentDamaged extends Error {}

/** A segment that is open for reading. In memory it has its filter and the first key of each block: two to three bytes per row. */
export class Segment {
  readonly rows: number;
  readonly #path: string;
  readonly #file: number;
  readonly #bloom: Bloom;
  readonly #index: Buffer;
  /** Where the index has the entry of each block. */
  readonly #entries: Uint32Array;
  #scratch = Buffer.allocUnsafeSlow(8_192);

  /** @throws SegmentDamaged, Error of the file system */
  constructor(path: string) {
    this.#path = path;
    this.#file = openFile(path);
    try {
      const { size } = fstatSync(this.#file);
      const footer = this.#footer(size);
      const { filterAt, indexAt } = footer;
      const tail = this.#read(filterAt, size - footerBytes - filterAt);
      if (!isFooterOf(footer, tail)) throw this.#damaged('the checksum of its index is another');
      this.rows = footer.rows;
      this.#bloom = new Bloom(tail.subarray(0, indexAt - filterAt));
      this.#index = tail.subarray(indexAt - filterAt);
      this.#entries = new Uint32Array(footer.blocks);
      for (let block = 0, at = 0; block < footer.blocks; block++) {
        this.#entries[block] = at;
        at += 6 + this.#index.readUInt16LE(at + 4);
      }
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** A copy of the value. @throws SegmentDamaged, Error of the file system */
  find(key: Buffer, hash: KeyHash): Buffer | undefined {
    if (!this.#bloom.mayHave(hash)) return undefined;
    const block = this.#blockOf(key);
    if (block < 0) return undefined;
    const bytes = this.#block(block, this.#scratch);
    const last = key[key.length - 1];
    for (let at = 0; at < bytes.length;) {
      const keyStart = at + rowHeadBytes;
      const keyEnd = keyStart + (bytes[at]! | (bytes[at + 1]! << 8));
      // A look at the last byte, since calling `compare` costs as much as passing by ten rows.
      const maySame = keyEnd - keyStart === key.length && bytes[keyEnd - 1] === last;
      if (maySame && bytes.compare(key, 0, key.length, keyStart, keyEnd) === 0) return Buffer.from(bytes.subarray(at + 2, keyStart));
      at = keyEnd;
    }
    return undefined;
  }

  /** All rows in key order: views, each good until the next is asked for. */
  *all(): Generator<Row> {
    const scratch = Buffer.allocUnsafeSlow(this.#scratch.length);
    for (let block = 0; block < this.#entries.length; block++) {
      const bytes = this.#block(block, scratch);
      for (let at = 0; at < bytes.length;) {
        const keyStart = at + rowHeadBytes;
        const keyEnd = keyStart + bytes.readUInt16LE(at);
        yield { key: bytes.subarray(keyStart, keyEnd), value: bytes.subarray(at + 2, at + 2 + valueBytes) };
        at = keyEnd;
      }
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The last block whose first key is not behind this one; -1 where all are. */
  #blockOf(key: Buffer): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#entries[middle]! + 6;
      const end = at + this.#index.readUInt16LE(at - 2);
      if (this.#index.compare(key, 0, key.length, at, end) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Its rows, in `scratch` where they fit. */
  #block(block: number, scratch: Buffer): Buffer {
    const start = block === 0 ? 0 : this.#index.readUInt32LE(this.#entries[block - 1]);
    const length = this.#index.readUInt32LE(this.#entries[block]) - start;
    const bytes = this.#read(start, length, scratch);
    const rows = bytes.subarray(0, length - crcBytes);
    if (crc32(rows) !== bytes.readUInt32LE(rows.length)) throw this.#damaged(`the checksum of the block at ${start} is another`);
    return rows;
  }

  #footer(size: number): Footer {
    const footer = size < footerBytes ? undefined : findFooter(this.#read(size - footerBytes, footerBytes));
    if (!footer || footer.filterAt > footer.indexAt || footer.indexAt > size - footerBytes)
      throw this.#damaged('it does not end as a segment');
    return footer;
  }

  #damaged(what: string): SegmentDamaged {
    return new SegmentDamaged(`${this.#path}: ${what}`);
  }

  #read(at: number, length: number, scratch?: Buffer): Buffer {
    const bytes = scratch && length <= scratch.length ? scratch.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#file, bytes, done, length - done, at + done);
      if (count === 0) throw this.#damaged(`it ends ${length - done} bytes too early`);
      done += count;
    }
    return bytes;
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new SegmentDamaged(`${path} is gone`, { cause: error });
  }
}
