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

/** What opens a key that a service has wrapped, by the key's id: 32 bytes in base64. Whatever it throws is told. */
export type UnwrapKey = (keyId: string, wrapped: string) => Promise<string>;

type WrittenKey = { readonly line: number; readonly id: string; readonly wrapped: string | undefined; readonly base64: string };

const keyLine = /^([a-z0-9][a-z0-9._-]{0,62})[ \t]+(?:([A-Za-z0-9+/]{43}=)|wrapped[ \t]+([!-~]{1,8192}))\s*$/;
const isKey = (base64: string): boolean => /^[A-Za-z0-9+/]{43}=$/.test(base64);

/**
 * Keys as a file holds them: a line each, `<id> <32 bytes in base64>`. The first wraps, all unwrap: a new one goes before the others.
 * @throws Error that names the line, never what it holds
 */
export function parseKeyRing(text: string): KeyRing {
  const written = parseKeys(text);
  const wrapped = written.find((key) => key.wrapped !== undefined);
  if (wrapped !== undefined) throw new Error(`line ${wrapped.line} has a wrapped key: name what unwraps it in POLICY_KEY_COMMAND`);
  return ringOf(written);
}

/**
 * As {@link parseKeyRing}, of a file some of whose keys lie there as a key management service has wrapped them: `<id> wrapped <text>`.
 * Each is unwrapped here, once: decisions do not wait for a service.
 * @throws Error that names the line, never what it holds; what `unwrap` throws
 */
export async function openKeyRing(text: string, unwrap: UnwrapKey): Promise<KeyRing> {
  const opened: WrittenKey[] = [];
  for (const key of parseKeys(text)) {
    const base64 = key.wrapped === undefined ? key.base64 : (await unwrap(key.id, key.wrapped)).trim();
    if (!isKey(base64)) throw new Error(`what unwraps key ${key.id} of line ${key.line} has not answered with 32 bytes in base64`);
    opened.push({ ...key, base64 });
  }
  return ringOf(opened);
}

function parseKeys(text: string): readonly WrittenKey[] {
  const keys = new Map<string, WrittenKey>();
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, id, base64 = '', wrapped] = keyLine.exec(line) ?? [];
    if (id === undefined || keys.has(id))
      throw new Error(`line ${index + 1} is not \`<id> <32 bytes in base64>\` or \`<id> wrapped <text>\` with an id of its own`);
    keys.set(id, { line: index + 1, id, wrapped, base64 });
  }
  return [...keys.values()];
}

function ringOf(written: readonly WrittenKey[]): KeyRing {
  const keys = new Map(written.map(({ id, base64 }) => [id, Buffer.from(base64, 'base64')]));
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
