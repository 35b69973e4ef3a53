import { verifyClientCertificate } from './client-certificate.ts';
import { verifyHmac } from './hmac.ts';
import type { AuthRequest } from './request.ts';
import type { AuthScheme, OidcScheme, SnsScheme } from './scheme.ts';
import type { Secret } from './secret.ts';
import { verifySharedSecret } from './shared-secret.ts';
import { verifyStandardWebhook } from './standard-webhooks.ts';
import type { Verdict } from './verdict.ts';

/** A scheme for which the request and our own settings are enough; the others need keys that have to be fetched. */
export type LocalScheme = Exclude<AuthScheme, OidcScheme | SnsScheme>;

export const isLocalScheme = (scheme: AuthScheme): scheme is LocalScheme => scheme.scheme !== 'oidc' && scheme.scheme !== 'sns';

/** Whether a request proves that its sender may send. Closed in every doubt, and total: never throws. */
export function verify(scheme: LocalScheme, secrets: readonly Secret[], request: AuthRequest, nowMs: number): Verdict {
  switch (scheme.scheme) {
    case 'header':
    case 'bearer':
    case 'basic':
    case 'url-path':
    case 'url-query':
      return verifySharedSecret(scheme, secrets, request, nowMs);
    case 'hmac-sha256':
    case 'hmac-sha1':
      return verifyHmac(scheme, secrets, request, nowMs);
    case 'standard-webhooks':
      return verifyStandardWebhook(secrets, request, nowMs);
    case 'mtls':
      return verifyClientCertificate(scheme.names, request);
    case 'none':
      return { ok: true, by: 'none' };
  }
}
