import type { Profile } from './profile.ts';

/** What the bench and a process of `stream-app.ts` say to each other. Times are milliseconds since 1970, equal in all processes. */
export type AppConfig = {
  readonly run: string;
  readonly instance: string;
  readonly brokers: string;
  readonly registryUrl: string;
  readonly stateDir: string;
  readonly input: string;
  readonly guarantee: 'exactly-once' | 'at-least-once';
  readonly sessionTimeoutMs: number;
};

export type ToApp =
  | { readonly do: 'start' }
  /** Begins to sample where processor time goes, or ends it; the answer to that is `profiled`. */
  | { readonly do: 'profile'; readonly on: boolean }
  /** Closes, deletes the local state, starts again in the same process. */
  | { readonly do: 'wipe' }
  | { readonly do: 'stop' };

export type AppProgress = {
  /** Given to the stage: more than there are, when a transaction fails and is made again. */
  readonly inputs: number;
  readonly transactions: number;
  readonly firstMs: number;
  readonly lastMs: number;
};

export const progressEveryMs = 50;

export type FromApp =
  | { readonly is: 'booted' }
  | ({ readonly is: 'progress' } & AppProgress)
  /** The group has given these partition numbers at `atMs`, and they were ready, restore included, at `readyMs`. */
  | { readonly is: 'assigned'; readonly partitions: readonly number[]; readonly atMs: number; readonly readyMs: number }
  /** First output of a partition number since it was assigned. */
  | { readonly is: 'output'; readonly partition: number; readonly atMs: number }
  | { readonly is: 'closed'; readonly atMs: number }
  | { readonly is: 'profiled'; readonly profile: Profile };

/** Finer than `Date.now`, and comparable between processes of one machine. */
export const nowMs = (): number => performance.timeOrigin + performance.now();
