import type { IncomingHttpHeaders } from 'node:http';

const waitMsMax = 3_600_000;
type Headers = Readonly<IncomingHttpHeaders>;

/**
 * How long a registry wants to be left alone, in ms, at most an hour; undefined where it does not say.
 *
 * `Retry-After` (RFC 9110, section 10.2.3: seconds or a date) goes first. Then what is written of quotas: `RateLimit-Reset: 30` (IETF
 * draft-ietf-httpapi-ratelimit-headers, up to 07), `RateLimit: "x";r=0;t=30` (from 08), and Docker Hub's `RateLimit-Remaining: 0;w=21600`,
 * which has a window and no end: on the average one request in window/limit becomes free.
 */
export function findRetryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const delayMs = retryAfterMs(headers, nowMs) ?? resetMs(headers) ?? structuredMs(headers) ?? windowMs(headers);
  return delayMs === undefined || Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), waitMsMax);
}

function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const text = textOf(headers, 'retry-after');
  if (text === undefined) return undefined;
  const delayMs = secondsToMs(text) ?? Date.parse(text) - nowMs;
  return Number.isNaN(delayMs) ? undefined : delayMs;
}

const resetMs = (headers: Headers): number | undefined => secondsToMs(textOf(headers, 'ratelimit-reset'));

/** `"default";r=0;t=30`, a list of quotas: the longest wait of those used up. Also `limit=10, remaining=0, reset=30` of draft 07. */
function structuredMs(headers: Headers): number | undefined {
  const text = textOf(headers, 'ratelimit');
  if (text === undefined) return undefined;
  const draft07 = /\bremaining=0\b/.test(text) ? /\breset=(\d{1,9})\b/.exec(text)?.[1] : undefined;
  const waits = text
    .split(',')
    .filter((policy) => /;\s*r=0(?!\d)/.test(policy))
    .map((policy) => secondsToMs(/;\s*t=(\d{1,9})/.exec(policy)?.[1]))
    .filter((ms) => ms !== undefined);
  return waits.length > 0 ? Math.max(...waits) : secondsToMs(draft07);
}

function windowMs(headers: Headers): number | undefined {
  const remaining = /^0\s*;\s*w=(\d{1,9})$/.exec(textOf(headers, 'ratelimit-remaining') ?? '')?.[1];
  const limit = Number(/^\d{1,9}/.exec(textOf(headers, 'ratelimit-limit') ?? '')?.[0] ?? 1);
  const windowMs = secondsToMs(remaining);
  return windowMs === undefined ? undefined : windowMs / Math.max(limit, 1);
}

const secondsToMs = (text: string | undefined): number | undefined => (/^\d{1,9}$/.test(text ?? '') ? Number(text) * 1_000 : undefined);

function textOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value)?.slice(0, 1_024).trim();
}
