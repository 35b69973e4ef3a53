import type { Cursor } from './cursor.ts';
import { blockBytes, deletion, rowHeadBytes } from './segment-file.ts';
import type { Segment } from './segment.ts';

/**
 * Rows whose keys begin with `prefix`, from the first to the last, or backwards. Forwards those before `from` are left out, but for some
 * that lie in the same block.
 */
export type SegmentRange = { readonly prefix?: Uint8Array; readonly from?: Uint8Array; readonly reverse?: boolean };

/** The rows of a segment, block by block. @throws SegmentDamaged, Error of the file system, from `next` */
export class SegmentCursor implements Cursor {
  bytes: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #segment: Segment;
  readonly #prefix: Buffer;
  readonly #step: 1 | -1;
  readonly #scratch = Buffer.allocUnsafeSlow(2 * blockBytes);
  #block: number;
  /** Where the rows of the block start, to go through them backwards. */
  #starts: number[] = [];
  #at = 0;

  constructor(segment: Segment, { prefix = new Uint8Array(0), from = prefix, reverse = false }: SegmentRange = {}) {
    this.#segment = segment;
    this.#prefix = Buffer.from(prefix);
    this.#step = reverse ? -1 : 1;
    const block = segment.blockOf(reverse ? Buffer.concat([prefix, lastByte]) : from);
    this.#block = (reverse ? block : Math.max(block, 0)) - this.#step;
  }

  next = (): boolean => {
    while (this.#step === 1 ? this.#forward() : this.#backward()) {
      if (this.#prefix.length === 0) return true;
      const order = this.#prefix.compare(this.bytes, this.keyStart, Math.min(this.keyEnd, this.keyStart + this.#prefix.length));
      if (order === 0) return true;
      if (order * this.#step < 0) return false; // Behind the range.
    }
    return false;
  };

  #forward(): boolean {
    if (this.#at >= this.bytes.length && !this.#nextBlock()) return false;
    this.#at = this.#stand(this.#at);
    return true;
  }

  #backward(): boolean {
    if (this.#starts.length === 0) {
      if (!this.#nextBlock()) return false;
      for (let at = 0; at < this.bytes.length; at = this.#stand(at)) this.#starts.push(at);
    }
    this.#stand(this.#starts.pop()!);
    return true;
  }

  #nextBlock(): boolean {
    const block = this.#block + this.#step;
    if (block < 0 || block >= this.#segment.blocks) return false;
    this.#block = block;
    this.bytes = this.#segment.block(block, this.#scratch);
    this.#at = 0;
    return true;
  }

  /** @returns where the row ends */
  #stand(at: number): number {
    const length = this.bytes.readUInt32LE(at + 2);
    this.keyStart = at + rowHeadBytes;
    this.valueStart = this.keyEnd = this.keyStart + this.bytes.readUInt16LE(at);
    this.valueEnd = length === deletion ? -1 : this.keyEnd + length;
    return length === deletion ? this.keyEnd : this.valueEnd;
  }
}

/** No UTF-8 has this byte: it sorts behind every key that begins as what stands before it. */
const lastByte = Buffer.from([0xff]);
