import { newestAtMs, pruneSnapshots, takeSnapshot, type Copier, type SnapshotManifest, type SnapshotPlace } from './snapshots.ts';

export type SnapshotEvents = {
  readonly onSnapshot?: (manifest: SnapshotManifest, durationMs: number) => void;
  /** The store goes on without; the next is tried when it is due. */
  readonly onSnapshotFailed?: (error: unknown) => void;
};

type Settings = SnapshotPlace & { readonly intervalMs: number };

/** Takes a snapshot whenever one is due, beside everything else and one at a time. */
export class SnapshotTaker {
  readonly #settings: Settings;
  readonly #copier: Copier;
  readonly #events: SnapshotEvents;
  #dueAtMs: number;
  #isTaking = false;
  #copying: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings, dueAtMs: number, copier: Copier, events: SnapshotEvents) {
    this.#settings = settings;
    this.#dueAtMs = dueAtMs;
    this.#events = events;
    const copy: Copier['copy'] = async (to) => {
      const copying = copier.copy(to);
      this.#copying = copying.catch(() => undefined);
      return copying;
    };
    this.#copier = { ...copier, copy };
  }

  /** The first is due one interval after the newest there is. */
  static async open(settings: Settings, copier: Copier, events: SnapshotEvents): Promise<SnapshotTaker> {
    await pruneSnapshots(settings); // What a process that was killed has left takes room.
    const newest = await newestAtMs(settings);
    return new SnapshotTaker(settings, newest === undefined ? 0 : newest + settings.intervalMs, copier, events);
  }

  takeIfDue(nowMs: number): void {
    if (this.#isTaking || nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + this.#settings.intervalMs;
    void this.#take(nowMs);
  }

  /** Resolves once nothing reads the store any more. What is left to do of a snapshot goes on without it. */
  async idle(): Promise<void> {
    await this.#copying;
  }

  async #take(nowMs: number): Promise<void> {
    this.#isTaking = true;
    try {
      const manifest = await takeSnapshot(this.#settings, this.#copier, nowMs);
      this.#events.onSnapshot?.(manifest, Date.now() - nowMs);
    } catch (error) {
      this.#events.onSnapshotFailed?.(error);
    } finally {
      this.#isTaking = false;
    }
  }
}
