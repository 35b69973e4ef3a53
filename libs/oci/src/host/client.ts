import type { Readable } from 'node:stream';
import type { Environment } from '@waybill/config';
import { ownUserAgent } from '@waybill/domain';
import { systemClock } from '@waybill/stream';
import { createAuthorizer, type Authorizer } from '../auth/authorizer.ts';
import { parseChallenges } from '../auth/challenge.ts';
import { sourceOf } from '../auth/sources.ts';
import { openConnection, type ClientTimeouts, type Connection, type Incoming } from './connection.ts';
import { isRedirect, redirectTarget } from './redirect.ts';
import { createTries, repeated, type RepeatOptions, type Repeats, type Tries } from './repeat.ts';
import { failedAnswer, isPage, pageError } from './response-error.ts';
import type { Registry } from './settings.ts';
import { asOciError } from './transport-error.ts';

export { parseLocation } from './redirect.ts';
export { asOciError } from './transport-error.ts';
export type { ClientTimeouts } from './connection.ts';

export type RegistryRequest = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Empty for what is the registry's as a whole: its catalog. */
  readonly repository: string;
  /** For messages: `manifest latest`. */
  readonly what: string;
  /** Below `/v2/<repository>/`, or where the registry said that an upload goes on. */
  readonly at: string | URL;
  readonly action: keyof typeof rights;
  /** Repository that a blob is mounted from: it needs a right of its own. */
  readonly mountFrom?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent once: a request with it is never repeated. */
  readonly body?: Buffer | Readable;
  readonly expects: readonly number[];
  /** Of the work that this is a part of. Default: tries of its own. */
  readonly tries?: Tries | undefined;
  readonly signal: AbortSignal;
};
export type RegistryResponse = Incoming;

/** Whose requests these are: one object per image under way, told apart by identity. Owners take turns at a client's limits. */
export type RequestOwner = {
  /** Called for every request that goes out to the registry: answers to challenges, repetitions and followed redirects too. */
  readonly onRequest?: (() => void) | undefined;
};

/** Connections to one registry, with its authentication and under its limits. */
export type RegistryClient = {
  readonly registry: Registry;
  /**
   * Sends a request until it is answered as expected.
   *
   * What a broken connection, a slow answer or a 5xx failed is sent again a few times when that changes nothing (GET, HEAD, the PUT of a
   * manifest by its digest, the start of an upload), and what a 429 turned away as well, unless its body is a stream. Once a body has
   * been handed on, its reader has to deal with what happens to it.
   *
   * Waits for its turn where the registry's limits say so: `connectionsMax` requests, until their bodies have ended (so a body that is not
   * wanted is to be destroyed). Uploads of streams come beside them.
   * @throws OciError, or the signal's reason
   */
  readonly send: (request: RegistryRequest) => Promise<RegistryResponse>;
  /** Tries for requests that belong together. */
  readonly startTries: (signal: AbortSignal) => Tries;
  /**
   * The same client, with the same connections, tokens and limits, whose requests are counted for and shared fairly with `owner`:
   * hand it to whatever takes a client. Closing it closes the client.
   */
  readonly ownedBy: (owner: RequestOwner) => RegistryClient;
  readonly close: () => Promise<void>;
};

/** What is not given has a default. */
export type ClientOptions = Partial<AllOptions>;
type AllOptions = ClientTimeouts &
  RepeatOptions & {
    /** What clouds and docker say of who we are. */
    readonly env: Environment;
  };
const optionsDefault: AllOptions = {
  connectMs: 5_000,
  answerMs: 60_000,
  idleMs: 30_000,
  triesMax: 5,
  repeatMsMax: 30_000,
  clock: systemClock,
  random: Math.random,
  env: process.env,
};

const bodyDumpBytesMax = 16_384;

/** @throws OciError `REGISTRY_UNTRUSTED` when a file with a certificate or a key cannot be read */
export function createRegistryClient(registry: Registry, given: ClientOptions = {}): RegistryClient {
  const options = { ...optionsDefault, ...given };
  const connection = openConnection(registry, options, options.clock);
  const { origin, dispatcherFor } = connection;
  const nowMs = options.clock.now;
  const source = sourceOf(registry, { env: options.env, nowMs, origin, dispatcher: dispatcherFor(origin) });
  const authorizer = createAuthorizer({ registry, source, dispatcherFor, nowMs });
  const startTries = (signal: AbortSignal): Tries => createTries({ ...options, onTurnedAway: connection.pause }, signal);
  const clientOf = (owner: RequestOwner): RegistryClient => {
    const host: Host = { registry, connection, authorizer, owner };
    return {
      registry,
      send(request) {
        const { signal, tries = startTries(signal) } = request;
        return repeated(() => attempt(host, request), repeatsOf(request), tries, signal);
      },
      startTries,
      ownedBy: clientOf,
      close: connection.close,
    };
  };
  return clientOf({});
}

type Host = {
  readonly registry: Registry;
  readonly connection: Connection;
  readonly authorizer: Authorizer;
  readonly owner: RequestOwner;
};
type Target = { readonly origin: string; readonly path: string };

async function attempt(host: Host, request: RegistryRequest): Promise<RegistryResponse> {
  try {
    const response = await answered(host, request);
    if (!request.expects.includes(response.status)) throw await failedAnswer(host.registry, request, response);
    if (!isPage(request, response)) return response;
    response.body.destroy();
    throw pageError(host.registry, request, response);
  } catch (error) {
    throw asOciError(error, request, host.registry);
  }
}

/** The last answer, of whatever status: challenges are met and redirects followed. */
async function answered(host: Host, request: RegistryRequest): Promise<RegistryResponse> {
  const { authorizer, connection } = host;
  const scopes = scopesOf(request);
  const target = targetOf(connection.origin, request);
  const isOwn = target.origin === connection.origin;
  const header = isOwn ? await authorizer.find(scopes, request.signal) : undefined;
  let response = await dispatch(host, request, target, header);
  if (response.status === 401 && isOwn && !isStream(request.body)) {
    const authorization = await authorizer.answer(parseChallenges(response.headers['www-authenticate']), scopes, header, request.signal);
    if (authorization !== undefined) {
      await discard(response);
      response = await dispatch(host, request, target, authorization);
    }
  }
  for (let hops = 0; request.body === undefined && isRedirect(response.status); hops++) {
    await discard(response);
    const url = redirectTarget(host.registry, request, response, hops);
    // Registries hand blobs out from object storage. Our credentials are for the registry: another host never gets them.
    const authorization = url.origin === connection.origin ? await authorizer.find(scopes, request.signal) : undefined;
    response = await dispatch(host, request, { origin: url.origin, path: url.pathname + url.search }, authorization);
  }
  return response;
}

function dispatch({ connection, owner }: Host, request: RegistryRequest, target: Target, authorization: string | undefined) {
  const { method, body, signal } = request;
  owner.onRequest?.();
  return connection.send({
    method,
    origin: target.origin,
    path: target.path,
    headers: { ...request.headers, 'user-agent': ownUserAgent, ...(authorization === undefined ? {} : { authorization }) },
    body,
    owner,
    signal,
  });
}

/** Nearly all paths are plain; a URL is parsed only where there is something to be escaped or resolved. */
const plainPath = /^(?!.*\.\.)[\w./:@?=&%+~-]*$/;

function targetOf(origin: string, { at, repository }: RegistryRequest): Target {
  if (typeof at === 'string') {
    const path = `/v2/${repository}/${at}`;
    if (plainPath.test(path)) return { origin, path };
  }
  const url = typeof at === 'string' ? new URL(`/v2/${repository}/${at}`, origin) : at;
  return { origin: url.origin, path: url.pathname + url.search };
}

/** So that the connection can be used again; more than a little, or what does not come, is not worth it. */
const discard = ({ body }: RegistryResponse): Promise<void> => body.dump({ limit: bodyDumpBytesMax });

const isStream = (body: RegistryRequest['body']): boolean => body !== undefined && !Buffer.isBuffer(body);

function repeatsOf({ method, at, body }: RegistryRequest): Repeats {
  if (isStream(body)) return 'never';
  if (method === 'GET' || method === 'HEAD') return 'always';
  const isUploadStart = method === 'POST' && body === undefined; // Begun twice, it leaves a session that the registry forgets.
  const isManifestByDigest = method === 'PUT' && typeof at === 'string' && at.startsWith('manifests/') && at.includes(':');
  return isUploadStart || isManifestByDigest ? 'always' : 'turned-away';
}

/** What a token must allow (Docker Registry token authentication, "Requesting a Token"). */
const rights = { pull: 'pull', push: 'pull,push', delete: 'pull,delete', catalog: '*' } as const;

const scopesOf = ({ repository, action, mountFrom }: RegistryRequest): readonly string[] => [
  `${action === 'catalog' ? 'registry:catalog' : `repository:${repository}`}:${rights[action]}`,
  ...(mountFrom === undefined ? [] : [`repository:${mountFrom}:pull`]),
];
