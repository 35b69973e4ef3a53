import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Bloom, type KeyHash } from './bloom.ts';
import { blockBytes, crcBytes, deletion, findFooter, footerBytes, indexHeadBytes, isFooterOf, offsetBytes } from './segment-file.ts';
import { rowHeadBytes, type Footer } from './segment-file.ts';

/** Its file is not what was written. */
export class SegmentDamaged extends Error {}

/**
 * A segment that is open for reading. In memory it has its filter and the first key of each block: two to three bytes per row of
 * a few bytes, eight per row of 400.
 */
export class Segment {
  readonly rows: number;
  readonly blocks: number;
  readonly #path: string;
  readonly #file: number;
  readonly #bloom: Bloom;
  readonly #index: Buffer;
  /** Where the index has the entry of each block. */
  readonly #entries: Uint32Array;
  /** A bit per block: whether its checksum has been looked at. It costs as much as the reading, and pages do not change. */
  readonly #checked: Uint8Array;
  readonly #scratch = Buffer.allocUnsafeSlow(2 * blockBytes);

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
      this.blocks = footer.blocks;
      this.#bloom = new Bloom(tail.subarray(0, indexAt - filterAt));
      this.#index = tail.subarray(indexAt - filterAt);
      this.#entries = new Uint32Array(footer.blocks);
      this.#checked = new Uint8Array(Math.ceil(footer.blocks / 8));
      for (let block = 0, at = 0; block < footer.blocks; block++) {
        this.#entries[block] = at;
        at += indexHeadBytes + this.#index.readUInt16LE(at + offsetBytes);
      }
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /**
   * A copy of the value, `null` for a row that is deleted here, `undefined` for one that is not here.
   * @throws SegmentDamaged, Error of the file system
   */
  find(key: Buffer, hash: KeyHash): Buffer | null | undefined {
    if (!this.#bloom.mayHave(hash)) return undefined;
    const block = this.blockOf(key);
    if (block < 0) return undefined;
    const bytes = this.block(block, this.#scratch);
    const last = key[key.length - 1];
    for (let at = 0; at < bytes.length;) {
      const keyStart = at + rowHeadBytes;
      const keyEnd = keyStart + (bytes[at]! | (bytes[at + 1]! << 8));
      const length = bytes.readUInt32LE(at + 2);
      // A look at the last byte, since calling `compare` costs as much as passing by ten rows.
      const maySame = keyEnd - keyStart === key.length && (last === undefined || bytes[keyEnd - 1] === last);
      if (maySame && bytes.compare(key, 0, key.length, keyStart, keyEnd) === 0)
        return length === deletion ? null : Buffer.from(bytes.subarray(keyEnd, keyEnd + length));
      at = length === deletion ? keyEnd : keyEnd + length;
    }
    return undefined;
  }

  /** The last block whose first key is not behind this one; -1 where all are. */
  blockOf(key: Uint8Array): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#entries[middle]! + indexHeadBytes;
      const end = at + this.#index.readUInt16LE(at - 2);
      if (this.#index.compare(key, 0, key.length, at, end) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  firstKey(block: number): Buffer {
    const at = this.#entries[block]! + indexHeadBytes;
    return this.#index.subarray(at, at + this.#index.readUInt16LE(at - 2));
  }

  /** Rows of a block, in `scratch` where they fit. @throws SegmentDamaged, Error of the file system */
  block(block: number, scratch: Buffer): Buffer {
    const start = block === 0 ? 0 : this.#endOf(block - 1);
    const length = this.#endOf(block) - start;
    const bytes = this.#read(start, length, scratch);
    const rows = bytes.subarray(0, length - crcBytes);
    if ((this.#checked[block >>> 3]! & (1 << (block & 7))) === 0) {
      if (crc32(rows) !== bytes.readUInt32LE(rows.length)) throw this.#damaged(`the checksum of the block at ${start} is another`);
      this.#checked[block >>> 3]! |= 1 << (block & 7);
    }
    return rows;
  }

  /** Reads all of it. @throws SegmentDamaged, Error of the file system */
  check(): void {
    for (let block = 0; block < this.blocks; block++) this.block(block, this.#scratch);
  }

  close(): void {
    closeSync(this.#file);
  }

  #endOf(block: number): number {
    return this.#index.readUIntLE(this.#entries[block]!, offsetBytes);
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
