import type { Clock } from '@waybill/stream';
import { bottomless, createBucket } from './bucket.ts';
import { createTurns, type Turns } from './turns.ts';

/**
 * Uploads of streams take no places; whoever moves blobs bounds them. Could one be kept waiting, downloads might hold all places of their
 * registry, each until its upload may begin, while uploads under way wait for places to resume their downloads.
 */
export type Lane = 'request' | 'upload';

export type GateOptions = {
  /** Of the lane `request`. */
  readonly atOnceMax: number;
  readonly perSecondMax?: number | undefined;
  readonly clock: Pick<Clock, 'now' | 'after'>;
};

/** Lets requests to one host pass: so many at once, so many per second, and the owners of those that wait take turns. */
export type Gate = {
  /**
   * Returns at once where there is room. Whoever has passed leaves, once.
   * @throws the reason of `signal` when it fires first; then there is nothing to leave
   */
  readonly pass: (owner: object, lane: Lane, signal: AbortSignal) => Promise<void> | undefined;
  readonly leave: (lane: Lane) => void;
  /** Nobody passes for that long: the host has said that it takes no more. */
  readonly pause: (delayMs: number) => void;
};

type Waiting = { readonly pass: () => void };
type LaneState = { readonly insideMax: number; inside: number; readonly waiting: Turns<Waiting> };

export function createGate({ atOnceMax, perSecondMax, clock }: GateOptions): Gate {
  const rate = perSecondMax === undefined ? bottomless : createBucket(perSecondMax, 1, clock.now);
  const lanes: Readonly<Record<Lane, LaneState>> = {
    request: { insideMax: atOnceMax, inside: 0, waiting: createTurns() },
    upload: { insideMax: Infinity, inside: 0, waiting: createTurns() },
  };
  let pausedUntilMs = 0;
  let cancelTimer: (() => void) | undefined;

  const delayMs = (): number => Math.max(rate.waitMs(), pausedUntilMs === 0 ? 0 : pausedUntilMs - clock.now());
  const mayPass = ({ insideMax, inside, waiting }: LaneState): boolean => inside < insideMax && !waiting.isEmpty();

  /** Lets pass whoever may; a timer stands only while somebody waits for time alone. */
  function admit(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    for (let lane = nextLane(); lane; lane = nextLane()) {
      const waitMs = delayMs();
      if (waitMs > 0) {
        cancelTimer = clock.after(waitMs, admit);
        return;
      }
      lane.inside++;
      rate.take(1);
      lane.waiting.take()!.pass();
    }
  }
  const nextLane = (): LaneState | undefined => [lanes.upload, lanes.request].find(mayPass);

  return {
    pass(owner, lane, signal) {
      const state = lanes[lane];
      if (state.inside < state.insideMax && state.waiting.isEmpty() && delayMs() <= 0) {
        state.inside++;
        rate.take(1);
        return undefined;
      }
      return new Promise((resolve, reject) => {
        const giveUp = (): void => {
          state.waiting.remove(owner, waiting);
          admit(); // Also to drop the timer, where nobody waits any more.
          reject(signal.reason as Error);
        };
        const waiting: Waiting = {
          pass: () => {
            signal.removeEventListener('abort', giveUp);
            resolve();
          },
        };
        signal.addEventListener('abort', giveUp, { once: true });
        state.waiting.add(owner, waiting);
        admit();
      });
    },
    leave(lane) {
      lanes[lane].inside--;
      admit();
    },
    pause(pauseMs) {
      pausedUntilMs = Math.max(pausedUntilMs, clock.now() + pauseMs);
    },
  };
}
