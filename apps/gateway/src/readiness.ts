import { AppendError } from './batcher.ts';

/** Long enough for a balancer to notice, short enough to be tried again soon. */
const offMs = 5_000;

/** Beyond the log's own limit: a disk that hangs has none. */
const hangMs = 20_000;

/**
 * Watches sends, which are made one at a time. While one hangs the gateway is not ready; after one that failed it is not either, but
 * only for a while: a balancer sends nothing to what is not ready, so without requests no send could ever show that it is well again.
 * @param nowMs of a clock that nobody sets
 */
export function watchSends<T>(send: (what: T) => Promise<void>, nowMs: () => number) {
  let begunAtMs: number | undefined;
  let failed: { readonly atMs: number; readonly why: string } | undefined;
  return {
    send: async (what: T): Promise<void> => {
      begunAtMs = nowMs();
      try {
        await send(what);
        failed = undefined;
      } catch (error) {
        failed = { atMs: nowMs(), why: error instanceof AppendError ? error.message : 'the log did not acknowledge the last append' };
        throw error;
      } finally {
        begunAtMs = undefined;
      }
    },
    ready: (): true | string => {
      if (begunAtMs !== undefined && nowMs() - begunAtMs >= hangMs) return 'neither the log nor the disk answers';
      return failed === undefined || nowMs() - failed.atMs >= offMs || failed.why;
    },
  };
}
