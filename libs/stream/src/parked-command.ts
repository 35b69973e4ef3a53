import { deterministicId, topics, type EventOf } from '@waybill/domain';
import { isToWait } from './errors.ts';
import type { Codec, LogRecord, NewRecord } from './event-log.ts';
import { decodeEvent, encodeEvent } from './record.ts';

/** What somebody wants to become of what an app has parked. */
export type ParkedCommand = {
  readonly app: string;
  readonly kind: 'record' | 'job';
  /** `topic/partition/offset` of the record, or the job's id. */
  readonly id: string;
  /** Partition number where it waits. */
  readonly partition: number;
  readonly wish: 'retry' | 'drop';
  readonly requestedBy: string;
  readonly reason: string;
  readonly requestedAtMs: number;
  /** Of the journey that it belongs to. */
  readonly correlationId: string;
};

export type ParkedCommandEvent = EventOf<'ParkedRetryRequested'> | EventOf<'ParkedDropRequested'>;

/** Anybody may write to the topic: what is no command must not lie in the way of those behind it, and is in the audit anyway. */
export async function findParkedCommand(codec: Codec, record: LogRecord): Promise<ParkedCommandEvent | undefined> {
  try {
    const event = await decodeEvent(codec, record);
    return event.type === 'ParkedRetryRequested' || event.type === 'ParkedDropRequested' ? event : undefined;
  } catch (error) {
    if (isToWait(error)) throw error;
    return undefined;
  }
}

/** The command as a record, ready to append: to the partition where its object waits, so that the task that has it reads it. */
export function encodeParkedCommand(codec: Codec, command: ParkedCommand): NewRecord {
  const { app, kind, id, partition, wish, requestedBy, reason, requestedAtMs, correlationId } = command;
  const key = `${app}/${kind}/${id}`;
  const eventId = deterministicId('parked-command', key, wish, requestedBy, requestedAtMs);
  const meta = {
    id: eventId,
    source: '/waybill/cli',
    timeMs: requestedAtMs,
    subject: key,
    correlationId,
    causationId: null,
    traceparent: null,
  };
  const data = { app, kind, id, requestedBy, reason, requestedAtMs };
  const event: ParkedCommandEvent =
    wish === 'retry' ? { type: 'ParkedRetryRequested', data, meta } : { type: 'ParkedDropRequested', data, meta };
  return encodeEvent(codec, { topic: topics.parkedCommands, partition, key }, event);
}
