import { createCipheriv, createDecipheriv } from 'node:crypto';

/**
 * Where keys are kept, as a key management service offers it: data keys go in and come out wrapped, keys never leave. What a data key is
 * for goes with it as `context`, so that one cannot be put to another use.
 */
export type KeyRing = {
  /** Of the key that data keys are wrapped with now. */
  readonly keyId: string;
  wrap(dataKey: Buffer, context: string, nonce: Buffer): Buffer;
  /** @returns undefined where there is no such key, or it did not wrap this */
  unwrap(keyId: string, wrapped: Buffer, context: string): Buffer | undefined;
};

export const keyBytes = 32;
export const nonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';

/**
 * Keys as a file holds them: a line each, `<id> <32 bytes in base64>`. The first wraps, all unwrap: a new one goes before the others.
 * @throws Error that names the line, never what it holds
 */
export function parseKeyRing(text: string): KeyRing {
  const keys = new Map<string, Buffer>();
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, id, base64] = /^([a-z0-9][a-z0-9._-]{0,62})[ \t]+([A-Za-z0-9+/]{43}=)\s*$/.exec(line) ?? [];
    if (id === undefined || base64 === undefined || keys.has(id))
      throw new Error(`line ${index + 1} is not \`<id> <32 bytes in base64>\` with an id of its own`);
    keys.set(id, Buffer.from(base64, 'base64'));
  }
  const [keyId] = keys.keys();
  if (keyId === undefined) throw new Error('there is no key in it');
  return {
    keyId,
    wrap: (dataKey, context, nonce) => encrypt(keys.get(keyId)!, dataKey, `${keyId}\n${context}`, nonce),
    unwrap: (id, wrapped, context) => {
      const key = keys.get(id);
      return key && decrypt(key, wrapped, `${id}\n${context}`);
    },
  };
}

/** AES-256-GCM (NIST SP 800-38D): nonce, ciphertext, tag. A nonce is used once with a key. */
export function encrypt(key: Buffer, plain: Buffer, context: string, nonce: Buffer): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @returns undefined where a bit, the key or the context is another */
export function decrypt(key: Buffer, sealed: Buffer, context: string): Buffer | undefined {
  if (sealed.length < nonceBytes + tagBytes) return undefined;
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}
