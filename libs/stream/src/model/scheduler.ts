import type { Clock } from '../clock.ts';
import { seededRandom, type Random } from './random.ts';

/**
 * Something that lives and dies apart from the rest, as a process does. A dead one takes no action any more; those of a paused
 * one wait, while the requests it has sent go their way.
 */
export type Actor = {
  readonly name: string;
  status: 'running' | 'paused' | 'dead';
  /** How far its wall clock is off, ms. Delays are not touched by it. */
  skewMs: number;
  /** What it listens to, to be let go of at its death: Node keeps a composite signal for as long as somebody listens. */
  readonly listening: Set<() => void>;
};
export const newActor = (name: string): Actor => ({ name, status: 'running', skewMs: 0, listening: new Set() });

/** Calls back when the signal fires, unless the actor has died. @returns what takes it back */
export function onAbort(actor: Actor, signal: AbortSignal | undefined, call: () => void): () => void {
  if (!signal) return () => undefined;
  const forget = (): void => {
    actor.listening.delete(forget);
    signal.removeEventListener('abort', call);
  };
  actor.listening.add(forget);
  signal.addEventListener('abort', call, { once: true });
  return forget;
}

export type PostOptions = { readonly delayMs?: number; readonly actor?: Actor };
type Action = { readonly atMs: number; readonly name: string; readonly actor: Actor | undefined; readonly run: () => void };

/** Where a schedule is given up: it hangs, or runs in a circle. */
export type Bounds = { readonly actionsMax: number; readonly virtualMsMax: number };
const boundsDefault: Bounds = { actionsMax: 1_000_000, virtualMsMax: 24 * 60 * 60 * 1_000 };

const startMs = Date.UTC(2026, 0, 1);

/**
 * Does one action at a time, chosen by the seed among those that may happen now; when there is none, time moves to the next.
 * Between two actions every promise that can settle does, so that the seed is all that decides: the same seed, the same trace.
 */
export class Scheduler {
  readonly random: Random;
  /** Names of the actions done, in order. */
  readonly trace: string[] = [];
  readonly #pending: Action[] = [];
  #elapsedMs = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Virtual time since the start. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Has `run` done at some moment from `delayMs` on. @returns what takes it back */
  post(name: string, run: () => void, { delayMs = 0, actor }: PostOptions = {}): () => void {
    const action: Action = { atMs: this.#elapsedMs + Math.max(0, delayMs), name, actor, run };
    this.#pending.push(action);
    return () => this.#remove(action);
  }

  /** The time as an actor sees it. */
  clockOf(actor: Actor): Clock {
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
      if (signal?.aborted) return Promise.reject(signal.reason as Error);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const cancel = this.post(`${actor.name} wakes`, resolve, { delayMs: ms, actor });
      const forget = onAbort(actor, signal, () => {
        cancel();
        reject(signal!.reason as Error);
      });
      return promise.finally(forget);
    };
    return {
      now: () => startMs + Math.floor(this.#elapsedMs) + actor.skewMs,
      sleep,
      bound: (ms) => sleep(ms),
      after: (ms, call) => this.post(`${actor.name} timer`, call, { delayMs: ms, actor }),
    };
  }

  /** Does actions until `work` has settled. @throws what `work` throws; Error when nothing can happen any more or a bound is reached */
  async run<T>(work: Promise<T>, bounds: Bounds = boundsDefault): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    work.then(settle, settle);
    for (;;) {
      await turn();
      if (isSettled) return work;
      const action = this.#take();
      const where = `after ${this.trace.length} actions and ${Math.round(this.#elapsedMs)} ms`;
      if (!action) throw new Error(`nothing can happen any more ${where}: something waits for ever`);
      if (this.trace.length >= bounds.actionsMax || this.#elapsedMs > bounds.virtualMsMax) throw new Error(`no end ${where}`);
      this.trace.push(`${Math.round(this.#elapsedMs)} ${action.name}`);
      action.run();
    }
  }

  /** Ends an actor in the middle of whatever it does: nothing of it goes on. */
  kill(actor: Actor): void {
    actor.status = 'dead';
    for (const forget of actor.listening) forget();
    for (const action of this.#pending.filter((each) => each.actor === actor)) this.#remove(action);
  }

  #take(): Action | undefined {
    const possible = this.#pending.filter(({ actor }) => !actor || actor.status === 'running');
    if (possible.length === 0) return undefined;
    this.#elapsedMs = Math.max(this.#elapsedMs, Math.min(...possible.map(({ atMs }) => atMs)));
    const action = this.random.pick(possible.filter(({ atMs }) => atMs <= this.#elapsedMs));
    this.#remove(action);
    return action;
  }

  #remove(action: Action): void {
    const index = this.#pending.indexOf(action);
    if (index >= 0) this.#pending.splice(index, 1);
  }
}

/** A macrotask: every microtask that is due, however deep, comes before it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
