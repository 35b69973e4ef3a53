import { createHash } from 'node:crypto';

/**
 * An id that the same parts always yield, so that a delivery repeated, a replay or a second try make no second event.
 *
 * UUID of version 8 (RFC 9562, section 5.8) over SHA-256 of the parts, each with its length before it, so that
 * `('ab', 'c')` and `('a', 'bc')` differ.
 */
export function deterministicId(...parts: readonly (string | number | null)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const text = part === null ? '' : String(part);
    hash.update(`${part === null ? 'n' : Buffer.byteLength(text)}:${text}`);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
