import { ownUserAgent } from '@waybill/domain';
import { systemClock } from '@waybill/stream';
import { openConnection } from './connection.ts';
import { OciError } from './errors.ts';
import { failedAnswer, isPage, pageError } from './response-error.ts';
import type { Registry } from './settings.ts';
import { asOciError } from './transport-error.ts';

/** Whether a registry answers; `reason` says how, or begins with the code of what it failed with. */
export type ProbeAnswer = { readonly isUp: boolean; readonly reason: string };

const reasonLengthMax = 300;

/**
 * Asks a registry once for the root of its API (OCI distribution spec 1.1, "Determining Support"), over a connection of its own: one that
 * waited behind copies would take a busy registry for a dead one, and one that is kept would not notice that no new ones are taken.
 *
 * Without credentials: there are none to be leaked, and a wrong password that is tried every few seconds locks its account. So 401 and 403
 * are answers like any other, as are 404 and 429. A registry is down when it cannot be reached, is not trusted, takes longer than
 * `timeoutMs`, answers 5xx, or lets a page for people answer in its place.
 *
 * @throws the signal's reason, and nothing else
 */
export async function probeRegistry(
  registry: Registry,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProbeAnswer> {
  try {
    return { isUp: true, reason: await ask(registry, timeoutMs, signal) };
  } catch (error) {
    signal.throwIfAborted();
    const text = error instanceof OciError ? `${error.code}: ${error.message}` : String(error);
    return { isUp: false, reason: text.slice(0, reasonLengthMax) };
  }
}

async function ask(registry: Registry, timeoutMs: number, signal: AbortSignal): Promise<string> {
  const { host } = registry;
  const timeout = AbortSignal.timeout(timeoutMs);
  const request = { method: 'GET', what: 'its API', repository: '', at: '', signal: AbortSignal.any([signal, timeout]) } as const;
  const connection = openConnection(registry, { connectMs: timeoutMs, answerMs: timeoutMs, idleMs: timeoutMs }, systemClock);
  try {
    const response = await connection.send({
      ...{ method: 'GET', origin: connection.origin, path: '/v2/', headers: { 'user-agent': ownUserAgent } },
      ...{ body: undefined, owner: {}, signal: request.signal },
    });
    if (response.status >= 500) throw await failedAnswer(registry, request, response);
    response.body.destroy();
    if (isPage(request, response)) throw pageError(registry, request, response);
    return `answers ${response.status}`;
  } catch (error) {
    if (!timeout.aborted) throw asOciError(error, request, registry);
    throw new OciError('REGISTRY_TIMEOUT', `${host} did not answer within ${timeoutMs} ms`, { host, repository: '' });
  } finally {
    await connection.close();
  }
}
