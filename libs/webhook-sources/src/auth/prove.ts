import { hmacSignature } from './hmac.ts';
import type { SecretScheme } from './scheme.ts';
import { standardWebhookHeaders } from './standard-webhooks.ts';

export type Proof = {
  readonly headers: Readonly<Record<string, string>>;
  /** To be put behind the endpoint's address: `/<secret>`, `?<name>=<secret>` or nothing. */
  readonly urlEnd: string;
};

/** A request that is to be sent; `id` of the delivery, for schemes that sign one. */
type Unproved = { readonly id: string; readonly contentType: string; readonly body: Buffer; readonly nowMs: number };

/** What a sender adds to a request so that {@link verify} lets it in: the other half of each scheme, for samples and tests. */
export function prove(scheme: SecretScheme, secret: string, { id, contentType, body, nowMs }: Unproved): Proof {
  const byHeaders = (headers: Proof['headers']): Proof => ({ headers, urlEnd: '' });
  switch (scheme.scheme) {
    case 'header':
      return byHeaders({ [scheme.header]: secret });
    case 'bearer':
      return byHeaders({ authorization: `Bearer ${secret}` });
    case 'basic':
      return byHeaders({ authorization: `Basic ${Buffer.from(secret).toString('base64')}` });
    case 'hmac-sha256':
    case 'hmac-sha1':
      return byHeaders({ [scheme.header]: hmacSignature(scheme, secret, { rawHeaders: ['content-type', contentType], body }) });
    case 'standard-webhooks':
      return byHeaders(standardWebhookHeaders(secret, id, String(Math.floor(nowMs / 1_000)), body));
    case 'url-path':
      return { headers: {}, urlEnd: `/${secret}` };
    case 'url-query':
      return { headers: {}, urlEnd: `?${scheme.parameter}=${secret}` };
  }
}
