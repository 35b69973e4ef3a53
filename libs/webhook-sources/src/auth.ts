import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** How a sender proves that it is one. Header names are lower case. */
export type AuthScheme =
  /** The header's whole value is the secret (Harbor's "auth header", Distribution's `headers`). */
  | { readonly scheme: 'header'; readonly header: string }
  /** `Authorization: Bearer <secret>` (RFC 6750). */
  | { readonly scheme: 'bearer' }
  /** `Authorization: Basic <base64>`; the secret is `user:password` (RFC 7617). */
  | { readonly scheme: 'basic' }
  /** HMAC-SHA256 over the body's bytes, in hex after `prefix`, which may be empty. */
  | { readonly scheme: 'hmac-sha256'; readonly header: string; readonly prefix: string }
  /** The last segment of the path is the secret: for senders that can be given a URL and nothing else (Docker Hub). */
  | { readonly scheme: 'url-path' }
  | { readonly scheme: 'url-query'; readonly parameter: string };

export type AuthRequest = {
  readonly headers: Readonly<Record<string, string>>;
  /** As received. Needed by schemes that {@link needsBody}. */
  readonly body: Buffer;
  /** Path and query as on the request line. */
  readonly url: string;
};

/** Whether the proof is over the body, so that it cannot be checked before the body is there. */
export const needsBody = (scheme: AuthScheme): boolean => scheme.scheme === 'hmac-sha256';

/**
 * True if the request proves knowledge of one of the secrets. Several may be valid at once, so that they can be rotated.
 *
 * All are compared, each in constant time and over digests of equal length, so that the answer's time tells neither which one nor
 * how much of it was right. No secret, or an empty one, opens nothing. Total: never throws.
 */
export function verify(scheme: AuthScheme, secrets: readonly string[], request: AuthRequest): boolean {
  const presented = presentedBy(scheme, request);
  if (presented === undefined) return false;
  let matches = 0;
  for (const secret of secrets) {
    if (secret === '') continue;
    const wanted = scheme.scheme === 'hmac-sha256' ? createHmac('sha256', secret).update(request.body).digest('hex') : secret;
    matches += Number(timingSafeEqual(sha256(presented), sha256(wanted)));
  }
  return matches > 0;
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

function presentedBy(scheme: AuthScheme, { headers, url }: AuthRequest): string | undefined {
  switch (scheme.scheme) {
    case 'header':
      return headers[scheme.header];
    case 'bearer':
      return /^bearer +(\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
    case 'basic': {
      const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(headers['authorization'] ?? '')?.[1];
      return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
    }
    case 'hmac-sha256': {
      const value = headers[scheme.header];
      if (value === undefined || !value.startsWith(scheme.prefix)) return undefined;
      const hex = value.slice(scheme.prefix.length).toLowerCase();
      return /^[a-f0-9]{64}$/.test(hex) ? hex : undefined;
    }
    case 'url-path':
      return parseUrl(url)?.pathname.split('/').at(-1);
    case 'url-query':
      return parseUrl(url)?.searchParams.get(scheme.parameter) ?? undefined;
  }
}

const parseUrl = (url: string): URL | null => URL.parse(url, 'http://gateway.invalid');
