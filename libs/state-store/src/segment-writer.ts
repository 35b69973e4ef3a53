import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Bloom, hashKey, newHash } from './bloom.ts';
import { isDeleted, type Cursor } from './cursor.ts';
import { blockBytes, crcBytes, deletion, encodeFooter, indexHeadBytes, offsetBytes, rowHeadBytes } from './segment-file.ts';

export type WrittenSegment = { readonly rows: number; readonly bytes: number };

const pieceBytes = 262_144;

/** Writes a segment, row by row in key order. Not synced: after an unclean stop of the machine the folder is not trusted anyway. */
export class SegmentWriter {
  readonly #path: string;
  readonly #file: number;
  readonly #bloom: Bloom;
  readonly #hash = newHash();
  #piece = Buffer.allocUnsafeSlow(pieceBytes);
  /** Where the next row goes in the piece, where the block under way begins there, and where the piece begins in the file. */
  #at = 0;
  #blockAt = 0;
  #pieceAt = 0;
  #index = Buffer.allocUnsafeSlow(16_384);
  #indexAt = 0;
  #indexEntryAt = 0;
  #blocks = 0;
  #rows = 0;

  /** @param rowsMax at least as many as will come @throws Error of the file system */
  constructor(path: string, rowsMax: number) {
    this.#path = path;
    this.#bloom = Bloom.forKeys(rowsMax);
    this.#file = openSync(path, 'wx');
  }

  add(row: Cursor): void {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = row;
    const [keyBytes, valueBytes] = [keyEnd - keyStart, isDeleted(row) ? 0 : valueEnd - valueStart];
    const rowBytes = rowHeadBytes + keyBytes + valueBytes;
    if (this.#at > this.#blockAt && this.#at - this.#blockAt + rowBytes + crcBytes > blockBytes) this.#endBlock();
    if (this.#at === this.#blockAt) this.#beginBlock(rowBytes, bytes, keyStart, keyEnd);
    const piece = this.#piece;
    let at = piece.writeUInt16LE(keyBytes, this.#at);
    at = piece.writeUInt32LE(isDeleted(row) ? deletion : valueBytes, at);
    at += bytes.copy(piece, at, keyStart, keyEnd);
    this.#at = valueBytes === 0 ? at : at + bytes.copy(piece, at, valueStart, valueEnd);
    hashKey(bytes, keyStart, keyEnd, this.#hash);
    this.#bloom.add(this.#hash);
    this.#rows += 1;
  }

  /** @throws Error of the file system: then it is to be abandoned */
  finish(): WrittenSegment {
    if (this.#at > this.#blockAt) this.#endBlock();
    this.#flush();
    const filterAt = this.#pieceAt;
    const tail = Buffer.concat([this.#bloom.bytes, this.#index.subarray(0, this.#indexAt)]);
    const places = { filterAt, indexAt: filterAt + this.#bloom.bytes.length };
    const footer = encodeFooter({ rows: this.#rows, blocks: this.#blocks, ...places }, tail);
    writeAll(this.#file, tail);
    writeAll(this.#file, footer);
    closeSync(this.#file);
    return { rows: this.#rows, bytes: filterAt + tail.length + footer.length };
  }

  /** Leaves no file. */
  abandon(): void {
    closeSync(this.#file);
    rmSync(this.#path, { force: true });
  }

  #beginBlock(rowBytes: number, bytes: Buffer, keyStart: number, keyEnd: number): void {
    const wantedBytes = Math.max(blockBytes, rowBytes + crcBytes);
    if (this.#at + wantedBytes > this.#piece.length) this.#flush();
    if (wantedBytes > this.#piece.length) this.#piece = Buffer.allocUnsafeSlow(wantedBytes);
    const entryBytes = indexHeadBytes + keyEnd - keyStart;
    if (this.#indexAt + entryBytes > this.#index.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#index.length * 2, this.#indexAt + entryBytes));
      this.#index.copy(larger, 0, 0, this.#indexAt);
      this.#index = larger;
    }
    this.#indexEntryAt = this.#indexAt;
    const at = this.#index.writeUInt16LE(keyEnd - keyStart, this.#indexAt + offsetBytes);
    this.#indexAt = at + bytes.copy(this.#index, at, keyStart, keyEnd);
  }

  #endBlock(): void {
    this.#at = this.#piece.writeUInt32LE(crc32(this.#piece.subarray(this.#blockAt, this.#at)), this.#at);
    this.#index.writeUIntLE(this.#pieceAt + this.#at, this.#indexEntryAt, offsetBytes);
    this.#blockAt = this.#at;
    this.#blocks += 1;
  }

  #flush(): void {
    writeAll(this.#file, this.#piece.subarray(0, this.#at));
    this.#pieceAt += this.#at;
    this.#at = 0;
    this.#blockAt = 0;
  }
}

/** A full disk takes a part, and says so the next time. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at);
}
