import { hash } from 'node:crypto';

/**
 * An id that the same parts always yield, so that a delivery repeated, a replay or a second try make no second event.
 *
 * UUID of version 8 (RFC 9562, section 5.8) over SHA-256 of the parts, each with its length before it, so that
 * `('ab', 'c')` and `('a', 'bc')` differ.
 */
export function deterministicId(...parts: readonly (string | number | null)[]): string {
  let text = '';
  for (const part of parts) {
    const value = part === null ? '' : String(part);
    text += `${part === null ? 'n' : Buffer.byteLength(value)}:${value}`;
  }
  const hex = hash('sha256', text, 'hex');
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 0x3]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
