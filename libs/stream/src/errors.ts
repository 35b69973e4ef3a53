/** What the runtime does on each failure: this table is the whole policy. */
const handling = {
  RECORD_UNDECODABLE: 'park', // The same bytes will never decode; the partition goes on.
  STAGE_FAILED: 'park', // `handle` threw: a fault of ours, to be fixed and fed back.
  COMMIT_UNCERTAIN: 'reopen', // The answer was lost; only the broker knows. New writer, then ask for the committed offsets.
  LOG_UNAVAILABLE: 'retry',
  HELD_FULL: 'retry', // So many records wait behind parked ones that no more are taken until somebody retries or drops some.
  RECORD_REFUSED: 'stop', // The broker says no, for good: a right or a setting is missing. Trying again would be silence.
  RECORD_CORRUPT: 'stop', // The bytes in the log are not those that were written. Nobody may skip them in silence.
  RECORD_UNSUPPORTED: 'stop', // A compression or format that this client does not read: there are records that it cannot show.
  BROKER_UNSUPPORTED: 'stop', // A broker outside the protocol versions that this client speaks.
  FENCED: 'stop', // Another process owns the partition.
  OFFSET_EXPIRED: 'stop', // Retention has passed the committed offset: going on would skip records in silence.
  SANDBOX_REFUSED: 'stop', // A run in a sandbox would have reached outside of it, or cannot have the range that it is to run over.
  KEY_MISSING: 'stop', // A key is missing without which nothing can be decided, be it this record or another.
  STORE_FAILED: 'stop', // The local disk; the state is in the log.
} as const satisfies Record<string, 'park' | 'reopen' | 'retry' | 'stop'>;

/** Stable for good: dashboards, runbooks and parked records refer to it. */
export type StreamErrorCode = keyof typeof handling;

export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: StreamErrorCode;

  constructor(code: StreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get handling(): (typeof handling)[StreamErrorCode] {
    return handling[this.code];
  }
}

/** Neither the record nor the stage is at fault: the same work has to be tried again, if need be by the process's next life. */
export const isToWait = (error: unknown): boolean => error instanceof StreamError && error.handling !== 'park';
