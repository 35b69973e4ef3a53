import { topics, type Event, type EventOf, type Job, type RecordType, type Topic, type TypedRecord } from '@waybill/domain';
import type { LogRecord } from './event-log.ts';

/**
 * What an app is: where it reads, what it keeps, where it writes, and one pure function.
 * One value per app in `apps/<app>/src/topology.ts`; `runTopology` runs it, `TopologyDriver` tests it without a broker.
 */
export type Topology = {
  /** Consumer group, metrics prefix and name of the state directory. */
  readonly group: string;
  /** Name in ids and sources of events, the group unless given: versions and copies of an app say the same things. */
  readonly app?: string;
  readonly inputs: readonly Topic[];
  /** State topics by the name that `handle` uses for them. */
  readonly stores: Readonly<Record<string, Topic>>;
  /** Ids that need not be dealt with again, by the name that `handle` uses for them. */
  readonly marks?: Readonly<Record<string, MarkSpec>>;
  readonly outputs: readonly Topic[];
  /** Where records wait that could not be processed, and those behind them: the app's own. */
  readonly held: Topic;
  /** Where job rows are kept; needed by an app that schedules. */
  readonly jobTopic?: Topic;
  readonly jobs?: Readonly<Record<string, JobSpec>>;
  /** Kinds of requests that are no work but a time: each comes back once, as an input, when it is due. */
  readonly timers?: readonly string[];
  /** Small shared tables read whole by every instance, by the name that `handle` uses for them. */
  readonly tables?: Readonly<Record<string, Topic>>;
  /** Those of the tables of which every partition is told: when it is taken up, and when anything in them has changed. */
  readonly watches?: readonly string[];
  /** `raw` gives records undecoded (kind `record`): for what must take every byte, like the audit. */
  readonly decode?: 'events' | 'raw';
  /**
   * Its rows follow from its inputs and tables alone: it can be rebuilt beside the version that is live (`versions.ts`). Timers and
   * changes of tables come to the live one only; so what follows from them has to go through one of its own inputs.
   */
  readonly rebuild?: 'inputs';
  /** 1 unless given. */
  readonly version?: number;
  readonly handle: (input: Input, context: Context) => Step;
};

/** A mark counts for `ttlMs` from the `atMs` of the input that made it; its topic must keep it `markGraceMs` longer. */
export type MarkSpec = { readonly topic: Topic; readonly ttlMs: number };

/** What `handle` is called with. Time comes from here alone: `atMs` is that of the record, of the end of a job, or when a timer came. */
export type Input =
  | { readonly kind: 'event'; readonly event: Event; readonly record: LogRecord; readonly atMs: number }
  | { readonly kind: 'record'; readonly record: LogRecord; readonly atMs: number }
  | { readonly kind: 'job-done'; readonly job: JobRow; readonly result: unknown; readonly atMs: number }
  /** After the last try, or at once for an error that no try can mend. The row stays as `parked` until it is scheduled or fed back. */
  | { readonly kind: 'job-failed'; readonly job: JobRow; readonly failure: JobFailure; readonly atMs: number }
  /** A request of `Topology.timers` is due: its row is gone with this step. Never earlier than its `notBeforeMs`. */
  | { readonly kind: 'timer'; readonly timer: JobRow; readonly atMs: number }
  /** Of `Topology.watches`. Several changes may come as one; comes again, unchanged, after a restart or a failed transaction. */
  | { readonly kind: 'table'; readonly table: string; readonly partition: number; readonly atMs: number };

export type JobFailure = { readonly code: string; readonly reason: string; readonly attempts: number };

/** Reads of a stage: its own rows as they stand after all earlier inputs, and the shared tables. */
export type Context = {
  readonly get: <T extends RecordType>(store: string, key: string, type: T) => Extract<TypedRecord, { type: T }>['data'] | undefined;
  /** Keys of a store's rows behind `after` (from the first one without), in the order of their UTF-8 bytes. */
  readonly keys: (store: string, range: { readonly after?: string; readonly limit: number }) => readonly string[];
  /** Whether an earlier input has marked the id, and so lately that it counts at the `atMs` of this one. */
  readonly isMarked: (marks: string, id: string) => boolean;
  /** Newest event per key of a shared table, in key order. */
  readonly table: (name: string) => readonly Event[];
};

/** What an input leads to. All of it, and the input's offset, becomes visible in one Kafka transaction or not at all. */
export type Step = {
  readonly emit?: readonly Emit[];
  readonly put?: readonly Put[];
  readonly mark?: readonly Mark[];
  readonly schedule?: readonly JobRequest[];
  /** Ids of jobs and timers whose rows are no longer wanted; a running try is aborted. */
  readonly cancel?: readonly string[];
  /** How urgent jobs are from now on: one that waits finds its new place, a running try goes on. Of an id without a row nothing comes. */
  readonly prioritize?: readonly { readonly id: string; readonly priority: number }[];
  /** A named reason why nothing follows; counted. */
  readonly ignored?: string;
  /** Names, few in all, of what this step is about; counted, for whoever watches the app. */
  readonly noted?: readonly string[];
};

/** An event to append. `id`, correlation and causation follow from the input unless given: `forward` passes an event on unchanged. */
export type Emit =
  | {
      readonly topic: Topic;
      readonly key: string;
      readonly subject: string;
      readonly event: TypedRecord;
      /** Tells apart two events of one type that an input leads to. */
      readonly discriminator?: string;
      /** Overrides the input's, where one verdict is told to several waiting pushes. */
      readonly correlationId?: string;
      /** Instead of the key's own partition; only for what belongs to a partition rather than to a key. */
      readonly partition?: number;
    }
  | { readonly topic: Topic; readonly key: string; readonly forward: Event };

/** A row of a store; `null` deletes it (tombstone). */
export type Put = { readonly store: string; readonly key: string; readonly row: TypedRecord | null };

/** From now on `isMarked` says so. Cheaper than a row, and gone by itself. */
export type Mark = { readonly marks: string; readonly id: string };

/** A job, or a timer. */
export type JobRequest = {
  /** Unique in the app; a request whose id is already known replaces the row and aborts a running try. */
  readonly id: string;
  /** One of the names in `Topology.jobs` or `Topology.timers`. */
  readonly kind: string;
  readonly key: string;
  /** JSON value, handed to `run`. */
  readonly payload: unknown;
  /** The higher, the earlier; 0 unless given. Every tenth start is for what is due longest. */
  readonly priority?: number;
  /** As far ahead as one likes; at once unless given. */
  readonly notBeforeMs?: number;
  /** Limits per host count by it; a host that is down keeps its jobs waiting. */
  readonly host?: string;
  readonly correlationId?: string;
};

export type JobRow = Job;

export type JobSpec = {
  /**
   * The slow work. At least once: must be idempotent. The result must be JSON.
   * @throws JobError with `retry: false` where no further try can help; any other error is tried again
   */
  readonly run: (payload: never, attempt: JobAttempt) => Promise<unknown>;
  readonly concurrencyMax: number;
  readonly perHostMax: number;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
};

export type JobAttempt = { readonly signal: AbortSignal; readonly attempt: number; readonly correlationId: string };

/** Ends a try. Thrown by `JobSpec.run`; `code` is stable and goes into events. */
export class JobError extends Error {
  override readonly name = 'JobError';
  readonly code: string;
  readonly retry: boolean;
  /** The other side asked to wait this long (Retry-After). */
  readonly retryAfterMs: number | undefined;
  /**
   * A host that did not answer or takes no more for now: refused or cut connection, time-out, 5xx, 429. After some such in a row the
   * jobs with this `host` wait, without using up their tries, until one of them gets through.
   */
  readonly hostDown: string | undefined;

  constructor(
    code: string,
    message: string,
    options: { readonly retry: boolean; readonly retryAfterMs?: number; readonly hostDown?: string; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retry = options.retry;
    this.retryAfterMs = options.retryAfterMs;
    this.hostDown = options.hostDown;
  }
}

/** What the runtime reads for an app: its inputs, and what people want to become of what it has parked. */
export const inputsOf = ({ inputs }: Pick<Topology, 'inputs'>): readonly Topic[] => [...new Set([...inputs, topics.parkedCommands])];

/** Narrows an event input to one type. */
export const isEvent = <T extends RecordType>(
  input: Input,
  type: T,
): input is Extract<Input, { kind: 'event' }> & { readonly event: EventOf<T> } => input.kind === 'event' && input.event.type === type;
