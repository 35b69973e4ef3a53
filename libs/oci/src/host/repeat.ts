import type { Clock } from '@waybill/stream';
import { isTurnedAway, mayPass, OciError } from './errors.ts';

/** How what failed on its way is tried again. */
export type RepeatOptions = {
  /** Of what a broken connection or a server in trouble failed. What is turned away has the time alone as its bound. */
  readonly triesMax: number;
  /** No try begins this long after the first failure; 0: each request is sent once. */
  readonly repeatMsMax: number;
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'after'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

const delayMsMin = 100;
const delayMsMax = 2_000;
const gainBytesMin = 1_048_576;

/**
 * The tries that a piece of work has: a request alone, or a blob's transfer with all of its requests. However many loops there are around a
 * request, they spend the same tries.
 */
export type Tries = {
  /**
   * Waits until the next try may begin, and holds the host's other requests back where it has asked for that.
   *
   * Uniform in [0, min(2 s, 100 ms * 2^(failures-1))] ("full jitter"), on top of what the registry asks for.
   * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
   * @param atBytes how much of a blob has got over by now. With 1 MiB more than at the first of the failures they are forgotten: a large
   *   blob gets over a bad line, and what never moves fails
   * @throws the error itself when no try is left; or the signal's reason
   */
  readonly after: (error: unknown, atBytes?: number) => Promise<void>;
};

export function createTries(
  { triesMax, repeatMsMax, clock, random, onTurnedAway }: RepeatOptions & { readonly onTurnedAway: (delayMs: number) => void },
  signal: AbortSignal,
): Tries {
  let failuresCount = 0;
  let brokenCount = 0;
  let firstAtMs = 0;
  let countedBytes = 0;
  return {
    async after(error, atBytes = countedBytes) {
      signal.throwIfAborted();
      if (atBytes - countedBytes >= gainBytesMin) [failuresCount, brokenCount, countedBytes] = [0, 0, atBytes];
      if (failuresCount === 0) firstAtMs = clock.now();
      failuresCount += 1;
      if (!isTurnedAway(error)) brokenCount += 1;
      const askedMs = error instanceof OciError ? (error.retryAfterMs ?? 0) : 0;
      const delayMs = askedMs + random() * Math.min(delayMsMax, delayMsMin * 2 ** (failuresCount - 1));
      if (brokenCount >= triesMax || clock.now() - firstAtMs + delayMs >= repeatMsMax) throw error;
      if (askedMs > 0) onTurnedAway(askedMs);
      await clock.sleep(delayMs, signal);
    },
  };
}

/** `turned-away`: it may have been carried out, and not be carried out twice; so only what a 429 has turned away is sent again. */
export type Repeats = 'always' | 'turned-away' | 'never';

/**
 * Runs `attempt` until it succeeds or may no longer be repeated.
 * @throws the last error, or the reason of `signal` as soon as it fires
 */
export async function repeated<T>(attempt: () => Promise<T>, repeats: Repeats, tries: Tries, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isAllowed = repeats === 'always' ? mayPass(error) : repeats === 'turned-away' && isTurnedAway(error);
      if (!isAllowed || signal.aborted) throw error;
      await tries.after(error);
    }
  }
}
