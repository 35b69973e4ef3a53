import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseForm } from '../form.ts';
import { findHeader, type AuthRequest } from './request.ts';
import type { HmacScheme } from './scheme.ts';
import { anyOpens, type Secret } from './secret.ts';
import { refused, type Verdict } from './verdict.ts';

const algorithms = { 'hmac-sha256': { hash: 'sha256', bytes: 32 }, 'hmac-sha1': { hash: 'sha1', bytes: 20 } } as const;

/** The signature's bytes in hex after the prefix; upper case too, as it stands for the same bytes. */
export function verifyHmac(scheme: HmacScheme, secrets: readonly Secret[], request: AuthRequest, nowMs: number): Verdict {
  const header = findHeader(request, scheme.header);
  if (header === undefined || header === scheme.prefix) return refused('missing'); // Gitea without a secret sends an empty one.
  const { hash, bytes } = algorithms[scheme.scheme];
  if (header === null || !header.startsWith(scheme.prefix)) return refused('malformed');
  const hex = header.slice(scheme.prefix.length);
  if (hex.length !== 2 * bytes || !/^[a-f0-9]+$/i.test(hex)) return refused('malformed');
  const presented = Buffer.from(hex, 'hex');
  const signed = signedBytes(scheme, request);
  return anyOpens(secrets, nowMs, (value) => timingSafeEqual(createHmac(hash, value).update(signed).digest(), presented));
}

/** What a sender signs with `secret`, as the header's value. */
export const hmacSignature = (scheme: HmacScheme, secret: string, request: Pick<AuthRequest, 'rawHeaders' | 'body'>): string =>
  scheme.prefix + createHmac(algorithms[scheme.scheme].hash, secret).update(signedBytes(scheme, request)).digest('hex');

function signedBytes({ over }: HmacScheme, { rawHeaders, body }: Pick<AuthRequest, 'rawHeaders' | 'body'>): Buffer {
  if (over === 'body') return body;
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type');
  return parseForm({ headers: { 'content-type': at < 0 ? '' : rawHeaders[at + 1]! }, body });
}
