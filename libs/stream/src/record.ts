import type { Event, EventMeta, Topic, TypedRecord } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { Codec, Headers, LogRecord, NewRecord } from './event-log.ts';

/** CloudEvents `type` of a record type: reverse-DNS-like, with the major version that topics carry too. */
export const eventTypeOf = (type: TypedRecord['type']): string => `waybill.${type}.v1`;

/** Headers of an event: CloudEvents Kafka binding 1.0, binary mode, with `correlationid`, `causationid` and `traceparent` as extensions. */
export function eventHeaders(event: Event): Headers {
  const { meta } = event;
  const text: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: meta.id,
    ce_type: eventTypeOf(event.type),
    ce_source: meta.source,
    ce_time: new Date(meta.timeMs).toISOString(),
    ce_subject: meta.subject,
    'content-type': 'application/avro',
    correlationid: meta.correlationId,
  };
  if (meta.causationId !== null) text['causationid'] = meta.causationId;
  if (meta.traceparent !== null) text['traceparent'] = meta.traceparent;
  return Object.fromEntries(Object.entries(text).map(([name, value]) => [name, Buffer.from(value)]));
}

/** @throws StreamError `RECORD_UNDECODABLE` naming the header that is missing or wrong */
export function parseMeta(headers: Headers): EventMeta {
  const required = (name: string): string => {
    const value = headers[name];
    if (value === undefined) throw new StreamError('RECORD_UNDECODABLE', `header ${name} is missing`);
    return value.toString();
  };
  const timeMs = Date.parse(required('ce_time'));
  if (Number.isNaN(timeMs)) throw new StreamError('RECORD_UNDECODABLE', 'header ce_time is no RFC 3339 time');
  return {
    id: required('ce_id'),
    source: required('ce_source'),
    timeMs,
    subject: required('ce_subject'),
    correlationId: required('correlationid'),
    causationId: headers['causationid']?.toString() ?? null,
    traceparent: headers['traceparent']?.toString() ?? null,
  };
}

/** The bytes and headers of an event, ready to append. */
export const encodeEvent = (
  codec: Codec,
  place: { readonly topic: Topic; readonly partition: number; readonly key: string },
  event: Event,
): NewRecord => ({
  topic: place.topic.name,
  partition: place.partition,
  key: place.key,
  value: codec.encode(event),
  headers: eventHeaders(event),
});

/** @throws StreamError `RECORD_UNDECODABLE` */
export async function decodeEvent(codec: Codec, record: LogRecord): Promise<Event> {
  return eventOf(record, await codec.decode(valueOf(record)));
}

/** As `decodeEvent`, without a promise. @throws StreamError `RECORD_UNDECODABLE`, also where the writer's schema has not been loaded yet */
export const decodeEventSync = (codec: Codec, record: LogRecord): Event => eventOf(record, codec.decodeSync(valueOf(record)));

function valueOf({ value }: LogRecord): Buffer {
  if (value === null) throw new StreamError('RECORD_UNDECODABLE', 'an event has no value');
  return value;
}

/** The codec pairs type and data; the compiler cannot see that they stay a pair. */
const eventOf = ({ headers }: LogRecord, { type, data }: TypedRecord): Event => ({ type, data, meta: parseMeta(headers) }) as Event;
