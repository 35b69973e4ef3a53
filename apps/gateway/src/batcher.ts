import type { NewRecord } from '@waybill/stream';

/** Resolves once all records are durable (acks=all). After a rejection any of them may be in the log. */
export type Append = (records: readonly NewRecord[]) => Promise<void>;

/** Why records were not appended. Stable codes: they are answers of the HTTP API. */
export class AppendError extends Error {
  override readonly name = 'AppendError';
  readonly code: 'LOG_UNAVAILABLE' | 'GATEWAY_BUSY';

  constructor(code: AppendError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type BatcherOptions = {
  readonly append: Append;
  /** Per send. One request's records are never divided: a single one may exceed this. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Bound of what waits and what is being sent. */
  readonly pendingBytesMax: number;
  /** From being handed in to being acknowledged. */
  readonly timeoutMs: number;
  readonly onSend?: (sent: { readonly requests: number; readonly records: number; readonly bytes: number }) => void;
};

export type Batcher = {
  /** @throws AppendError `GATEWAY_BUSY` at once, `LOG_UNAVAILABLE` after a failed send or `timeoutMs` */
  readonly append: Append;
  readonly pendingBytes: () => number;
  /** Resolves once nothing waits and nothing is being sent. */
  readonly drained: () => Promise<void>;
};

type Entry = {
  readonly records: readonly NewRecord[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: AppendError) => void;
};

/** Headers, framing and object overhead of a record beside its value, roughly. */
const recordOverheadBytes = 1_024;

/**
 * Lets concurrent requests share sends without ever waiting for company: what comes while nothing is being sent goes at once, what
 * comes during a send goes with the next one. One send at a time, so that records of a key stay in the order of their requests.
 * So load makes batches larger by itself, and a single request pays no delay.
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const waiting: Entry[] = [];
  let sending: Promise<void> | undefined;
  let pendingBytes = 0;

  function take(): readonly Entry[] {
    let [count, records, bytes] = [0, 0, 0];
    for (const entry of waiting) {
      records += entry.records.length;
      bytes += entry.bytes;
      if (count > 0 && (records > options.recordsMax || bytes > options.bytesMax)) break;
      count++;
    }
    return waiting.splice(0, count);
  }

  async function send(entries: readonly Entry[]): Promise<void> {
    const records = entries.flatMap((entry) => entry.records);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    try {
      options.onSend?.({ requests: entries.length, records: records.length, bytes });
      await options.append(records);
      for (const { resolve } of entries) resolve();
    } catch (cause) {
      const error = new AppendError('LOG_UNAVAILABLE', 'the log did not acknowledge', { cause });
      for (const { reject } of entries) reject(error);
    } finally {
      pendingBytes -= bytes; // Only now: a send that hangs still holds its records.
    }
  }

  async function pump(): Promise<void> {
    for (let entries = take(); entries.length > 0; entries = take()) await send(entries);
    sending = undefined;
  }

  function append(records: readonly NewRecord[]): Promise<void> {
    const bytes = records.reduce((sum, record) => sum + (record.value?.length ?? 0) + recordOverheadBytes, 0);
    if (pendingBytes + bytes > options.pendingBytesMax && pendingBytes > 0)
      return Promise.reject(new AppendError('GATEWAY_BUSY', 'too much waits for the log'));
    pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        end();
      };
      const entry: Entry = { records, bytes, resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) };
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
    append,
    pendingBytes: () => pendingBytes,
    drained: async () => {
      while (sending !== undefined) await sending;
    },
  };
}
