/** A token bucket that may go into debt: what was taken on credit is waited for by whoever comes next. */
export type Bucket = {
  /** Time until something may be taken, in ms, rounded up; 0: now. */
  readonly waitMs: () => number;
  /** Any amount: a chunk cannot be taken in parts. */
  readonly take: (amount: number) => void;
};

/** @param burst what a rested bucket gives at once */
export function createBucket(perSecond: number, burst: number, nowMs: () => number): Bucket {
  let level = burst;
  let filledAtMs = nowMs();
  const fill = (): void => {
    const now = nowMs();
    // A clock that was set back gives nothing, and takes nothing.
    level = Math.min(burst, level + (Math.max(0, now - filledAtMs) * perSecond) / 1_000);
    filledAtMs = now;
  };
  return {
    waitMs() {
      fill();
      return level > 0 ? 0 : Math.max(1, Math.ceil((-level * 1_000) / perSecond));
    },
    take(amount) {
      fill();
      level -= amount;
    },
  };
}

/** For what has no limit. */
export const bottomless: Bucket = { waitMs: () => 0, take: () => {} };
