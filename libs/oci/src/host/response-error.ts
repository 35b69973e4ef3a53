import { OciError, type OciErrorCode } from './errors.ts';

const retryAfterMsMax = 3_600_000;

/** Delay in ms that Retry-After asks for (RFC 9110, section 10.2.3: seconds or a date), at most an hour. */
export function findRetryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const text = typeof header === 'string' ? header : header?.[0];
  if (text === undefined) return undefined;
  const delayMs = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), retryAfterMsMax);
}

/** First error code of a registry's answer, where it has one in the form that the specification asks for. */
export function findRegistryCode(body: Buffer): string | undefined {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors?: readonly { code?: unknown }[] };
    const code = errors?.[0]?.code;
    return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

export type FailedAnswer = {
  readonly host: string;
  readonly registryName: string;
  readonly repository: string;
  /** What was asked for, as in `GET manifest sha256:…`; never a URL with a query. */
  readonly what: string;
  readonly status: number;
  readonly registryCode: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly hasCredentials: boolean;
};

/** The error for an answer that is none of those hoped for. */
export function answerError(answer: FailedAnswer): OciError {
  const { host, repository, status, registryCode, retryAfterMs, what } = answer;
  const [code, advice] = judge(answer);
  const said = registryCode === undefined ? `${status}` : `${status} ${registryCode}`;
  return new OciError(code, `${host} answered ${said} to ${what} of ${repository}: ${advice}`, {
    host,
    repository,
    status,
    ...(registryCode === undefined ? {} : { registryCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function judge({ status, registryName, hasCredentials }: FailedAnswer): readonly [OciErrorCode, string] {
  const entry = `registry ${registryName} in registries.yaml`;
  if (status === 401)
    return ['REGISTRY_UNAUTHORIZED', hasCredentials ? `check username and passwordFile of ${entry}` : `give ${entry} credentials`];
  if (status === 403) return ['REGISTRY_DENIED', `the user of ${entry} needs more rights there`];
  if (status === 404) return ['CONTENT_NOT_FOUND', 'it is not there, or not visible to this user'];
  if (status === 429) return ['REGISTRY_RATE_LIMITED', 'it asks for fewer requests'];
  if (status >= 500) return ['REGISTRY_UNAVAILABLE', 'it is in trouble itself'];
  if (status >= 400) return ['REGISTRY_REJECTED', 'it does not take this request'];
  return ['REGISTRY_PROTOCOL', 'the distribution spec has no such answer here'];
}
