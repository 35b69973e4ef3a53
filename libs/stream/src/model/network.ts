import { BrokerError, ConnectionLost } from './broker-error.ts';
import { onAbort, type Actor, type Scheduler } from './scheduler.ts';

/** What goes wrong on the way, as probabilities per request. */
export type Weather = {
  /** The request never arrives. */
  readonly lostRequest: number;
  /** It arrives and is done, but nobody hears of it. */
  readonly lostAnswer: number;
  /** It is on its way for longer than anybody waits. */
  readonly late: number;
};
export const calm: Weather = { lostRequest: 0, lostAnswer: 0, late: 0 };

/** The way from one process to the broker. Requests that are on it arrive, whatever becomes of who sent them. */
export type Network = {
  /**
   * @throws BrokerError as the broker answers; ConnectionLost when it is unknown what became of the request; the reason of
   *   `signal` when that fires first
   */
  call<T>(what: string, handle: () => T | Promise<T>, signal?: AbortSignal): Promise<T>;
  /** As `call`, but again and again until there is an answer that no further try would change. */
  ask<T>(what: string, handle: () => T | Promise<T>, signal: AbortSignal): Promise<T>;
};

export type NetworkOptions = {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  /** Asked at each request. `undefined` is a broker that cannot be reached. */
  readonly weather: () => Weather | undefined;
  /** Told of each fault. */
  readonly onFault?: (kind: keyof Weather | 'unreachable') => void;
};

type Fate = keyof Weather | 'unreachable' | undefined;

const retryMs = 50;

export function createNetwork({ scheduler, actor, weather, onFault }: NetworkOptions): Network {
  const { random } = scheduler;
  const clock = scheduler.clockOf(actor);

  const fateOf = (): Fate => {
    const now = weather();
    if (!now) return 'unreachable';
    const number = random.next();
    if (number < now.lostRequest) return 'lostRequest';
    if (number < now.lostRequest + now.lostAnswer) return 'lostAnswer';
    return number < now.lostRequest + now.lostAnswer + now.late ? 'late' : undefined;
  };
  const delayOf = (fate: Fate): number => (fate === 'late' ? random.below(60_000) : random.chance(0.2) ? random.below(30) : 0);

  const call = async <T>(what: string, handle: () => T | Promise<T>, signal?: AbortSignal): Promise<T> => {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const forget = onAbort(actor, signal, () => reject(signal!.reason as Error));
    const fate = fateOf();
    if (fate) onFault?.(fate);
    const name = `${actor.name}: ${what}`;
    // A connection that breaks shows at once, one that falls silent when the patience of the client is over.
    const lose = (): void => {
      const delayMs = fate === 'unreachable' ? 1_000 : random.chance(0.5) ? 20 : 15_000;
      scheduler.post(`${name} is lost`, () => reject(new ConnectionLost(what)), { delayMs, actor });
    };
    const arrive = async (): Promise<void> => {
      let answer: () => void;
      try {
        const value = await handle();
        answer = () => resolve(value);
      } catch (error) {
        answer = () => reject(error);
      }
      if (fate === 'lostAnswer') lose();
      else scheduler.post(`${name} is answered`, answer, { delayMs: delayOf(undefined), actor });
    };
    if (fate === 'lostRequest' || fate === 'unreachable') lose();
    else scheduler.post(`${name} arrives`, () => void arrive(), { delayMs: delayOf(fate) });
    return promise.finally(forget);
  };

  const ask = async <T>(what: string, handle: () => T | Promise<T>, signal: AbortSignal): Promise<T> => {
    for (;;) {
      try {
        return await call(what, handle, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const isPassing = error instanceof ConnectionLost || (error instanceof BrokerError && error.type === 'CONCURRENT_TRANSACTIONS');
        if (!isPassing) throw error;
        await clock.sleep(retryMs, signal);
      }
    }
  };
  return { call, ask };
}
