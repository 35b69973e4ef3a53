import { request, type Dispatcher } from 'undici';
import { readBounded } from '../blob/body.ts';
import type { Challenge } from './challenge.ts';
import { findBasicHeader } from './credentials.ts';
import { OciError } from '../host/errors.ts';
import type { Registry } from '../host/settings.ts';
import { apiOrigin } from '../host/api-origin.ts';

/**
 * Answers a registry's 401s: anonymous, basic, or a bearer token from the realm that the challenge names
 * (Docker Registry token authentication). What it learns is used for the requests after.
 */
export type Authorizer = {
  /** The header to send at once, where an earlier answer of the registry taught it. */
  readonly find: (scopes: readonly string[]) => string | undefined;
  /**
   * @returns the header to try once more with; undefined when there is nothing (else) to offer
   * @throws OciError when the realm refuses or may not have our credentials
   */
  readonly answer: (challenges: readonly Challenge[], scopes: readonly string[], signal: AbortSignal) => Promise<string | undefined>;
};

const tokensMax = 1_000;
const tokenBytesMax = 65_536;
/** The specification's minimum, for realms that do not say. */
const tokenLifeSecondsDefault = 60;
/** A token is left alone before its end, so that it does not end on the way. */
const tokenMarginMs = 5_000;

export function createAuthorizer(
  registry: Registry,
  dispatcherFor: (origin: string) => Dispatcher,
  nowMs: () => number = Date.now,
): Authorizer {
  const tokens = new Map<string, { readonly header: string; readonly expiresAtMs: number }>();
  let basic: string | undefined;

  return {
    find(scopes) {
      const token = tokens.get(scopes.join(' '));
      return token && token.expiresAtMs > nowMs() ? token.header : basic;
    },
    async answer(challenges, scopes, signal) {
      const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
      if (bearer) {
        const { token, lifeMs } = await fetchToken(registry, dispatcherFor, bearer, scopes, signal);
        const oldest = tokens.size >= tokensMax ? tokens.keys().next().value : undefined;
        if (oldest !== undefined) tokens.delete(oldest);
        const header = `Bearer ${token}`;
        tokens.set(scopes.join(' '), { header, expiresAtMs: nowMs() + lifeMs - tokenMarginMs });
        return header;
      }
      if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
      const refused = basic;
      basic = await findBasicHeader(registry);
      return basic === refused ? undefined : basic;
    },
  };
}

async function fetchToken(
  registry: Registry,
  dispatcherFor: (origin: string) => Dispatcher,
  challenge: Challenge,
  scopes: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly token: string; readonly lifeMs: number }> {
  const where = { host: registry.host, repository: '' };
  const realm = parseRealm(registry, challenge.params['realm']);
  if (challenge.params['service'] !== undefined) realm.searchParams.set('service', challenge.params['service']);
  for (const scope of scopes) realm.searchParams.append('scope', scope);
  const authorization = await findBasicHeader(registry);
  const { statusCode, body } = await request(realm, {
    dispatcher: dispatcherFor(realm.origin),
    signal,
    headers: authorization === undefined ? {} : { authorization },
  });
  const answer = await readBounded(body, tokenBytesMax, 'the token answer', where);
  if (statusCode !== 200) {
    const code = statusCode === 429 ? 'REGISTRY_RATE_LIMITED' : statusCode >= 500 ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_UNAUTHORIZED';
    const next = authorization === undefined ? 'it has no credentials in registries.yaml' : 'check its username and passwordFile';
    throw new OciError(code, `${realm.host} gave no token for registry ${registry.name} (${statusCode}): ${next}`, {
      ...where,
      status: statusCode,
    });
  }
  return parseToken(answer, realm.host, where);
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

function parseToken(answer: Buffer, realmHost: string, where: { readonly host: string; readonly repository: string }) {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.toString('utf8'));
  } catch {
    parsed = undefined; // The cause would quote the answer, which may hold a token.
  }
  const { token, access_token, expires_in } = (parsed ?? {}) as Readonly<Record<string, unknown>>;
  const found = [token, access_token].find((candidate) => typeof candidate === 'string' && /^[\x21-\x7e]+$/.test(candidate));
  if (typeof found !== 'string') throw new OciError('REGISTRY_PROTOCOL', `${realmHost} answered without a token`, where);
  const lifeSeconds = typeof expires_in === 'number' && expires_in > 0 ? expires_in : tokenLifeSecondsDefault;
  return { token: found, lifeMs: lifeSeconds * 1_000 };
}
