import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto';
import { Refusal } from './refusal.ts';
import type { Signer } from './signer.ts';

export type TrustedKey = {
  /** `sha256:<hex>` of the key in DER (SubjectPublicKeyInfo), as policies name it. */
  readonly id: string;
  readonly publicKey: KeyObject;
  /** What it may have signed a hash by; null where the scheme has its own. */
  readonly hashes: readonly (string | null)[];
};

/**
 * Sigstore's registry of algorithms gives each curve its own hash; cosign before version 3 took SHA-256 with each.
 * Source: sigstore/architecture-docs, "Algorithm Registry".
 */
const hashesByCurve: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['sha256'],
  secp384r1: ['sha384', 'sha256'],
  secp521r1: ['sha512', 'sha256'],
};
const rsaBitsMin = 2_048;

/**
 * A public key in PEM.
 * @throws Error that says what is wrong, and nothing of what the text holds
 */
export function parsePublicKey(pem: string): TrustedKey {
  // Node would derive the public key from it: nobody would notice that a secret lies where it must not.
  if (/PRIVATE KEY/.test(pem)) throw new Error('holds a private key: put its public key there, and the private one where nobody reads it');
  if ((pem.match(/-----BEGIN /g)?.length ?? 0) !== 1) throw new Error('holds not exactly one PEM block: give each key a file of its own');
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(pem);
  } catch {
    throw new Error('holds no public key in PEM (SubjectPublicKeyInfo)'); // The cause may quote the text.
  }
  const id = `sha256:${hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex')}`;
  return { id, publicKey, hashes: hashesOf(publicKey) };
}

function hashesOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): TrustedKey['hashes'] {
  if (type === 'ed25519') return [null];
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= rsaBitsMin) return ['sha256'];
  const hashes = type === 'ec' ? hashesByCurve[details?.namedCurve ?? ''] : undefined;
  if (hashes === undefined)
    throw new Error(`holds a key that is not taken: use P-256, P-384, P-521, Ed25519, or RSA of ${rsaBitsMin} bits`);
  return hashes;
}

/** @throws Refusal `SIGNATURE_INVALID` where none of the keys made it */
export function verifyByKey(keys: readonly TrustedKey[], signed: Buffer, signature: Buffer): Signer {
  const key = keys.find(({ publicKey, hashes }) => hashes.some((algorithm) => isBy(publicKey, algorithm, signed, signature)));
  if (key) return { issuer: null, subject: null, key: key.id };
  const why = keys.length === 0 ? 'no key is configured' : `it is by none of the ${keys.length} keys, or what it is of was changed`;
  throw new Refusal('SIGNATURE_INVALID', `${why}: sign with a key of SIGNATURE_KEYS_DIR`);
}

function isBy(key: KeyObject, algorithm: string | null, signed: Buffer, signature: Buffer): boolean {
  try {
    return verify(algorithm, signed, key, signature);
  } catch {
    return false; // No signature of that scheme at all.
  }
}
