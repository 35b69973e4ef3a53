import { createHmac, timingSafeEqual } from 'node:crypto';
import { findHeader, type AuthRequest } from './request.ts';
import { anyOpens, type Secret } from './secret.ts';
import { refused, type Verdict } from './verdict.ts';

/** A clock may be off by so much, both ways; an older signature may be somebody's recording. */
const toleranceSeconds = 300;
/** Signatures in one header: one for each of the sender's secrets. */
const signaturesMax = 16;
const macBytes = 32;

/** `webhook-signature: v1,<base64> …` over `<id>.<timestamp>.<body>`; other versions in the header are passed over. */
export function verifyStandardWebhook(secrets: readonly Secret[], request: AuthRequest, nowMs: number): Verdict {
  const [id, timestamp, header] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => findHeader(request, name));
  if (id === undefined || timestamp === undefined || header === undefined) return refused('missing');
  if (id === null || timestamp === null || header === null || !/^\d{1,12}$/.test(timestamp)) return refused('malformed');
  const presented = header.split(' ').slice(0, signaturesMax).flatMap(findMac);
  if (presented.length === 0) return refused('malformed');
  const verdict = anyOpens(secrets, nowMs, (value) => {
    const wanted = mac(value, id, timestamp, request.body);
    return wanted !== undefined && presented.reduce((matches, one) => matches + Number(timingSafeEqual(one, wanted)), 0) > 0;
  });
  const isInTime = Math.abs(nowMs / 1_000 - Number(timestamp)) <= toleranceSeconds;
  return verdict.ok && !isInTime ? refused('expired') : verdict;
}

/** The key behind `whsec_<base64>`, 24 bytes or more; undefined for a text that is none. */
export function findStandardWebhookKey(secret: string): Buffer | undefined {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  if (encoded === undefined) return undefined;
  const key = Buffer.from(encoded, 'base64');
  return key.length >= 24 && key.toString('base64') === encoded ? key : undefined;
}

/** The three headers that a sender with `secret` would send. */
export function standardWebhookHeaders(secret: string, id: string, timestamp: string, body: Buffer): Readonly<Record<string, string>> {
  const signature = mac(secret, id, timestamp, body);
  if (signature === undefined) throw new TypeError('the secret must be whsec_ and base64 of 24 bytes or more');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature.toString('base64')}` };
}

function mac(secret: string, id: string, timestamp: string, body: Buffer): Buffer | undefined {
  const key = findStandardWebhookKey(secret);
  return key && createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

function findMac(part: string): readonly Buffer[] {
  const encoded = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(part)?.[1];
  if (encoded === undefined) return [];
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.length === macBytes && bytes.toString('base64') === encoded ? [bytes] : [];
}
