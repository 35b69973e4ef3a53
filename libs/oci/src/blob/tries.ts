import { setTimeout as sleep } from 'node:timers/promises';
import { OciError } from '../host/errors.ts';

/** How often a transfer that broke off goes on, and how long it waits before. */
export type Patience = {
  /** Failures with less than 1 MiB gained since the first of them: a large blob gets over a bad line, and what never moves fails. */
  readonly failuresMax: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
};
export const patienceDefault: Patience = { failuresMax: 5, delayMsMin: 50, delayMsMax: 5_000 };

const gainBytesMin = 1_048_576;
/** A registry that asks for a longer pause is left to the caller, who can do something else meanwhile. */
const retryAfterMsMax = 30_000;

export type Tries = {
  /**
   * Waits until the next try may begin, with full jitter.
   * @param atBytes how much of the blob has got over by now
   * @throws the error itself when no try is left; or the signal's reason
   */
  readonly after: (error: unknown, atBytes: number) => Promise<void>;
};

export function createTries({ failuresMax, delayMsMin, delayMsMax }: Patience, signal: AbortSignal): Tries {
  let failuresCount = 0;
  let countedBytes = 0;
  return {
    async after(error, atBytes) {
      signal.throwIfAborted();
      if (atBytes - countedBytes >= gainBytesMin) [failuresCount, countedBytes] = [0, atBytes];
      failuresCount += 1;
      const askedMs = error instanceof OciError ? (error.retryAfterMs ?? 0) : 0;
      if (failuresCount > failuresMax || askedMs > retryAfterMsMax) throw error;
      const delayMs = Math.random() * Math.min(delayMsMax, delayMsMin * 2 ** (failuresCount - 1));
      await sleep(Math.max(askedMs, delayMs), undefined, { signal }).catch(() => signal.throwIfAborted());
    },
  };
}

/** Whether the way was at fault and neither the request nor the bytes, so that it is worth going on. */
export const isBrokenOff = (error: unknown): boolean =>
  error instanceof OciError && ['REGISTRY_UNAVAILABLE', 'REGISTRY_TIMEOUT', 'REGISTRY_RATE_LIMITED'].includes(error.code);
