import { field, findText, isObject, parseJson, type JsonObject } from './json.ts';
import type { Finding } from './sighting.ts';
import type { Payload } from './source.ts';

/** An event in the envelope of CloudEvents 1.0, however it was carried. Extension attributes are left out. */
export type CloudEvent = {
  /** Unique per `source`, the same over retries. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  /** As written. */
  readonly time: unknown;
  /** JSON, also where it came as text or in base64; undefined where there is none that can be read. */
  readonly data: unknown;
};

/** Event Grid's largest batch; others send fewer. */
const eventsMax = 5_000;
/** Longer than any `source` seen: Azure's are paths of a resource. */
const attributeLengthMax = 1_024;

/** Whether a delivery claims to be of CloudEvents: a batch counts by its first event. */
export const isCloudEvents = (payload: Payload): boolean =>
  isBinary(payload) ||
  [payload.json]
    .flat()
    .slice(0, 1)
    .some((event) => field(event, 'specversion') !== undefined);

/**
 * What the events of a delivery say, in their order; an event without a required attribute is malformed and leaves the others alone.
 *
 * All three modes: binary (attributes in `ce-` headers), structured (an object) and batched (an array). Between the latter two the JSON
 * itself decides, for senders are seen that say `application/json` of both.
 * Source: CloudEvents 1.0.2, "HTTP Protocol Binding" section 3 and "JSON Event Format" sections 3 and 4.
 */
export function readCloudEvents(payload: Payload, read: (event: CloudEvent) => readonly Finding[]): readonly Finding[] {
  const { json } = payload;
  const events = isBinary(payload) ? [fromHeaders(payload)] : Array.isArray(json) ? json : [json];
  if (events.length > eventsMax) return [{ malformed: 'TOO_MANY_EVENTS' }];
  return events.flatMap((event: unknown) => {
    if (event === null) return [{ malformed: 'HEADER_INVALID' } as const];
    if (!isObject(event)) return [{ malformed: 'EVENT_NOT_AN_OBJECT' } as const];
    const known = findEvent(event);
    return known === undefined ? [{ malformed: 'FIELD_MISSING' } as const] : read(known);
  });
}

/** The media type is asked first: a structured event may pass a proxy that repeats its attributes as headers. */
const isBinary = ({ headers }: Payload): boolean =>
  headers['ce-specversion'] !== undefined && !/^\s*application\/cloudevents/i.test(headers['content-type'] ?? '');

function findEvent(event: JsonObject): CloudEvent | undefined {
  const attribute = (name: string): string | null => findText(field(event, name), attributeLengthMax);
  const [id, source, type] = [attribute('id'), attribute('source'), attribute('type')];
  if (attribute('specversion') === null || id === null || source === null || type === null) return undefined;
  return { id, source, type, subject: attribute('subject'), time: field(event, 'time'), data: dataOf(event) };
}

function dataOf(event: JsonObject): unknown {
  const [data, encoded] = [field(event, 'data'), field(event, 'data_base64')];
  if (typeof encoded === 'string') return findJson(Buffer.from(encoded, 'base64'));
  return typeof data === 'string' ? findJson(Buffer.from(data)) : data;
}

function findJson(bytes: Buffer): unknown {
  const json = parseJson(bytes);
  return json.ok ? json.value : undefined;
}

const attributes = ['specversion', 'id', 'source', 'type', 'subject', 'time'] as const;

/** The event of the binary mode in the form of the structured one; null where a header cannot be decoded. */
function fromHeaders({ json, headers }: Payload): JsonObject | null {
  try {
    const told = attributes.flatMap((name) => {
      const value = headers[`ce-${name}`];
      return value === undefined ? [] : [[name, decodeHeader(value)] as const];
    });
    return { ...Object.fromEntries(told), data: json };
  } catch {
    return null;
  }
}

/** A quoted string is unquoted, then percent-encoded UTF-8 is decoded once. @throws URIError for what is neither */
function decodeHeader(value: string): string {
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return decodeURIComponent(isQuoted ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value);
}
