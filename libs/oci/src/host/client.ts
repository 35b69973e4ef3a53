import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Agent, request as httpRequest, type Dispatcher } from 'undici';
import { createAuthorizer, type Authorizer } from '../auth/authorizer.ts';
import { readBounded } from '../blob/body.ts';
import { parseChallenges } from '../auth/challenge.ts';
import { OciError } from './errors.ts';
import { answerError, findRegistryCode, findRetryAfterMs } from './response-error.ts';
import { apiOrigin, type Registry } from './settings.ts';

export type RegistryRequest = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly repository: string;
  /** For messages: `manifest latest`. */
  readonly what: string;
  /** Below `/v2/<repository>/`, or where the registry said that an upload goes on. */
  readonly at: string | URL;
  readonly action: 'pull' | 'push';
  /** Repository that a blob is mounted from: it needs a right of its own. */
  readonly mountFrom?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent once: a request with it is not repeated after a challenge. */
  readonly body?: Buffer | Readable;
  readonly expects: readonly number[];
  readonly signal: AbortSignal;
};
export type RegistryResponse = {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** To be read to its end or destroyed. */
  readonly body: Dispatcher.ResponseData['body'];
  /** What `Location` and `Link` are relative to. */
  readonly url: URL;
};

/** Whose requests these are: one object per image under way, told apart by identity. Owners take turns at a client's limits. */
export type RequestOwner = {
  /** Called for every request that goes out to the registry: answers to challenges, repetitions and followed redirects too. */
  readonly onRequest?: (() => void) | undefined;
};

/** A connection pool to one registry with its own authentication. */
export type RegistryClient = {
  readonly registry: Registry;
  /** @throws OciError, or the signal's reason */
  readonly send: (request: RegistryRequest) => Promise<RegistryResponse>;
  /**
   * The same client, with the same connections, tokens and limits, whose requests are counted for and shared fairly with `owner`:
   * hand it to whatever takes a client. Closing it closes the client.
   */
  readonly ownedBy: (owner: RequestOwner) => RegistryClient;
  readonly close: () => Promise<void>;
};

/** `idleMs`: longest silence within a body. The whole of an operation is bounded by its signal. */
export type ClientTimeouts = { readonly connectMs: number; readonly answerMs: number; readonly idleMs: number };
const timeoutsDefault: ClientTimeouts = { connectMs: 5_000, answerMs: 60_000, idleMs: 30_000 };

const redirectsMax = 5;
const errorBytesMax = 16_384;
const redirectStatuses = [301, 302, 303, 307, 308];

/** @param timeouts in ms; those not given have defaults */
export function createRegistryClient(registry: Registry, timeouts: Partial<ClientTimeouts> = {}): RegistryClient {
  const { connectMs, answerMs, idleMs } = { ...timeoutsDefault, ...timeouts };
  const agent = new Agent({
    connections: registry.connectionsMax ?? 16,
    headersTimeout: answerMs,
    bodyTimeout: idleMs,
    connect: { timeout: connectMs, ...(registry.caFile === undefined ? {} : { ca: readFileSync(registry.caFile) }) },
  });
  const authorizer = createAuthorizer(registry, agent);
  const clientOf = (owner: RequestOwner): RegistryClient => ({
    registry,
    send: async (request) => {
      try {
        return await send({ registry, agent, authorizer, owner }, request);
      } catch (error) {
        throw asOciError(error, request, registry);
      }
    },
    ownedBy: clientOf,
    close: () => agent.destroy(),
  });
  return clientOf({});
}

type Connection = { readonly registry: Registry; readonly agent: Agent; readonly authorizer: Authorizer; readonly owner: RequestOwner };

async function send(connection: Connection, request: RegistryRequest): Promise<RegistryResponse> {
  const { registry, authorizer } = connection;
  const origin = apiOrigin(registry);
  const url = request.at instanceof URL ? request.at : new URL(`/v2/${request.repository}/${request.at}`, origin);
  const scopes = scopesOf(request);
  const isOwn = url.origin === origin.origin;
  let response = await dispatch(connection, request, url, isOwn ? authorizer.find(scopes) : undefined);
  if (response.status === 401 && isOwn && !isStream(request.body)) {
    const authorization = await authorizer.answer(parseChallenges(response.headers['www-authenticate']), scopes, request.signal);
    if (authorization !== undefined) {
      await response.body.dump();
      response = await dispatch(connection, request, url, authorization);
    }
  }
  if (redirectStatuses.includes(response.status) && request.body === undefined) response = await follow(connection, request, response);
  if (request.expects.includes(response.status)) return response;
  throw await failure(registry, request, response);
}

async function dispatch(connection: Connection, request: RegistryRequest, url: URL, authorization?: string): Promise<RegistryResponse> {
  connection.owner.onRequest?.();
  const { statusCode, headers, body } = await httpRequest(url, {
    dispatcher: connection.agent,
    method: request.method,
    headers: { ...request.headers, 'user-agent': 'waybill', ...(authorization === undefined ? {} : { authorization }) },
    body: request.body ?? null,
    signal: request.signal,
  });
  body.on('error', () => {}); // A body that nobody wants any more is destroyed; that is not worth the process.
  return { status: statusCode, headers, body, url };
}

/** Registries hand blobs out from object storage. Our credentials are for the registry: another host never gets them. */
async function follow(connection: Connection, request: RegistryRequest, first: RegistryResponse): Promise<RegistryResponse> {
  const { registry } = connection;
  let response = first;
  for (let hops = 0; redirectStatuses.includes(response.status); hops++) {
    await response.body.dump();
    const refuse = (why: string) =>
      new OciError('REDIRECT_REFUSED', `${registry.host} redirects ${request.what} of ${request.repository} ${why}`, {
        host: registry.host,
        repository: request.repository,
        status: response.status,
      });
    const url = parseLocation(response);
    if (!url) throw refuse('without saying where');
    if (hops >= redirectsMax) throw refuse(`more than ${redirectsMax} times`);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && registry.plainHttp === true))
      throw refuse('to something that is not https');
    if (url.username !== '' || url.password !== '') throw refuse('with credentials in the URL');
    const authorization = url.origin === apiOrigin(registry).origin ? connection.authorizer.find(scopesOf(request)) : undefined;
    response = await dispatch(connection, request, url, authorization);
  }
  return response;
}

/** Absolute URL of the answer's `Location`, or undefined. */
export function parseLocation(response: RegistryResponse): URL | undefined {
  const location = response.headers['location'];
  return typeof location === 'string' && URL.canParse(location, response.url) ? new URL(location, response.url) : undefined;
}

const isStream = (body: RegistryRequest['body']): boolean => body !== undefined && !Buffer.isBuffer(body);

const scopesOf = ({ repository, action, mountFrom }: RegistryRequest): readonly string[] => [
  `repository:${repository}:${action === 'pull' ? 'pull' : 'pull,push'}`,
  ...(mountFrom === undefined ? [] : [`repository:${mountFrom}:pull`]),
];

async function failure(registry: Registry, request: RegistryRequest, response: RegistryResponse): Promise<OciError> {
  const { host } = registry;
  const { repository } = request;
  const text = await readBounded(response.body, errorBytesMax, 'error', { host, repository }).catch(() => Buffer.alloc(0));
  return answerError({
    host,
    registryName: registry.name,
    repository,
    what: `${request.method} ${request.what}`,
    status: response.status,
    registryCode: findRegistryCode(text),
    retryAfterMs: findRetryAfterMs(response.headers['retry-after'], Date.now()),
    hasCredentials: registry.username !== undefined,
  });
}

const timeoutCodes = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'];

/** An abort stays what the signal says; all that the client throws becomes an {@link OciError}. */
export function asOciError(error: unknown, request: Pick<RegistryRequest, 'signal' | 'what' | 'repository'>, registry: Registry): unknown {
  if (request.signal.aborted) return request.signal.reason;
  if (error instanceof OciError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  const isTimeout = timeoutCodes.includes(code);
  const message = `${registry.host} ${isTimeout ? 'was too slow' : 'broke off'} at ${request.what} of ${request.repository} (${code})`;
  return new OciError(isTimeout ? 'REGISTRY_TIMEOUT' : 'REGISTRY_UNAVAILABLE', message, {
    host: registry.host,
    repository: request.repository,
    cause: error,
  });
}
