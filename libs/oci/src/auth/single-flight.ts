import { unlessAborted } from '../host/concurrent.ts';

/**
 * One call for all who want the same at the same time. Whoever gives up leaves the others theirs; a call that nobody waits for any more
 * goes on until its own bound, and is good for the next one.
 */
export function singleFlight<T>(
  run: (key: string, signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
): (key: string, signal: AbortSignal) => Promise<T> {
  const flights = new Map<string, Promise<T>>();
  return (key, signal) => {
    let flight = flights.get(key);
    if (!flight) {
      flight = run(key, AbortSignal.timeout(timeoutMs)).finally(() => flights.delete(key));
      flight.catch(() => {}); // Everybody may have given up.
      flights.set(key, flight);
    }
    return unlessAborted(flight, signal);
  };
}
