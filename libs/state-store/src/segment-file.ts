import { crc32 } from 'node:zlib';

/**
 * A segment holds rows of one store in key order, of each key one, and never changes:
 *
 *     block*  filter  index  footer
 *
 * A block is rows, `[key bytes u16][value bytes u32][key][value]` each, and their CRC-32. In place of the length of a value may stand
 * that the row is deleted. The index has per block `[end of the block u48][key bytes u16][first key]`. The footer is of fixed length; its
 * CRC covers filter, index and the footer itself. Numbers are little-endian.
 */
export const rowHeadBytes = 6;
/** In place of a value's length. */
export const deletion = 0xffff_ffff;
export const crcBytes = 4;
/** A look-up reads one block: a page of the file system, or a little more. A row that is longer has a block for itself. */
export const blockBytes = 4_096;
export const indexHeadBytes = 8;
export const offsetBytes = 6;

export type Footer = {
  readonly rows: number;
  readonly blocks: number;
  readonly filterAt: number;
  readonly indexAt: number;
  readonly crc: number;
};

export const footerBytes = 32;
const magic = 'WBSEGM02';
const [blocksAt, filterAtAt, indexAtAt, magicAt, crcAt] = [4, 8, 14, 20, 28];

/** @param tail filter and index, which the checksum covers too */
export function encodeFooter({ rows, blocks, filterAt, indexAt }: Omit<Footer, 'crc'>, tail: Uint8Array): Buffer {
  const footer = Buffer.alloc(footerBytes);
  footer.writeUInt32LE(rows);
  footer.writeUInt32LE(blocks, blocksAt);
  footer.writeUIntLE(filterAt, filterAtAt, offsetBytes);
  footer.writeUIntLE(indexAt, indexAtAt, offsetBytes);
  footer.write(magic, magicAt, 'latin1');
  footer.writeUInt32LE(crc32(footer.subarray(0, crcAt), crc32(tail)), crcAt);
  return footer;
}

/** @returns `undefined` when the bytes end something else */
export function findFooter(footer: Buffer): Footer | undefined {
  if (footer.toString('latin1', magicAt, crcAt) !== magic) return undefined;
  return {
    rows: footer.readUInt32LE(),
    blocks: footer.readUInt32LE(blocksAt),
    filterAt: footer.readUIntLE(filterAtAt, offsetBytes),
    indexAt: footer.readUIntLE(indexAtAt, offsetBytes),
    crc: footer.readUInt32LE(crcAt),
  };
}

export const isFooterOf = ({ crc, ...footer }: Footer, tail: Uint8Array): boolean => encodeFooter(footer, tail).readUInt32LE(crcAt) === crc;
