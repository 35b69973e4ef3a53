import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhenResult,
  type IBackoffFactory,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel';

/** What a try tells of its host. `unknown`: it was called off before it could tell. */
export type Verdict = {
  readonly host: 'up' | 'down' | 'unknown';
  /** The host asked to be left alone for so long (Retry-After). */
  readonly retryAfterMs?: number;
};

/** Keeps jobs from a host that is down: after some failures in a row it lets nobody through for a while, then one as a probe. */
export type Circuit = {
  readonly state: 'closed' | 'half-open' | 'open';
  /** Since when it has not been closed, by the time that is given; probes that fail do not change it. */
  readonly openSinceMs: number | undefined;
  /** Nothing is remembered of the host: a new circuit would do the same. */
  readonly isFresh: boolean;
  /** From when on the next try may begin: 0 while closed, infinite while a probe is under way. */
  readonly opensAtMs: number;
  /** A try begins. @returns what must be told how it went; resolves once that counts */
  readonly enter: () => (verdict: Verdict) => Promise<void>;
};

export type CircuitOptions = { readonly nowMs: () => number; readonly random: () => number };

/** Failures in a row that open a circuit. */
const failuresMax = 5;
/** How long it stays open: at random between half and all of a bound that doubles with each failed probe. */
const openMsMin = 1_000;
const openMsMax = 60_000;

const states = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
} as const;

export function createCircuit({ nowMs, random }: CircuitOptions): Circuit {
  let untilMs = 0;
  // The library would measure by `Date.now` how long a circuit has been open. Here `opensAtMs` says it, by the clock that is given.
  const openFor = (probesCount: number): IBackoffFactory<IHalfOpenAfterBackoffContext> => ({
    next({ result }) {
      const verdict = (result as { readonly value: Verdict }).value;
      const boundMs = Math.min(openMsMax, openMsMin * 2 ** probesCount);
      const waitMs = Math.max(boundMs * (0.5 + random() / 2), verdict.retryAfterMs ?? 0);
      untilMs = nowMs() + (verdict.host === 'unknown' ? 0 : waitMs);
      return {
        ...openFor(verdict.host === 'unknown' ? probesCount : Math.min(probesCount + 1, 30)),
        duration: -Infinity,
      };
    },
  });
  const breaker = new ConsecutiveBreaker(failuresMax);
  const isFailure = handleWhenResult((verdict) => (verdict as Verdict).host !== 'up');
  const policy = circuitBreaker(isFailure, { breaker, halfOpenAfter: openFor(0) });
  let openSinceMs: number | undefined;
  policy.onBreak(() => (openSinceMs ??= nowMs()));
  policy.onReset(() => (openSinceMs = undefined));

  return {
    get state() {
      return states[policy.state];
    },
    get openSinceMs() {
      return openSinceMs;
    },
    get isFresh() {
      return policy.state === CircuitState.Closed && breaker.state === 0;
    },
    get opensAtMs() {
      if (policy.state === CircuitState.Closed) return 0;
      return policy.state === CircuitState.Open ? untilMs : Infinity;
    },
    enter() {
      const told = Promise.withResolvers<Verdict>();
      const counted = policy.execute(async () => {
        const isProbe = policy.state === CircuitState.HalfOpen;
        const verdict = await told.promise;
        // A probe without an answer leaves the question open; any other try without one is as if it had not been.
        if (verdict.host === 'unknown' && !isProbe) throw new Error('called off');
        return verdict;
      });
      const settled = counted.then(
        () => undefined,
        () => undefined,
      );
      return (verdict) => {
        told.resolve(verdict);
        return settled;
      };
    },
  };
}
