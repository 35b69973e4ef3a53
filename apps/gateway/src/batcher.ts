import type { NewRecord } from '@waybill/stream';

/** Resolves once all records are durable (acks=all). After a rejection any of them may be in the log. */
export type Append = (records: readonly NewRecord[]) => Promise<void>;

/** Why a delivery was not made durable. Stable codes: they are answers of the HTTP API. */
export class AppendError extends Error {
  override readonly name = 'AppendError';
  readonly code: 'LOG_UNAVAILABLE' | 'GATEWAY_BUSY' | 'SPOOL_FULL' | 'SPOOL_FAILED';

  constructor(code: AppendError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What one request hands in. It is never divided. */
export type Parcel = { readonly recordsCount: number; readonly bytes: number };

export type BatcherOptions<P extends Parcel> = {
  /** Resolves once all parcels are durable. */
  readonly send: (parcels: readonly P[]) => Promise<void>;
  /** Per send; a single parcel may exceed this. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Bound of what waits and what is being sent. */
  readonly pendingBytesMax: number;
  /** From being handed in to being acknowledged. */
  readonly timeoutMs: number;
  readonly onSend?: (sent: { readonly requests: number; readonly records: number; readonly bytes: number }) => void;
};

export type Batcher<P extends Parcel> = {
  /** @throws AppendError `GATEWAY_BUSY` at once, the send's own one or `LOG_UNAVAILABLE` after a failed send or `timeoutMs` */
  readonly add: (parcel: P) => Promise<void>;
  readonly pendingBytes: () => number;
  /** Resolves once nothing waits and nothing is being sent. */
  readonly drained: () => Promise<void>;
};

type Entry<P extends Parcel> = {
  readonly parcel: P;
  readonly resolve: () => void;
  readonly reject: (error: AppendError) => void;
};

/**
 * Lets concurrent requests share sends without ever waiting for company: what comes while nothing is being sent goes at once, what
 * comes during a send goes with the next one. One send at a time, so that records of a key stay in the order of their requests.
 * So load makes batches larger by itself, and a single request pays no delay.
 */
export function createBatcher<P extends Parcel>(options: BatcherOptions<P>): Batcher<P> {
  const waiting: Entry<P>[] = [];
  let sending: Promise<void> | undefined;
  let pendingBytes = 0;

  function take(): readonly Entry<P>[] {
    let [count, records, bytes] = [0, 0, 0];
    for (const { parcel } of waiting) {
      records += parcel.recordsCount;
      bytes += parcel.bytes;
      if (count > 0 && (records > options.recordsMax || bytes > options.bytesMax)) break;
      count++;
    }
    return waiting.splice(0, count);
  }

  async function send(entries: readonly Entry<P>[]): Promise<void> {
    const bytes = entries.reduce((sum, { parcel }) => sum + parcel.bytes, 0);
    try {
      const records = entries.reduce((sum, { parcel }) => sum + parcel.recordsCount, 0);
      options.onSend?.({ requests: entries.length, records, bytes });
      await options.send(entries.map(({ parcel }) => parcel));
      for (const { resolve } of entries) resolve();
    } catch (cause) {
      const error = cause instanceof AppendError ? cause : new AppendError('LOG_UNAVAILABLE', 'the log did not acknowledge', { cause });
      for (const { reject } of entries) reject(error);
    } finally {
      pendingBytes -= bytes; // Only now: a send that hangs still holds its records.
    }
  }

  async function pump(): Promise<void> {
    for (let entries = take(); entries.length > 0; entries = take()) await send(entries);
    sending = undefined;
  }

  function add(parcel: P): Promise<void> {
    const { bytes } = parcel;
    if (pendingBytes + bytes > options.pendingBytesMax && pendingBytes > 0)
      return Promise.reject(new AppendError('GATEWAY_BUSY', 'too much waits for the log'));
    pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        end();
      };
      const entry: Entry<P> = { parcel, resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) };
      const timer = setTimeout(() => {
        const at = waiting.indexOf(entry);
        if (at >= 0) {
          waiting.splice(at, 1); // Its sender is told to come again: sending it later would only make a repeat.
          pendingBytes -= bytes;
        }
        reject(new AppendError('LOG_UNAVAILABLE', `the log did not acknowledge within ${options.timeoutMs} ms`));
      }, options.timeoutMs);
      waiting.push(entry);
      sending ??= pump();
    });
  }

  return {
    add,
    pendingBytes: () => pendingBytes,
    drained: async () => {
      while (sending !== undefined) await sending;
    },
  };
}
