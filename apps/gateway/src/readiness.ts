import type { Append } from './batcher.ts';

/** Long enough for a balancer to notice, short enough to be tried again soon. */
const offMs = 5_000;

/**
 * Watches appends. After one that failed the gateway is not ready, but only for a while: a balancer sends nothing to what is not
 * ready, so without requests no append could ever show that the log is back.
 */
export function watchAppends(append: Append, nowMs: () => number): { readonly append: Append; readonly ready: () => true | string } {
  let failedAtMs: number | undefined;
  return {
    append: async (records) => {
      try {
        await append(records);
        failedAtMs = undefined;
      } catch (error) {
        failedAtMs = nowMs();
        throw error;
      }
    },
    ready: () => failedAtMs === undefined || nowMs() - failedAtMs >= offMs || 'the log did not acknowledge the last append',
  };
}
