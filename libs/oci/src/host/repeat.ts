import type { Clock } from '@waybill/stream';
import { OciError } from './errors.ts';

/** How a request is tried again, by the client itself. */
export type RepeatOptions = {
  /** Of a request that a broken connection or a server in trouble failed. One that was turned away has the time alone as its bound. */
  readonly triesMax: number;
  /** No try begins this long after the first one; 0: each request is sent once. */
  readonly repeatMsMax: number;
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'after'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

const delayMsMin = 100;
const delayMsMax = 2_000;

/** `turned-away`: it may have been carried out, and not be carried out twice; so only what a 429 has turned away is sent again. */
export type Repeats = 'always' | 'turned-away' | 'never';

export type Tried = {
  readonly error: OciError;
  /** 1 after the first. */
  readonly tries: number;
  readonly sinceFirstMs: number;
  readonly repeats: Repeats;
};

/**
 * Pause before the next try, in ms; undefined: there is none.
 *
 * Uniform in [0, min(2 s, 100 ms * 2^(tries-1))] ("full jitter"), on top of what the registry asks for.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function findDelayMs({ error, tries, sinceFirstMs, repeats }: Tried, options: RepeatOptions): number | undefined {
  const isTurnedAway = error.code === 'REGISTRY_RATE_LIMITED';
  const isBroken = error.code === 'REGISTRY_UNAVAILABLE' || error.code === 'REGISTRY_TIMEOUT';
  const mayPass = isTurnedAway ? repeats !== 'never' : isBroken && repeats === 'always' && tries < options.triesMax;
  if (!mayPass) return undefined;
  const jitterMs = options.random() * Math.min(delayMsMax, delayMsMin * 2 ** (tries - 1));
  const delayMs = (error.retryAfterMs ?? 0) + jitterMs;
  return sinceFirstMs + delayMs >= options.repeatMsMax ? undefined : delayMs;
}

/**
 * Runs `attempt` until it succeeds or may no longer be repeated. It throws nothing but OciErrors and the signal's reason.
 * @throws the last {@link OciError}, or the reason of `signal` as soon as it fires
 */
export async function repeated<T>(
  attempt: () => Promise<T>,
  repeats: Repeats,
  options: RepeatOptions & { readonly onTurnedAway: (delayMs: number) => void },
  signal: AbortSignal,
): Promise<T> {
  const { clock } = options;
  const firstAtMs = clock.now();
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OciError) || signal.aborted) throw error;
      const delayMs = findDelayMs({ error, tries, sinceFirstMs: clock.now() - firstAtMs, repeats }, options);
      if (delayMs === undefined) throw error;
      if (error.retryAfterMs !== undefined && error.retryAfterMs > 0) options.onTurnedAway(error.retryAfterMs);
      await clock.sleep(delayMs, signal);
    }
  }
}
