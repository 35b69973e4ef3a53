import type { Logger } from '@waybill/app-kit';
import type { NewRecord } from '@waybill/stream';
import type { Receipt, SourceSettings } from '@waybill/webhook-sources';
import { AppendError, type Parcel } from './batcher.ts';
import type { Log } from './log.ts';
import { encodeDelivery } from './spool/delivery.ts';
import type { Drain } from './spool/drain.ts';
import { SpoolError } from './spool/error.ts';
import type { Spool } from './spool/spool.ts';
import { toRecords } from './topology.ts';

/** A delivery on its way: as records for the log, and as itself for the spool. */
export type Sent = Parcel & {
  readonly receipt: Receipt;
  readonly settings: SourceSettings;
  /** Undefined while the log has not been reached. */
  readonly records: readonly NewRecord[] | undefined;
};

/** Headers, framing and object overhead of a record beside its value, roughly. */
const recordOverheadBytes = 1_024;

export function toSent(receipt: Receipt, settings: SourceSettings, log: Log): Sent {
  const encoding = log.encoding();
  const records = encoding && toRecords(receipt, encoding);
  const valueBytes = records?.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) ?? 0;
  const recordsCount = records?.length ?? 1;
  return {
    receipt,
    settings,
    records,
    recordsCount,
    bytes: receipt.delivery.data.body.length + valueBytes + recordsCount * recordOverheadBytes,
  };
}

/** What takes deliveries while the log does not. */
export type Overflow = {
  readonly spool: Spool;
  readonly drain: Drain;
  /** True where not even one more full send would fit. */
  readonly isFull: () => boolean;
};

/**
 * Makes deliveries durable: in the log, or where that is not to be had in the spool. To be called one call at a time; then deliveries
 * reach the log in the order of the calls, because as long as the spool holds anything all that comes goes behind it.
 *
 * @returns what rejects with AppendError `SPOOL_FULL` or `SPOOL_FAILED`, and without a spool with the log's own error
 */
export function createStore(log: Log, overflow: Overflow | undefined, logger: Logger): (sent: readonly Sent[]) => Promise<void> {
  const toLog = (sent: readonly Sent[]): Promise<void> => log.append(sent.flatMap(({ records }) => records ?? []));
  if (overflow === undefined) return toLog;
  const { spool, drain } = overflow;

  return async (sent) => {
    if (await drain.isOver()) {
      if (sent.every(({ records }) => records !== undefined)) {
        try {
          return await toLog(sent);
        } catch (err) {
          logger.warn({ err, code: 'LOG_UNAVAILABLE' }, 'the spool takes over');
        }
      }
    }
    try {
      await spool.append(sent.map(({ receipt, settings }) => encodeDelivery(receipt.delivery, settings)));
    } catch (error) {
      throw error instanceof SpoolError && error.code !== 'SPOOL_IN_USE'
        ? new AppendError(error.code, error.message, { cause: error })
        : error;
    }
    drain.wake();
  };
}
