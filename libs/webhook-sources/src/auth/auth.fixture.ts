import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthRequest } from './request.ts';
import type { Secret } from './secret.ts';
import type { Verdict } from './verdict.ts';

export const nowMs = 1_700_000_000_000;
export const secret = (value: string, more: Partial<Secret> = {}): Secret => ({ id: value.slice(-2), value, notAfterMs: null, ...more });

type Sent = {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly url?: string;
  readonly body?: Buffer | string;
  readonly clientCertificate?: AuthRequest['clientCertificate'];
};
/** A list of values sends the header more than once. */
export const requestOf = ({ headers = {}, url = '/v1/webhooks/a', body = '', clientCertificate = null }: Sent): AuthRequest => ({
  rawHeaders: Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value])),
  url,
  body: Buffer.from(body),
  clientCertificate,
});

/** Who opened, or why not. */
export const told = (verdict: Verdict): string => (verdict.ok ? `by ${verdict.by}` : verdict.reason);

export const vectors = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../../../../test/fixtures/webhooks-auth', name));
