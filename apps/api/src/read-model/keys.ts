import { deterministicId } from '@waybill/domain';

/** Longest part taken into a key as it is; the local store bounds a whole key at 1,978 bytes. */
const partBytesMax = 600;

/** A key of parts, each closed by `|`, so that the key of the first parts is a prefix of exactly what lies below them. */
export const keyOf = (...parts: readonly string[]): string => parts.map((part) => `${bounded(part)}|`).join('');

/** Numbers sort as text: 0 to 999,999,999,999,999. What a clock cannot say counts as 0. */
export const sortable = (value: number): string => String(Math.max(0, Math.trunc(value))).padStart(15, '0');

/** Sorts as text as well, and keeps -1, which says that a record never had a place. */
export const placeKey = (topic: string, partition: number, offset: number): string =>
  keyOf(topic, partition < 0 ? '-' : sortable(partition), offset < 0 ? '-' : sortable(offset));

const bounded = (part: string): string => (Buffer.byteLength(part) <= partBytesMax ? part : deterministicId(part));
