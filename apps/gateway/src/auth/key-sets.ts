import type { KeyObject } from 'node:crypto';
import { parseKeySet, type KeySet, type OidcScheme } from '@waybill/webhook-sources';
import type { Fetch } from './fetch-bounded.ts';

export type KeySets = {
  /**
   * A provider's key. `unknown`: it has published none of that name. `unavailable`: it cannot be asked now, and what it said before
   * does not answer the question. Never rejects.
   */
  readonly find: (provider: Provider, keyId: string) => Promise<KeyObject | 'unknown' | 'unavailable'>;
};
export type Provider = Pick<OidcScheme, 'jwksUrl' | 'algorithm'>;

/** Where the provider does not say how long its keys are good for (RFC 9111, section 5.2), and what it may say at most and at least. */
const freshMs = { unsaid: 300_000, min: 60_000, max: 86_400_000 };
/** Keys outlive their provider's absence so long: it is the time in which it may not take one back. */
const usableMs = 86_400_000;
/** A name that is not known may be a new one, or anybody's invention. */
const unknownPauseMs = 60_000;
const failurePauseMs = 5_000;

type Held = {
  keys: KeySet;
  fetchedAtMs: number;
  freshUntilMs: number;
  triedAtMs: number;
  hasFailed: boolean;
  pending: Promise<void> | undefined;
};

/** Keys that providers publish, kept as long as they say. @param onFailure told why a set could not be had; the old one goes on */
export function createKeySets(fetch: Fetch, nowMs: () => number, onFailure: (error: unknown) => void): KeySets {
  const sets = new Map<string, Held>();

  async function load(held: Held, { jwksUrl, algorithm }: Provider): Promise<void> {
    held.triedAtMs = nowMs();
    try {
      const { body, cacheControl } = await fetch(jwksUrl);
      held.keys = parseKeySet(body.toString('utf8'), algorithm);
      held.fetchedAtMs = nowMs();
      held.freshUntilMs = held.fetchedAtMs + freshFor(cacheControl);
      held.hasFailed = false;
    } catch (error) {
      held.hasFailed = true;
      onFailure(error);
    } finally {
      held.pending = undefined;
    }
  }

  return {
    async find(provider, keyId) {
      const name = `${provider.algorithm} ${provider.jwksUrl}`;
      const held = sets.get(name) ?? none();
      sets.set(name, held);
      const isAsked = nowMs() >= held.freshUntilMs || !held.keys.has(keyId);
      const pauseMs = held.hasFailed ? failurePauseMs : nowMs() >= held.freshUntilMs ? 0 : unknownPauseMs;
      if (isAsked && nowMs() - held.triedAtMs >= pauseMs) held.pending ??= load(held, provider);
      if (isAsked) await held.pending; // One question for all who wait.
      const isUsable = nowMs() - held.fetchedAtMs < usableMs;
      const key = isUsable ? held.keys.get(keyId) : undefined;
      return key ?? (held.hasFailed || !isUsable ? 'unavailable' : 'unknown');
    },
  };
}

const none = (): Held => ({
  keys: new Map(),
  fetchedAtMs: -Infinity,
  freshUntilMs: -Infinity,
  triedAtMs: -Infinity,
  hasFailed: false,
  pending: undefined,
});

function freshFor(cacheControl: string | null): number {
  if (/(?:^|[\s,])no-(?:store|cache)(?:[\s,=]|$)/i.test(cacheControl ?? '')) return freshMs.min;
  const seconds = /(?:^|[\s,])max-age="?(\d{1,10})/i.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? freshMs.unsaid : Math.min(freshMs.max, Math.max(freshMs.min, Number(seconds) * 1_000));
}
