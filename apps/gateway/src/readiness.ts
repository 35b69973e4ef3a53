import { AppendError } from './batcher.ts';

/** Long enough for a balancer to notice, short enough to be tried again soon. */
const offMs = 5_000;

/**
 * Watches sends. After one that failed the gateway is not ready, but only for a while: a balancer sends nothing to what is not ready,
 * so without requests no send could ever show that it is well again. @param nowMs of a clock that nobody sets
 */
export function watchSends<T>(send: (what: T) => Promise<void>, nowMs: () => number) {
  let failed: { readonly atMs: number; readonly why: string } | undefined;
  return {
    send: async (what: T): Promise<void> => {
      try {
        await send(what);
        failed = undefined;
      } catch (error) {
        failed = { atMs: nowMs(), why: error instanceof AppendError ? error.message : 'the log did not acknowledge the last append' };
        throw error;
      }
    },
    ready: (): true | string => failed === undefined || nowMs() - failed.atMs >= offMs || failed.why,
  };
}
