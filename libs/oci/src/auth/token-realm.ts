import { request, type Dispatcher } from 'undici';
import { parseJson, readBounded } from '../blob/body.ts';
import { apiOrigin } from '../host/api-origin.ts';
import { credentialsAdvice } from '../host/credentials-advice.ts';
import { OciError } from '../host/errors.ts';
import { findRetryAfterMs } from '../host/rate-limit.ts';
import type { Registry } from '../host/settings.ts';
import { asOciError } from '../host/transport-error.ts';
import type { Challenge } from './challenge.ts';
import { basicHeader, type Credentials } from './credentials.ts';

export type Token = { readonly token: string; readonly lifeMs: number };
export type TokenRequest = {
  readonly registry: Registry;
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly dispatcherFor: (origin: string) => Dispatcher;
  readonly signal: AbortSignal;
};

const tokenBytesMax = 65_536;
/** The specification's minimum, for realms that do not say. */
const lifeSecondsDefault = 60;

/**
 * A token from the realm that a challenge names: by GET with a password or anonymously (Docker Registry token authentication), by POST
 * for an identity token (the same, "OAuth2").
 * @throws OciError when the realm refuses, is in trouble, or may not have our credentials
 */
export async function fetchToken(asked: TokenRequest): Promise<Token> {
  const { registry, challenge, signal } = asked;
  const realm = parseRealm(registry, challenge.params['realm']);
  const where = { host: registry.host, repository: '' };
  try {
    const { statusCode, headers, body } = await askRealm(realm, asked);
    const answer = await readBounded(body, tokenBytesMax, 'the token answer', where);
    if (statusCode === 200) return parseToken(answer, realm.host, where);
    const code = statusCode === 429 ? 'REGISTRY_RATE_LIMITED' : statusCode >= 500 ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_UNAUTHORIZED';
    const retryAfterMs = findRetryAfterMs(headers, Date.now());
    throw new OciError(code, `${realm.host} gave no token for registry ${registry.name} (${statusCode}): ${credentialsAdvice(registry)}`, {
      ...where,
      status: statusCode,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  } catch (error) {
    throw asOciError(error, { what: `the token from ${realm.host}`, repository: registry.name, signal }, registry);
  }
}

function askRealm(realm: URL, { challenge, scopes, credentials, dispatcherFor, signal }: TokenRequest): Promise<Dispatcher.ResponseData> {
  const dispatcher = dispatcherFor(realm.origin);
  const service = challenge.params['service'];
  if (credentials?.kind === 'identity-token') {
    const form = { grant_type: 'refresh_token', client_id: 'waybill', refresh_token: credentials.token, scope: scopes.join(' ') };
    const body = new URLSearchParams(service === undefined ? form : { ...form, service }).toString();
    return request(realm, { dispatcher, signal, method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  }
  if (service !== undefined) realm.searchParams.set('service', service);
  for (const scope of scopes) realm.searchParams.append('scope', scope);
  const authorization = basicHeader(credentials);
  return request(realm, { dispatcher, signal, headers: authorization === undefined ? {} : { authorization } });
}

function parseRealm(registry: Registry, realm: string | undefined): URL {
  const refuse = (why: string): never => {
    throw new OciError('REGISTRY_PROTOCOL', `registry ${registry.name} sent a token realm that ${why}`, {
      host: registry.host,
      repository: '',
    });
  };
  const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : refuse('is no URL');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && registry.plainHttp)) refuse('is not https');
  if (url.username !== '' || url.password !== '') refuse('carries credentials');
  // Plain HTTP can be rewritten on the way: there the password goes to the registry's own host alone.
  if (url.protocol === 'http:' && registry.authHost === undefined && url.hostname !== apiOrigin(registry).hostname) {
    refuse(`lies on ${url.host} over plain HTTP: name that host as authHost in registries.yaml to allow it`);
  }
  if (registry.authHost !== undefined && url.host !== registry.authHost)
    refuse(`lies on ${url.host}, not on its authHost ${registry.authHost}`);
  return url;
}

function parseToken(answer: Buffer, realmHost: string, where: { readonly host: string; readonly repository: string }): Token {
  const { token, access_token, expires_in } = Object(parseJson(answer)) as Readonly<Record<string, unknown>>;
  const found = [token, access_token].find((candidate) => typeof candidate === 'string' && /^[\x21-\x7e]+$/.test(candidate));
  if (typeof found !== 'string') throw new OciError('REGISTRY_PROTOCOL', `${realmHost} answered without a token`, where);
  const lifeSeconds = typeof expires_in === 'number' && expires_in > 0 ? expires_in : lifeSecondsDefault;
  return { token: found, lifeMs: lifeSeconds * 1_000 };
}
