import { setTimeout as sleep } from 'node:timers/promises';

/** All the time that the runtime knows. Injected, so that a model can run ten thousand schedules of it in a minute, each repeatable. */
export type Clock = {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** @throws the reason of `signal` when it fires first */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** As `sleep`, but keeps no process alive: for bounds, which mostly are not reached. */
  bound(ms: number): Promise<void>;
  /** Calls back later, once. @returns what cancels it */
  after(ms: number, call: () => void): () => void;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, signal && { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
  bound: (ms) => sleep(ms, undefined, { ref: false }),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
