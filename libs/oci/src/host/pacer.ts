import type { Clock } from '@waybill/stream';
import { Readable } from 'node:stream';
import { createBucket } from './bucket.ts';
import { createTurns } from './turns.ts';

/** Bytes per second of one host. Every chunk is paid for before its transfer goes on; owners take turns, each with one chunk. */
export type Pacer = {
  /** Calls back once `bytes` are paid for; synchronously where that is now. @returns what takes the wish back */
  readonly pay: (owner: object, bytes: number, paid: () => void) => () => void;
};

/** Enough for the chunks of some connections, so that a wide limit costs no timers; little enough to hold a narrow one. */
const burstMs = 50;

export function createPacer(bytesPerSecondMax: number, clock: Pick<Clock, 'now' | 'after'>): Pacer {
  const bucket = createBucket(bytesPerSecondMax, (bytesPerSecondMax * burstMs) / 1_000, clock.now);
  const turns = createTurns<{ readonly bytes: number; readonly paid: () => void }>();
  let cancelTimer: (() => void) | undefined;

  function serve(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    while (!turns.isEmpty()) {
      const waitMs = bucket.waitMs();
      if (waitMs > 0) {
        cancelTimer = clock.after(waitMs, serve);
        return;
      }
      const { bytes, paid } = turns.take()!;
      bucket.take(bytes);
      paid();
    }
  }
  return {
    pay(owner, bytes, paid) {
      const wish = { bytes, paid };
      turns.add(owner, wish);
      serve();
      return () => {
        turns.remove(owner, wish);
        serve();
      };
    },
  };
}

/** The same stream at the pacer's speed. Destroyed, or failed, it takes the other one along. */
export function pacedStream(stream: Readable, pacer: Pacer, owner: object): Readable {
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      await new Promise<void>((resolve) => pacer.pay(owner, chunk.byteLength, resolve));
      yield chunk;
    }
  }
  const paced = Readable.from(chunks(), { objectMode: false });
  paced.once('close', () => stream.destroy()); // One that is destroyed before its first read never enters the generator.
  return paced;
}
