/** Of `config/sources.yaml`: how fast an endpoint may be sent to, and how many requests may come at once after a pause. */
export type Rate = { readonly perSecond: number; readonly burst: number };
type Limited = { readonly name: string; readonly rate: Rate | null };

export type Rates = {
  /** Counts a request. @returns 0, or the whole seconds after which the next one is taken; then it was not counted */
  readonly take: (endpoint: Limited) => number;
  /** What `take` would give, without counting. */
  readonly peek: (endpoint: Limited) => number;
};

/**
 * Keeps endpoints to their rate: one number each, the time at which all that was taken is due (the generic cell rate algorithm of ITU-T
 * I.371). Only what is authentic is to be counted, so that nobody else can use up a sender's rate.
 */
export function createRates(nowMs: () => number): Rates {
  const dueMs = new Map<string, number>();

  function next({ name, rate }: Limited): { readonly waitMs: number; readonly dueMs: number } {
    if (rate === null) return { waitMs: 0, dueMs: 0 };
    const now = nowMs();
    const [stepMs, due] = [1_000 / rate.perSecond, dueMs.get(name) ?? 0];
    // Further ahead than a burst (and a rounding) only after the clock, or the rate, was set back.
    const start = due - now > rate.burst * stepMs + 1 ? now : Math.max(due, now);
    return { waitMs: Math.max(0, start - (rate.burst - 1) * stepMs - now), dueMs: start + stepMs };
  }

  return {
    peek: (endpoint) => toSeconds(next(endpoint).waitMs),
    take: (endpoint) => {
      const { waitMs, dueMs: due } = next(endpoint);
      if (waitMs === 0 && endpoint.rate !== null) dueMs.set(endpoint.name, due);
      return toSeconds(waitMs);
    },
  };
}

const toSeconds = (waitMs: number): number => Math.ceil(waitMs / 1_000);
