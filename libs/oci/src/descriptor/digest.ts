import { createHash, type Hash } from 'node:crypto';
import type { Digest } from '@waybill/domain';

/** SHA-256 digest of bytes, `sha256:<hex>`. */
export const digestOf = (bytes: Uint8Array | string): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;

export const algorithmOf = (digest: Digest): 'sha256' | 'sha512' => (digest.startsWith('sha512:') ? 'sha512' : 'sha256');

export const hashFor = (digest: Digest): Hash => createHash(algorithmOf(digest));

/** Whether the bytes have the digest, by its own algorithm. */
export const hasDigest = (bytes: Uint8Array, digest: Digest): boolean =>
  `${algorithmOf(digest)}:${hashFor(digest).update(bytes).digest('hex')}` === digest;
