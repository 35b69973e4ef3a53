import { newestAtMs, takeSnapshot, type Manifest, type SnapshotPlace } from './snapshots.ts';
import type { Copied } from './snapshot-copy.ts';

export type SnapshotEvents = {
  readonly onSnapshot?: (manifest: Manifest, durationMs: number) => void;
  /** The store goes on without; the next is tried when it is due. */
  readonly onSnapshotFailed?: (error: unknown) => void;
};

/** Takes a snapshot whenever one is due, beside everything else and one at a time. */
export class SnapshotTaker {
  readonly #place: SnapshotPlace;
  readonly #intervalMs: number;
  readonly #copy: (to: string) => Promise<Copied>;
  readonly #events: SnapshotEvents;
  #dueAtMs: number;
  #taking: Promise<void> | undefined;

  private constructor(
    place: SnapshotPlace,
    intervalMs: number,
    dueAtMs: number,
    copy: (to: string) => Promise<Copied>,
    events: SnapshotEvents,
  ) {
    this.#place = place;
    this.#intervalMs = intervalMs;
    this.#dueAtMs = dueAtMs;
    this.#copy = copy;
    this.#events = events;
  }

  /** The first is due one interval after the newest there is. */
  static async open(
    place: SnapshotPlace,
    intervalMs: number,
    copy: (to: string) => Promise<Copied>,
    events: SnapshotEvents,
  ): Promise<SnapshotTaker> {
    const newest = await newestAtMs(place);
    return new SnapshotTaker(place, intervalMs, newest === undefined ? 0 : newest + intervalMs, copy, events);
  }

  takeIfDue(nowMs: number): void {
    if (this.#taking || nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + this.#intervalMs;
    this.#taking = this.#take(nowMs).finally(() => (this.#taking = undefined));
  }

  /** The one under way has to end before what it reads is closed. */
  async idle(): Promise<void> {
    await this.#taking;
  }

  async #take(nowMs: number): Promise<void> {
    try {
      const manifest = await takeSnapshot(this.#place, this.#copy, nowMs);
      this.#events.onSnapshot?.(manifest, Date.now() - nowMs);
    } catch (error) {
      this.#events.onSnapshotFailed?.(error);
    }
  }
}
