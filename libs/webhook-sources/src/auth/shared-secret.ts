import { findHeader, parseUrl, type AuthRequest } from './request.ts';
import type { SecretScheme } from './scheme.ts';
import { anyOpens, equalTexts, type Secret } from './secret.ts';
import { refused, type RefusedReason, type Verdict } from './verdict.ts';

export type SharedSecretScheme = Extract<SecretScheme, { readonly scheme: 'header' | 'bearer' | 'basic' | 'url-path' | 'url-query' }>;

/** Schemes that present the secret itself. */
export function verifySharedSecret(scheme: SharedSecretScheme, secrets: readonly Secret[], request: AuthRequest, nowMs: number): Verdict {
  const { presented, otherwise } = present(scheme, request);
  if (presented === undefined) return refused(otherwise);
  return anyOpens(secrets, nowMs, (value) => equalTexts(presented, value));
}

/** `/v1/webhooks/<endpoint>/<secret>`, and what may follow it. */
const secretSegment = 4;

type Presented = { readonly presented: string | undefined; readonly otherwise: RefusedReason };

function present(scheme: SharedSecretScheme, request: AuthRequest): Presented {
  switch (scheme.scheme) {
    case 'header':
      return ofHeader(findHeader(request, scheme.header), (value) => value);
    case 'bearer':
      return ofHeader(findHeader(request, 'authorization'), (value) => /^bearer +(\S+)$/i.exec(value)?.[1]);
    case 'basic':
      return ofHeader(findHeader(request, 'authorization'), basicCredentials);
    case 'url-path':
      return ofHeader(parseUrl(request.url)?.pathname.split('/')[secretSegment] || undefined, (value) => value);
    case 'url-query': {
      const values = parseUrl(request.url)?.searchParams.getAll(scheme.parameter) ?? [];
      return ofHeader(values.length > 1 ? null : values[0] || undefined, (value) => value);
    }
  }
}

const ofHeader = (found: string | undefined | null, read: (value: string) => string | undefined): Presented => ({
  presented: found === undefined || found === null ? undefined : read(found),
  otherwise: found === undefined ? 'missing' : 'malformed',
});

/** `user:password`. Node ignores what is no base64, so that many texts would stand for one; only the one that it writes itself counts. */
function basicCredentials(value: string): string | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '') ? bytes.toString('utf8') : undefined;
}
