import { crc32 } from 'node:zlib';

/**
 * A segment holds rows of one store that is only added to, in key order, and never changes:
 *
 *     block*  filter  index  footer
 *
 * A block is rows, `[key length u16][value, 8 bytes][key]` each, and their CRC-32. The index has per block `[end of the block u32]
 * [key length u16][first key]`. The footer is of fixed length; its CRC covers filter, index and the footer itself. Numbers are
 * little-endian.
 */
export const valueBytes = 8;
export const rowHeadBytes = 2 + valueBytes;
export const crcBytes = 4;
/** A look-up reads one block: a page of the file system, or a little more. */
export const blockBytes = 4_096;
/** Larger ones are not merged: it bounds how long a merge holds others up, and lets old rows go as whole files. */
export const segmentBytesMax = 64 * 1_048_576;

export type Row = { readonly key: Buffer; readonly value: Buffer };

export type Footer = {
  readonly rows: number;
  readonly blocks: number;
  readonly filterAt: number;
  readonly indexAt: number;
  readonly crc: number;
};

export const footerBytes = 28;
const magic = 'WBSEGM01';
const crcAt = 24;

/** @param tail filter and index, which the checksum covers too */
export function encodeFooter({ rows, blocks, filterAt, indexAt }: Omit<Footer, 'crc'>, tail: Uint8Array): Buffer {
  const footer = Buffer.alloc(footerBytes);
  [rows, blocks, filterAt, indexAt].forEach((number, index) => footer.writeUInt32LE(number, index * 4));
  footer.write(magic, 16, 'latin1');
  footer.writeUInt32LE(crc32(footer.subarray(0, crcAt), crc32(tail)), crcAt);
  return footer;
}

/** @returns `undefined` when the bytes end something else */
export function findFooter(footer: Buffer): Footer | undefined {
  if (footer.toString('latin1', 16, crcAt) !== magic) return undefined;
  const [rows, blocks, filterAt, indexAt] = [0, 4, 8, 12].map((at) => footer.readUInt32LE(at)) as [number, number, number, number];
  return { rows, blocks, filterAt, indexAt, crc: footer.readUInt32LE(crcAt) };
}

export const isFooterOf = ({ crc, ...footer }: Footer, tail: Uint8Array): boolean => encodeFooter(footer, tail).readUInt32LE(crcAt) === crc;
