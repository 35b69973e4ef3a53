import {
  deterministicId,
  digestKey,
  repositoryKey,
  tagKey,
  topics,
  type Event,
  type EventMeta,
  type EventOf,
  type Topic,
} from '@waybill/domain';
import { parseDelivery } from './parse.ts';
import { malformedReasons, type Handshake, type ImageEvent, type Parsed, type Rest, type SourceSettings } from './parsed.ts';
import type { SourceKind } from './sources/all.ts';

/** What one request becomes: the delivery as received, what it says, and what of it could not be read. */
export type Receipt = {
  readonly deliveryId: string;
  readonly outcome: 'events' | 'ignored' | 'parked' | 'handshake';
  readonly delivery: EventOf<'DeliveryReceived'>;
  readonly images: readonly (ImageEvent & { readonly meta: EventMeta })[];
  /** Every part that gave no event, and why. */
  readonly rest: readonly Rest[];
  readonly ignoredCount: number;
  /** Not null where the sender asks for an answer of its own protocol; there is nothing to append then. */
  readonly handshake: Handshake | null;
  /** First reason as a stable code, all reasons as text; null where everything was read. */
  readonly unread: { readonly code: string; readonly reason: string; readonly count: number } | null;
};

/** Who says what a delivery says: the gateway, also where it is read again later. */
const app = '/waybill/gateway';
/** Reasons told of one delivery; a batch may have a thousand parts. */
const reasonsMax = 10;

/** What a delivery is known by: the same bytes at the same endpoint, so that a sender's retry is recognised. */
export const deliveryIdOf = (endpoint: string, bodySha256: string): string => deterministicId('delivery', endpoint, bodySha256);

/** A delivery as the event that the log keeps. @param data Without credentials: it stays for as long as the log */
export function deliveryEvent(data: EventOf<'DeliveryReceived'>['data'], traceparent: string | null): EventOf<'DeliveryReceived'> {
  const id = deliveryIdOf(data.endpoint, data.bodySha256);
  return { type: 'DeliveryReceived', meta: metaOf(id, data.endpoint, { data, traceparent, causationId: null }), data };
}

/**
 * What a delivery says. It is read from what the log keeps of it and from nothing else, so that reading it again, now or in a month,
 * gives the same ids and times; only another parser or other settings make another receipt. Pure and total.
 * A push starts a journey: its own id is the correlation id of everything that follows.
 */
export function receiptOf(delivery: EventOf<'DeliveryReceived'>, kind: SourceKind, settings: SourceSettings): Receipt {
  const { data, meta } = delivery;
  const parsed = parseDelivery(kind, data, settings);
  const origin = { data, traceparent: meta.traceparent, causationId: meta.id };
  return {
    deliveryId: meta.id,
    outcome: parsed.outcome === 'malformed' ? 'parked' : parsed.outcome,
    delivery,
    images: imagesOf(parsed).map((image) => ({ ...image, meta: metaOf(image.id, subjectOf(image), origin) })),
    rest: parsed.rest,
    ignoredCount: parsed.rest.filter((part) => part.kind === 'ignored').length,
    handshake: parsed.outcome === 'handshake' ? parsed.handshake : null,
    unread: unreadOf(parsed.rest),
  };
}

type MetaOrigin = Pick<EventMeta, 'traceparent' | 'causationId'> & { readonly data: EventOf<'DeliveryReceived'>['data'] };

const metaOf = (id: string, subject: string, { data, traceparent, causationId }: MetaOrigin): EventMeta => ({
  id,
  source: app,
  timeMs: data.receivedAtMs,
  subject,
  correlationId: id,
  causationId,
  traceparent,
});

const imagesOf = (parsed: Parsed): readonly ImageEvent[] => (parsed.outcome === 'events' ? parsed.events : []);

function subjectOf({ data }: ImageEvent): string {
  const [tag] = data.tags;
  if (tag !== undefined) return tagKey(data, tag);
  return data.digest === null ? repositoryKey(data) : digestKey(data, data.digest);
}

function unreadOf(rest: readonly Rest[]): Receipt['unread'] {
  const parts = rest.filter((part) => part.kind === 'malformed');
  const [first] = parts;
  if (first === undefined) return null;
  const told = parts.slice(0, reasonsMax).map(({ index, reason }) => `part ${index}: ${malformedReasons[reason]}`);
  const more = parts.length > reasonsMax ? [`and ${parts.length - reasonsMax} more`] : [];
  return { code: first.reason, reason: [...told, ...more].join('; '), count: parts.length };
}

/** An event of a receipt with the topic and the key under which it belongs into the log. */
export type PlacedEvent = { readonly topic: Topic; readonly key: string; readonly event: Event };

/** What a receipt says of images, in the delivery's order. */
export const placedImages = ({ images }: Receipt): readonly PlacedEvent[] =>
  images.map(({ type, data, meta }) => ({ topic: topics.imageEvents, key: repositoryKey(data), event: { type, data, meta } as Event }));
