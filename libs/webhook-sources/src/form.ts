import type { Delivery } from './parsed.ts';

const isForm = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** The JSON text of a delivery that may have come as a form's field `payload`; the body itself where it is no form. */
export function parseForm({ headers, body }: Pick<Delivery, 'headers' | 'body'>): Buffer {
  if (!isForm.test(headers['content-type'] ?? '')) return body;
  return Buffer.from(new URLSearchParams(body.toString('utf8')).get('payload') ?? '');
}
