import type { Dispatcher } from 'undici';
import type { Registry } from '../host/settings.ts';
import type { Challenge } from './challenge.ts';
import { basicHeader, type CredentialSource } from './credentials.ts';
import { singleFlight } from './single-flight.ts';
import { fetchToken } from './token-realm.ts';

/**
 * Answers a registry's 401s: anonymous, basic, or a bearer token from the realm that the challenge names. What it learns is used for the
 * requests after, which then are not refused first.
 */
export type Authorizer = {
  /**
   * The header to send at once, where an earlier answer of the registry taught it; a promise where its token has to be fetched.
   * @throws as `answer` does
   */
  readonly find: (scopes: readonly string[], signal: AbortSignal) => string | undefined | Promise<string | undefined>;
  /**
   * @param refused the header that the 401 came for
   * @returns the header to try once more with; undefined when there is nothing (else) to offer
   * @throws OciError when the realm refuses, or no credentials can be got; or the signal's reason
   */
  readonly answer: (
    challenges: readonly Challenge[],
    scopes: readonly string[],
    refused: string | undefined,
    signal: AbortSignal,
  ) => Promise<string | undefined>;
};

export type AuthorizerOptions = {
  readonly registry: Registry;
  readonly source: CredentialSource;
  readonly dispatcherFor: (origin: string) => Dispatcher;
  readonly nowMs: () => number;
};

const tokensMax = 10_000;
/** A token is left alone before its end, so that it does not end on the way. */
const tokenMarginMs = 5_000;
const fetchMsMax = 90_000;

type Held = { readonly header: string; readonly expiresAtMs: number };

export function createAuthorizer({ registry, source, dispatcherFor, nowMs }: AuthorizerOptions): Authorizer {
  const tokens = createTokens(nowMs);
  let basic: string | undefined;
  /** The last bearer challenge, and the rights that it was sent for: many registries give out without a token and take only with one. */
  let bearer: Challenge | undefined;
  const challenged = new Set<string>();

  const fetchHeader = singleFlight(async (key, signal) => {
    const credentials = await source.find(registry.host, signal);
    if (credentials?.kind === 'access-token') return `Bearer ${credentials.token}`;
    const { token, lifeMs } = await fetchToken({
      registry,
      challenge: bearer!,
      scopes: key.split(' '),
      credentials,
      dispatcherFor,
      signal,
    });
    const header = `Bearer ${token}`;
    tokens.set(key, { header, expiresAtMs: nowMs() + lifeMs - tokenMarginMs });
    return header;
  }, fetchMsMax);

  return {
    find(scopes, signal) {
      if (!bearer) return basic;
      const key = scopes.join(' ');
      const held = tokens.find(key);
      if (held !== undefined) return held;
      return challenged.has('pull') || challenged.has(rightsOf(key)) ? fetchHeader(key, signal) : basic;
    },
    async answer(challenges, scopes, refused, signal) {
      const found = challenges.find(({ scheme }) => scheme === 'bearer');
      if (found) {
        bearer = found;
        const key = scopes.join(' ');
        challenged.add(rightsOf(key));
        const held = tokens.find(key);
        if (held !== undefined && held !== refused) return held; // Somebody else was faster.
        tokens.forget(key);
        const header = await fetchHeader(key, signal);
        return header === refused ? undefined : header;
      }
      if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
      basic = basicHeader(await source.find(registry.host, signal));
      return basic === refused ? undefined : basic;
    },
  };
}

/** Of the first scope: `pull`, or `pull,push`. */
const rightsOf = (key: string): string => /^[^ ]*:([^ :]*)/.exec(key)?.[1] ?? '';

type Tokens = {
  readonly find: (key: string) => string | undefined;
  readonly set: (key: string, held: Held) => void;
  readonly forget: (key: string) => void;
};

/** Tokens by their scopes. One that allows more does as well: for a `pull`, one for `pull,push`. */
function createTokens(nowMs: () => number): Tokens {
  const byKey = new Map<string, Held>();
  const fresh = (key: string): string | undefined => {
    const held = byKey.get(key);
    if (!held || held.expiresAtMs > nowMs()) return held?.header;
    byKey.delete(key);
    return undefined;
  };
  const isPull = (key: string): boolean => key.endsWith(':pull') && !key.includes(' ');
  return {
    find: (key) => (isPull(key) ? fresh(`${key},push`) : undefined) ?? fresh(key),
    set(key, held) {
      const oldest = byKey.size >= tokensMax ? byKey.keys().next().value : undefined;
      if (oldest !== undefined) byKey.delete(oldest);
      byKey.set(key, held);
    },
    forget(key) {
      byKey.delete(key);
      if (isPull(key)) byKey.delete(`${key},push`);
    },
  };
}
