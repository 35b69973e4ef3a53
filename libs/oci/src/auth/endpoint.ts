import { request, type Dispatcher } from 'undici';
import { readBounded } from '../blob/body.ts';
import { findRetryAfterMs } from '../host/rate-limit.ts';
import { misconfigured, unavailable } from './credentials.ts';

export type EndpointRequest = {
  /** Of the registry that credentials are wanted for. */
  readonly host: string;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For messages: `AWS ECR`. */
  readonly name: string;
  /** What an operator does when it says no: `check the rights of the role`. */
  readonly advice: string;
  readonly dispatcher?: Dispatcher | undefined;
  readonly signal: AbortSignal;
};

const answerBytesMax = 262_144;
const timeoutsMs = { headersTimeout: 10_000, bodyTimeout: 10_000 };
/** Machines' own metadata services speak plain HTTP, on addresses that are not routed. */
const plainHosts = /^(127(\.\d{1,3}){3}|\[::1\]|localhost|169\.254\.169\.254|metadata\.google\.internal)$/;

/**
 * Asks an endpoint that gives out credentials. Redirects are not followed, and what it answers is never quoted.
 * @returns the text of a 200
 * @throws OciError `REGISTRY_UNAUTHORIZED` when it says no, `CREDENTIALS_UNAVAILABLE` when it is down, too slow or asks to come later
 */
export async function askEndpoint(asked: EndpointRequest): Promise<string> {
  const { host, name, advice, signal } = asked;
  const url = URL.canParse(asked.url) ? new URL(asked.url) : undefined;
  if (!url || (url.protocol !== 'https:' && !(url.protocol === 'http:' && plainHosts.test(url.hostname))))
    throw misconfigured(host, `the address of ${name} for ${host} is no https URL: ${advice}`);
  let status: number;
  let text: string;
  let retryAfterMs: number | undefined;
  try {
    const { method, headers = {}, body = null, dispatcher } = asked;
    const answer = await request(url, { method, headers, body, signal, ...timeoutsMs, ...(dispatcher ? { dispatcher } : {}) });
    status = answer.statusCode;
    retryAfterMs = findRetryAfterMs(answer.headers, Date.now());
    text = (await readBounded(answer.body, answerBytesMax, `the answer of ${name}`, { host, repository: '' })).toString('utf8');
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    throw unavailable(
      host,
      `${name} gave no credentials for ${host} (${typeof code === 'string' ? code : 'no answer'}): see that it is up`,
    );
  }
  if (status === 200) return text;
  if (status === 429 || status >= 500) throw unavailable(host, `${name} gave no credentials for ${host} (${status})`, retryAfterMs);
  throw misconfigured(host, `${name} refused credentials for ${host} (${status}): ${advice}`);
}

/**
 * The same, of an answer in JSON.
 * @throws OciError `CREDENTIALS_UNAVAILABLE` where it is none: something else answers in its place
 */
export async function askJson(asked: EndpointRequest): Promise<Readonly<Record<string, unknown>>> {
  const text = await askEndpoint(asked);
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Readonly<Record<string, unknown>>;
  } catch {
    // Told below; the cause would quote the answer.
  }
  throw unavailable(asked.host, `${asked.name} answered something else than JSON for ${asked.host}`);
}

/** A token as it may stand in a header, from an answer's field. */
export function tokenIn(answer: Readonly<Record<string, unknown>>, field: string, { host, name }: EndpointRequest): string {
  const token = answer[field];
  if (typeof token === 'string' && /^[\x21-\x7e]{1,65536}$/.test(token)) return token;
  throw unavailable(host, `${name} answered without a token for ${host}`);
}

/** From `expires_in` in seconds; an hour at most is believed, and five minutes where it is not said. */
export function expiryIn(answer: Readonly<Record<string, unknown>>, nowMs: number): number {
  const seconds = Number(answer['expires_in']);
  return nowMs + (seconds > 0 ? Math.min(seconds, 3_600) : 300) * 1_000;
}
