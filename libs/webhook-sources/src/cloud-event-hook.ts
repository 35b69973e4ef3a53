import type { Handshake, Headers, SourceSettings } from './parsed.ts';

/**
 * Whether a sender may send here at all: its question is `OPTIONS` with the origin that it sends for. Granted to the origins that the
 * endpoint names, else to `usual`. `WebHook-Request-Callback` is not followed: it would let a stranger choose where we connect.
 * Source: "HTTP 1.1 Web Hooks for Event Delivery" 1.0, section 4.
 * @returns null to refuse
 */
export function grantOrigin(headers: Headers, { allowedOrigins }: SourceSettings, usual: readonly string[]): Handshake | null {
  // A DNS name, so case says nothing; the answer repeats it as it was written.
  const origin = headers['webhook-request-origin'] ?? '';
  if (!(allowedOrigins ?? usual).includes(origin.toLowerCase())) return null;
  const rate = headers['webhook-request-rate'] ?? '';
  return {
    kind: 'answer',
    status: 200,
    headers: {
      allow: 'POST',
      'webhook-allowed-origin': origin,
      // Requests per minute. What is too much for us is answered 429 when it comes.
      ...(/^[1-9]\d{0,8}$/.test(rate) ? { 'webhook-allowed-rate': rate } : {}),
    },
    body: null,
  };
}
