import { createHash, timingSafeEqual } from 'node:crypto';
import { refused, type Verdict } from './verdict.ts';

/** One of an endpoint's secrets. Several are valid at once, so that they can be rotated. */
export type Secret = {
  /** For logs and metrics. */
  readonly id: string;
  /** Never to be logged. */
  readonly value: string;
  /** Unix ms from which it opens nothing; null for ever. */
  readonly notAfterMs: number | null;
};

/**
 * Whether one of the secrets opens. All are asked, whatever the ones before have said, so that time tells neither which one was right
 * nor how many there are that were not. A secret out of its time, and an empty one, open nothing.
 */
export function anyOpens(secrets: readonly Secret[], nowMs: number, opens: (value: string) => boolean): Verdict {
  let [by, expired] = [undefined as string | undefined, false];
  for (const { id, value, notAfterMs } of secrets) {
    const isRight = opens(value) && value !== '';
    const isOver = notAfterMs !== null && nowMs >= notAfterMs;
    if (isRight && isOver) expired = true;
    if (isRight && !isOver) by ??= id;
  }
  if (by !== undefined) return { ok: true, by };
  return refused(expired ? 'expired' : 'wrong');
}

/** Compares digests of equal length: the time tells neither the length nor how much of it was right. */
export const equalTexts = (a: string, b: string): boolean => timingSafeEqual(sha256(a), sha256(b));

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
