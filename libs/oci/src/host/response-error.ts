import type { Incoming } from './connection.ts';
import { credentialsAdvice } from './credentials-advice.ts';
import { OciError, type OciErrorCode } from './errors.ts';
import { nameOf } from './transport-error.ts';
import { findRetryAfterMs } from './rate-limit.ts';
import type { Registry } from './settings.ts';

const bodyBytesMax = 16_384;
/** An error's text is worth so much waiting; its status has been told already. */
const bodyMsMax = 2_000;

type Asked = {
  readonly method: string;
  readonly what: string;
  readonly repository: string;
  readonly at: string | URL;
  readonly signal: AbortSignal;
};

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

/** The error for an answer that is none of those hoped for. */
export async function failedAnswer(registry: Registry, request: Asked, response: Incoming): Promise<OciError> {
  const { host } = registry;
  const { repository } = request;
  const { status, headers } = response;
  const registryCode = findRegistryCode(await readSome(response, request.signal));
  const retryAfterMs = findRetryAfterMs(headers, Date.now());
  const [code, advice] = judge(registry, status);
  const said = registryCode === undefined ? `${status}` : `${status} ${registryCode}`;
  return new OciError(code, `${host} answered ${said} to ${request.method} ${nameOf(request)}: ${advice}`, {
    host,
    repository,
    status,
    ...(registryCode === undefined ? {} : { registryCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** What there is of a body within the bounds of bytes and time; it is destroyed after. */
async function readSome({ body }: Incoming, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytesRead = 0;
  const timer = setTimeout(() => body.destroy(), bodyMsMax);
  const onAbort = (): void => void body.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytesRead += chunk.byteLength;
      if (bytesRead >= bodyBytesMax) break;
    }
  } catch {
    // Cut off, or too slow: the status has to do.
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
  return Buffer.concat(chunks);
}

/** Whether a page for people has come instead of the API's answer. Blobs are proven by their digests, whatever their type. */
export function isPage({ at, method }: Asked, { status, headers }: Incoming): boolean {
  const isBlob = typeof at === 'string' && at.startsWith('blobs/');
  return method === 'GET' && status === 200 && !isBlob && /^text\/html\b/i.test(String(headers['content-type'] ?? ''));
}

export const pageError = ({ host, name }: Registry, request: Asked, { status }: Incoming): OciError =>
  new OciError(
    'REGISTRY_PROTOCOL',
    `${host} answered ${request.method} ${nameOf(request)} with an HTML page: a portal or proxy answers in place of registry ${name}`,
    { host, repository: request.repository, status },
  );

function judge(registry: Registry, status: number): readonly [OciErrorCode, string] {
  const entry = `registry ${registry.name} in registries.yaml`;
  if (status === 401) return ['REGISTRY_UNAUTHORIZED', credentialsAdvice(registry)];
  if (status === 403) return ['REGISTRY_DENIED', `the user of ${entry} needs more rights there`];
  if (status === 404) return ['CONTENT_NOT_FOUND', 'it is not there, or not visible to this user'];
  if (status === 429) return ['REGISTRY_RATE_LIMITED', 'it asks for fewer requests'];
  if (status === 501 || status === 505) return ['REGISTRY_REJECTED', 'it cannot do that'];
  if (status >= 500) return ['REGISTRY_UNAVAILABLE', 'it is in trouble itself'];
  if (status >= 400) return ['REGISTRY_REJECTED', 'it does not take this request'];
  return ['REGISTRY_PROTOCOL', 'the distribution spec has no such answer here'];
}
