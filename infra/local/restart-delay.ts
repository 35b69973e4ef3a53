export type RestartPolicy = {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** A process that lived this long has recovered: the next death counts as the first. */
  readonly stableMs: number;
};

export const restartPolicy: RestartPolicy = { delayMsMin: 250, delayMsMax: 15_000, stableMs: 30_000 };

/** Deaths in a row, this one included. */
export function countDeaths(deathsBefore: number, ranMs: number, policy = restartPolicy): number {
  return ranMs >= policy.stableMs ? 1 : deathsBefore + 1;
}

/**
 * Doubles from death to death up to a bound and never gives up: what a process waits for may be away for hours.
 * No jitter: these processes are alone on their machine.
 */
export function restartDelayMs(deaths: number, policy = restartPolicy): number {
  return Math.min(policy.delayMsMax, policy.delayMsMin * 2 ** Math.min(30, Math.max(0, deaths - 1)));
}
