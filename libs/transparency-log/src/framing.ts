/**
 * Unambiguous bytes for hashing: each field carries its kind and its length, so that no two different lists of fields
 * give the same bytes. Integers are signed 64-bit big-endian, because a record without a timestamp has -1.
 */
const kind = { absent: 0, bytes: 1, integer: 2, list: 3 } as const;

/** A frame is written as is; `null` differs from empty. */
export type Field = null | Buffer | string | number | readonly Field[];

/** @throws RangeError on a number that is no safe integer: two such numbers could share their bytes */
export function frame(field: Field): Buffer {
  if (field === null) return Buffer.from([kind.absent]);
  if (typeof field === 'number') return Buffer.concat([Buffer.from([kind.integer]), int64(field)]);
  if (typeof field === 'string') return frame(Buffer.from(field, 'utf8'));
  if (Buffer.isBuffer(field)) return Buffer.concat([Buffer.from([kind.bytes]), int64(field.length), field]);
  return Buffer.concat([Buffer.from([kind.list]), int64(field.length), ...field.map(frame)]);
}

function int64(value: number): Buffer {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer, so it cannot be hashed`);
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
