import type { Event, EventMeta, Topic, TypedRecord } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { Codec, HeaderBytes, Headers, LogRecord, NewRecord } from './event-log.ts';
import { HeaderReader } from './header-reader.ts';

/** CloudEvents `type` of a record type: reverse-DNS-like, with the major version that topics carry too. */
export const eventTypeOf = (type: TypedRecord['type']): string => `waybill.${type}.v1`;

/** Headers of an event: CloudEvents Kafka binding 1.0, binary mode, with `correlationid`, `causationid` and `traceparent` as extensions. */
export function eventHeaders(event: Event): Headers {
  const { meta } = event;
  const headers: Record<string, Buffer> = {
    ce_specversion: specVersion,
    ce_id: Buffer.from(meta.id),
    ce_type: knownBytes(eventTypeOf(event.type)),
    ce_source: knownBytes(meta.source),
    ce_time: timeBytes(meta.timeMs),
    ce_subject: Buffer.from(meta.subject),
    'content-type': contentType,
    correlationid: Buffer.from(meta.correlationId),
  };
  if (meta.causationId !== null) headers['causationid'] = Buffer.from(meta.causationId);
  if (meta.traceparent !== null) headers['traceparent'] = Buffer.from(meta.traceparent);
  return headers;
}

const specVersion = Buffer.from('1.0');
const contentType = Buffer.from('application/avro');

/** Types and sources: an app has a few of each. */
const known = new Map<string, Buffer>();
const knownMax = 256;

function knownBytes(text: string): Buffer {
  const found = known.get(text);
  if (found) return found;
  const bytes = Buffer.from(text);
  if (known.size < knownMax) known.set(text, bytes);
  return bytes;
}

/** Of the newest time: events of one batch share it, or nearly. */
let newestTime = { timeMs: NaN, bytes: Buffer.alloc(0) };

function timeBytes(timeMs: number): Buffer {
  if (timeMs !== newestTime.timeMs) newestTime = { timeMs, bytes: Buffer.from(new Date(timeMs).toISOString()) };
  return newestTime.bytes;
}

/** In the order of `eventHeaders`. */
const metaNames = ['ce_id', 'ce_source', 'ce_time', 'ce_subject', 'correlationid', 'causationid', 'traceparent'] as const;
type MetaName = (typeof metaNames)[number];
const metaReader = new HeaderReader(metaNames);

/** @throws StreamError `RECORD_UNDECODABLE` naming the header that is missing or wrong */
export const parseMeta = (headers: Headers): EventMeta => metaOf((name) => headers[name]?.toString());

function parseMetaBytes(headers: HeaderBytes): EventMeta {
  metaReader.read(headers);
  return metaOf((name) => metaReader.text(name));
}

function metaOf(find: (name: MetaName) => string | undefined): EventMeta {
  const required = (name: MetaName): string => {
    const value = find(name);
    if (value === undefined) throw new StreamError('RECORD_UNDECODABLE', `header ${name} is missing`);
    return value;
  };
  const timeMs = Date.parse(required('ce_time'));
  if (Number.isNaN(timeMs)) throw new StreamError('RECORD_UNDECODABLE', 'header ce_time is no RFC 3339 time');
  return {
    id: required('ce_id'),
    source: required('ce_source'),
    timeMs,
    subject: required('ce_subject'),
    correlationId: required('correlationid'),
    causationId: find('causationid') ?? null,
    traceparent: find('traceparent') ?? null,
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

/** A record that is passed on as it came: value and headers are those of the one that it was, in whatever version they are written. */
export class PassedOn implements NewRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer | null;
  readonly headerBytes: HeaderBytes | undefined;
  readonly #record: LogRecord;

  constructor(topic: string, partition: number, key: string, record: LogRecord) {
    this.topic = topic;
    this.partition = partition;
    this.key = key;
    this.value = record.value;
    this.headerBytes = record.headerBytes;
    this.#record = record;
  }

  get headers(): Headers {
    return this.#record.headers;
  }
}

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
const eventOf = (record: LogRecord, { type, data }: TypedRecord): Event =>
  ({ type, data, meta: record.headerBytes ? parseMetaBytes(record.headerBytes) : parseMeta(record.headers) }) as Event;
