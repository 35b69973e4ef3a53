import type { Clock } from '@waybill/stream';

/** A clock that stands still until it is moved, and calls back in order whatever was due by then. */
export type ManualClock = Pick<Clock, 'now' | 'after' | 'sleep'> & {
  /** Calls back what is due within `ms`; what follows from one callback has happened before the next. */
  readonly pass: (ms: number) => Promise<void>;
  /** Pauses asked for by `sleep`, in order. */
  readonly sleptMs: readonly number[];
  readonly timersCount: () => number;
};

type Timer = { readonly atMs: number; readonly call: () => void };

/** @param isHasty every `sleep` moves the clock itself, so that nobody has to wait */
export function manualClock({ isHasty = false } = {}): ManualClock {
  let nowMs = 0;
  const timers = new Set<Timer>();
  const sleptMs: number[] = [];
  const after = (ms: number, call: () => void): (() => void) => {
    const timer = { atMs: nowMs + ms, call };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const pass = async (ms: number): Promise<void> => {
    const endMs = nowMs + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      timers.delete(next);
      nowMs = Math.max(nowMs, next.atMs);
      next.call();
    }
    nowMs = endMs;
  };
  return {
    now: () => nowMs,
    after,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      sleptMs.push(ms);
      if (isHasty) return pass(ms);
      await new Promise<void>((resolve, reject) => {
        const cancel = after(ms, resolve);
        signal?.addEventListener('abort', () => (cancel(), reject(signal.reason as Error)), { once: true });
      });
    },
    pass,
    sleptMs,
    timersCount: () => timers.size,
  };
}
