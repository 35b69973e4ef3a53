import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { decrypt, encrypt, keyBytes, nonceBytes, type KeyRing } from './key-ring.ts';

/** A document at rest: its text under a key of its own, and that key under one of the ring. Keys and text are base64. */
const Envelope = Type.Object(
  {
    sealed: Type.Literal('waybill/v1'),
    keyId: Type.String({ maxLength: 63 }),
    dataKey: Type.String({ maxLength: 1_024 }),
    text: Type.String({ maxLength: 1_048_576 }),
  },
  { additionalProperties: false },
);
const start = '{"sealed":';

/** Whether a published text is an envelope, also one that nobody can open. No document is written like that. */
export const isSealed = (text: string): boolean => text.startsWith(start);

/** @param randomBytes For a new data key and two nonces */
export function seal(text: string, policyId: string, ring: KeyRing, randomBytes: (count: number) => Buffer): string {
  const dataKey = randomBytes(keyBytes);
  return JSON.stringify({
    sealed: 'waybill/v1',
    keyId: ring.keyId,
    dataKey: ring.wrap(dataKey, policyId, randomBytes(nonceBytes)).toString('base64'),
    text: encrypt(dataKey, Buffer.from(text), policyId, randomBytes(nonceBytes)).toString('base64'),
  });
}

export type Opened =
  | { readonly ok: true; readonly text: string; readonly keyId: string }
  | { readonly ok: false; readonly keyId: string; readonly reason: string };

/** Total. The envelope of one policy opens as no other's. */
export function unseal(envelope: string, policyId: string, ring: KeyRing | undefined): Opened {
  const read = readEnvelope(envelope);
  if (read === undefined) return { ok: false, keyId: '', reason: 'its envelope cannot be read' };
  const { keyId } = read;
  if (ring === undefined) return { ok: false, keyId, reason: `it is sealed with key ${keyId}, and no key is there` };
  const dataKey = ring.unwrap(keyId, Buffer.from(read.dataKey, 'base64'), policyId);
  const text = dataKey?.length === keyBytes ? decrypt(dataKey, Buffer.from(read.text, 'base64'), policyId) : undefined;
  if (text === undefined) return { ok: false, keyId, reason: `it does not open with key ${keyId}: that key is not there, or another` };
  return { ok: true, keyId, text: text.toString('utf8') };
}

function readEnvelope(text: string) {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Envelope, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
