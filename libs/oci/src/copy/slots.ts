import { createTurns } from '../host/turns.ts';

/** Room for so many at once. Owners take turns, so that one with a thousand things to do holds nobody up who has three. */
export type Slots = {
  /**
   * @returns what gives the slot back, to be called once
   * @throws the signal's reason when it fires first
   */
  readonly take: (owner: object, signal: AbortSignal) => Promise<() => void>;
};

export function createSlots(atOnceMax: number): Slots {
  const waiting = createTurns<() => void>();
  let takenCount = 0;
  const giveBack = (): void => {
    const next = waiting.take();
    if (next)
      next(); // The slot goes from hand to hand.
    else takenCount--;
  };
  return {
    async take(owner, signal) {
      signal.throwIfAborted();
      if (takenCount < atOnceMax) {
        takenCount++;
        return giveBack;
      }
      await new Promise<void>((resolve, reject) => {
        const enter = (): void => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          waiting.remove(owner, enter);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', leave, { once: true });
        waiting.add(owner, enter);
      });
      return giveBack;
    },
  };
}
