import { crc32c } from '@node-rs/crc32';

/**
 * A record in a segment: a header of 16 bytes, then the payload. All numbers are little-endian.
 *
 *    0  mark          57 53 52 01
 *    4  payloadBytes  uint32
 *    8  payloadCrc    CRC-32C of the payload
 *   12  headerCrc     CRC-32C of the 12 bytes before
 *
 * Both checksums start from the segment's salt: what a sender puts into a body can therefore never pass for a record of its own, also
 * not where a damaged record is searched for the next good one. The header has a checksum of its own, so that a length that was
 * changed is not taken for a write that was cut off.
 */
export const headerBytes = 16;
const mark = Buffer.from([0x57, 0x53, 0x52, 0x01]);

/** Header and payload, to be written one behind the other. */
export function encodeRecord(payload: Buffer, salt: number): readonly [header: Buffer, payload: Buffer] {
  const header = Buffer.allocUnsafe(headerBytes);
  mark.copy(header);
  header.writeUInt32LE(payload.length, 4);
  header.writeUInt32LE(crc32c(payload, salt), 8);
  header.writeUInt32LE(crc32c(header.subarray(0, 12), salt), 12);
  return [header, payload];
}

/** What stands at a place: a record, the beginning of one whose rest is not here, or neither. */
export type Look =
  | { readonly kind: 'record'; readonly payload: Buffer; readonly bytes: number }
  | { readonly kind: 'cut'; readonly bytesNeeded: number }
  /** `bytes` is what the record takes, where its header still says so. */
  | { readonly kind: 'damaged'; readonly bytes: number | undefined };

/** The payload is a view of `bytes`. */
export function lookAt(bytes: Buffer, at: number, salt: number): Look {
  const leftBytes = bytes.length - at;
  if (leftBytes < headerBytes) return { kind: 'cut', bytesNeeded: headerBytes };
  const recordBytes = findRecordBytes(bytes, at, salt);
  if (recordBytes === undefined) return { kind: 'damaged', bytes: undefined };
  if (leftBytes < recordBytes) return { kind: 'cut', bytesNeeded: recordBytes };
  const payload = bytes.subarray(at + headerBytes, at + recordBytes);
  const isGood = crc32c(payload, salt) === bytes.readUInt32LE(at + 8);
  return isGood ? { kind: 'record', payload, bytes: recordBytes } : { kind: 'damaged', bytes: recordBytes };
}

/** Where the next header begins, from `from` on; undefined where `bytes` hold none as a whole. */
export function findHeader(bytes: Buffer, from: number, salt: number): number | undefined {
  for (let at = bytes.indexOf(mark, from); at >= 0; at = bytes.indexOf(mark, at + 1))
    if (findRecordBytes(bytes, at, salt) !== undefined) return at;
  return undefined;
}

function findRecordBytes(bytes: Buffer, at: number, salt: number): number | undefined {
  if (at + headerBytes > bytes.length || !mark.equals(bytes.subarray(at, at + mark.length))) return undefined;
  if (crc32c(bytes.subarray(at, at + 12), salt) !== bytes.readUInt32LE(at + 12)) return undefined;
  return headerBytes + bytes.readUInt32LE(at + 4);
}
