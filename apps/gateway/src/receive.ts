import { createHash } from 'node:crypto';
import { deterministicId, digestKey, repositoryKey, tagKey, type Event, type EventMeta, type EventOf } from '@waybill/domain';
import {
  malformedReasons,
  parseDelivery,
  settingsOf,
  type Handshake,
  type ImageEvent,
  type Parsed,
  type Rest,
} from '@waybill/webhook-sources';
import { findTraceparent, keptHeaders, type PlainHeaders } from './headers.ts';
import type { Source } from './sources.ts';

/** An authentic request. */
export type Incoming = {
  readonly headers: PlainHeaders;
  readonly body: Buffer;
  readonly remoteAddress: string | null;
  readonly receivedAtMs: number;
};

/** What one request becomes: the delivery as received, what it says, and what of it could not be read. */
export type Receipt = {
  readonly deliveryId: string;
  readonly outcome: 'events' | 'ignored' | 'parked' | 'handshake';
  readonly delivery: EventOf<'DeliveryReceived'>;
  readonly images: readonly (ImageEvent & { readonly meta: EventMeta })[];
  readonly ignoredCount: number;
  /** Not null where the sender asks for an answer of its own protocol; there is nothing to append then. */
  readonly handshake: Handshake | null;
  /** First reason as a stable code, all reasons as text; null where everything was read. */
  readonly unread: { readonly code: string; readonly reason: string; readonly count: number } | null;
};

const app = '/waybill/gateway';
/** Reasons told of one delivery; a batch may have a thousand parts. */
const reasonsMax = 10;

/**
 * What a request says. Pure: the same request at the same endpoint gives the same ids whenever it comes, so that a sender's retry is
 * recognised downstream. A push starts a journey: its own id is the correlation id of everything that follows.
 */
export function receive(incoming: Incoming, source: Source): Receipt {
  const { headers, body, receivedAtMs } = incoming;
  const parsed = parseDelivery(source.kind, incoming, settingsOf(source.name, { registryHost: source.registryHost }));
  const bodySha256 = createHash('sha256').update(body).digest('hex');
  const deliveryId = deterministicId('delivery', source.name, bodySha256);
  const traceparent = findTraceparent(headers);
  const meta = (id: string, subject: string, causationId: string | null): EventMeta => ({
    id,
    source: app,
    timeMs: receivedAtMs,
    subject,
    correlationId: id,
    causationId,
    traceparent,
  });
  return {
    deliveryId,
    outcome: parsed.outcome === 'malformed' ? 'parked' : parsed.outcome,
    delivery: {
      type: 'DeliveryReceived',
      meta: meta(deliveryId, source.name, null),
      data: {
        source: source.kind,
        endpoint: source.name,
        receivedAtMs,
        contentType: headers['content-type'] ?? null,
        headers: keptHeaders(headers, source),
        remoteAddress: incoming.remoteAddress,
        bodySha256,
        body,
      },
    },
    images: imagesOf(parsed).map((image) => ({ ...image, meta: meta(image.id, subjectOf(image), deliveryId) })),
    ignoredCount: parsed.rest.filter((part) => part.kind === 'ignored').length,
    handshake: parsed.outcome === 'handshake' ? parsed.handshake : null,
    unread: unreadOf(parsed.rest),
  };
}

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

/** An image of a receipt as the event that it is. */
export const eventOf = ({ type, data, meta }: Receipt['images'][number]): Event => ({ type, data, meta }) as Event;
