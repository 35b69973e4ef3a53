/** How a sender proves that it is one: fixed per endpoint, never chosen by the request. Header names are lower case. */
export type AuthScheme =
  /** The header's whole value is the secret (Harbor's "auth header", Distribution's `headers`). */
  | { readonly scheme: 'header'; readonly header: string }
  /** `Authorization: Bearer <secret>` (RFC 6750). */
  | { readonly scheme: 'bearer' }
  /** `Authorization: Basic <base64>`; the secret is `user:password` (RFC 7617). */
  | { readonly scheme: 'basic' }
  | HmacScheme
  /** `webhook-id`, `webhook-timestamp` and `webhook-signature`; the secret is `whsec_<base64>` (Standard Webhooks 1.0). */
  | { readonly scheme: 'standard-webhooks' }
  /** The last segment of the path is the secret: for senders that can be given a URL and nothing else (Docker Hub). */
  | { readonly scheme: 'url-path' }
  | { readonly scheme: 'url-query'; readonly parameter: string }
  | OidcScheme
  | SnsScheme
  /** A TLS client certificate that one of the gateway's client CAs issued, for one of `names`: a SAN, or the CN where there is no SAN. */
  | { readonly scheme: 'mtls'; readonly names: readonly string[] }
  /** Anybody may send: where something before the gateway has already asked. */
  | { readonly scheme: 'none' };

export type HmacScheme = {
  readonly scheme: 'hmac-sha256' | 'hmac-sha1';
  readonly header: string;
  /** What stands before the hexadecimal digits; may be empty. */
  readonly prefix: string;
  /** What is signed: the body's bytes, or the form field `payload` of a body that is a form (Gitea), and the body where it is none. */
  readonly over: 'body' | 'form-payload';
};

/** A signed token of an identity provider in `Authorization: Bearer` (OpenID Connect Core 1.0; Google Pub/Sub push, Entra ID). */
export type OidcScheme = {
  readonly scheme: 'oidc';
  readonly issuers: readonly string[];
  readonly audience: string;
  readonly jwksUrl: string;
  readonly algorithm: 'RS256' | 'ES256';
  /** Accounts that may send; the provider must have verified the address. Null asks for none. */
  readonly emails: readonly string[] | null;
  /** Claims and the values of which each must have one: an audience alone is no identity, as anybody may ask for a token for it. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
};

/** Amazon SNS, signed in the body ("Verifying the signatures of Amazon SNS messages", SNS developer guide). */
export type SnsScheme = {
  readonly scheme: 'sns';
  readonly topicArns: readonly string[];
  /** `2` is SHA-256, `1` is SHA-1 and every topic's default. */
  readonly signatureVersions: readonly ('1' | '2')[];
  /** Whether the certificate must lead to a CA of the system, or coming by TLS from SNS itself is enough. */
  readonly certificateTrust: 'chain' | 'host';
};

export type SchemeName = AuthScheme['scheme'];

/** Schemes whose secrets are files of ours; the others trust keys that somebody else publishes, or a CA. */
export const secretSchemes = [
  'header',
  'bearer',
  'basic',
  'hmac-sha256',
  'hmac-sha1',
  'standard-webhooks',
  'url-path',
  'url-query',
] as const satisfies readonly SchemeName[];
export type SecretScheme = Extract<AuthScheme, { readonly scheme: (typeof secretSchemes)[number] }>;

export const isSecretScheme = (scheme: AuthScheme): scheme is SecretScheme => (secretSchemes as readonly string[]).includes(scheme.scheme);

/** Whether the proof is over the body, so that it cannot be checked before the body is there. */
export const needsBody = ({ scheme }: AuthScheme): boolean =>
  scheme === 'hmac-sha256' || scheme === 'hmac-sha1' || scheme === 'standard-webhooks' || scheme === 'sns';

/** Whether the proof covers the body but no header: whoever has captured a delivery can send it again under another delivery id. */
export const signsBodyOnly = ({ scheme }: AuthScheme): boolean => scheme === 'hmac-sha256' || scheme === 'hmac-sha1';
