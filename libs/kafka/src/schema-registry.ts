import { setTimeout as sleep } from 'node:timers/promises';
import { StreamError } from '@waybill/stream';
import { errorMessage } from './error-message.ts';

/** How long the registry has for one answer. */
const answerMsMax = 10_000;
const pauseMsMax = 2_000;

/**
 * The schema of an id, as its text.
 * @throws StreamError `RECORD_UNDECODABLE` when the registry says that it has none; `LOG_UNAVAILABLE` for everything else that is not an
 *   answer to the question (away, slow, 429, 500, 401): it says nothing about the record
 */
export async function readSchema(registryUrl: string, id: number): Promise<string> {
  const answer = await ask(registryUrl, `/schemas/ids/${id}`);
  const schema = (answer as { readonly schema?: unknown } | undefined)?.schema;
  if (typeof schema !== 'string') throw new StreamError('RECORD_UNDECODABLE', `schema ${id} is unknown to ${registryUrl}`);
  return schema;
}

/** The id of a schema of a subject; `undefined` where it is not registered. @throws StreamError `LOG_UNAVAILABLE` as `readSchema` */
export async function findSchemaId(registryUrl: string, subject: string, schema: string): Promise<number | undefined> {
  const answer = await ask(registryUrl, `/subjects/${encodeURIComponent(subject)}`, { schema });
  const id = (answer as { readonly id?: unknown } | undefined)?.id;
  return typeof id === 'number' ? id : undefined;
}

/** Calls again, with a pause, while the registry is unavailable. @throws its last StreamError `LOG_UNAVAILABLE` after `timeoutMs` */
export async function patiently<T>(call: () => Promise<T>, timeoutMs: number): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
    try {
      return await call();
    } catch (error) {
      const isToWait = error instanceof StreamError && error.code === 'LOG_UNAVAILABLE';
      if (!isToWait || performance.now() + pauseMs > deadlineMs) throw error;
      await sleep(pauseMs * Math.random());
    }
  }
}

/** @returns `undefined` for 404 */
async function ask(registryUrl: string, path: string, body?: object): Promise<unknown> {
  const headers = { accept: 'application/vnd.schemaregistry.v1+json', 'content-type': 'application/vnd.schemaregistry.v1+json' };
  const request = body ? { method: 'POST', body: JSON.stringify(body) } : {};
  let why: string;
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const response = await fetch(`${registryUrl.replace(/\/$/, '')}${path}`, { ...request, headers, signal });
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    if (response.status === 404) return undefined;
    why = `it answers ${response.status}`;
  } catch (error) {
    why = error instanceof Error && error.cause instanceof Error ? errorMessage(error.cause) : errorMessage(error);
  }
  throw new StreamError('LOG_UNAVAILABLE', `the schema registry at ${registryUrl} does not tell ${path}: ${why}; is it up?`);
}
