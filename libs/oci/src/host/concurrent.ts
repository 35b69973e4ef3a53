/**
 * Maps with at most `concurrencyMax` calls under way. The first failure aborts the others and is thrown once they have ended, so that
 * nothing goes on behind the caller's back.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  concurrencyMax: number,
  signal: AbortSignal,
  map: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<readonly R[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) {
      try {
        either.throwIfAborted();
        results[index] = await map(item, either);
      } catch (error) {
        failed.abort(error); // Only the first reason counts; the others fail with it.
        throw error;
      }
    }
  };
  await Promise.allSettled(Array.from({ length: Math.min(concurrencyMax, items.length) }, work));
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return results;
}

/** Waits for something that goes on whether or not it is waited for. @throws the signal's reason when that is first */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
