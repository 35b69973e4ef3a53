import type { Clock } from './clock.ts';

/** So early a timer may come without a clock having been set. Taking it for a change would add up, nap by nap. */
const timerErrorMs = 1_000;

/**
 * Time for waiting: the clock's, but it never goes back. Where the clock is set back, it goes on from where it stood, so that what is
 * due in a second does not wait for an hour. A clock that is set forward takes it along: what is due by the clock is due.
 */
export class SteadyTime {
  readonly #clock: Clock;
  #newestMs = Number.NEGATIVE_INFINITY;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds; ahead of the clock by as much as it has been set back since the start. */
  now(): number {
    const clockMs = this.#clock.now();
    if (clockMs < this.#newestMs) this.#aheadMs += this.#newestMs - clockMs;
    this.#newestMs = clockMs;
    return clockMs + this.#aheadMs;
  }

  /** When it will be that time on the clock, if the clock is not set again. */
  when(clockMs: number): number {
    this.now();
    return clockMs + this.#aheadMs;
  }

  /** As the clock's. What has gone by until then counts, also where the clock was set back meanwhile. */
  after(ms: number, call: () => void): () => void {
    const untilMs = this.now() + ms;
    return this.#clock.after(ms, () => {
      const lagMs = untilMs - this.now();
      if (lagMs > timerErrorMs) this.#aheadMs += lagMs;
      call();
    });
  }
}
