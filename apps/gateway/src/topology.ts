import { deterministicId, topics, type Event, type Topic } from '@waybill/domain';
import { encodeEvent, type Codec, type NewRecord } from '@waybill/stream';
import { placedImages, type Receipt } from '@waybill/webhook-sources';

/**
 * The gateway's way, in one place. It reads no topic: requests come in, and each becomes one append of
 *
 *   deliveries     the request as received, by endpoint
 *   image-events   what it says, by registry/repository
 *   parked         the same delivery once more, with a reason, where some of it could not be read
 */
export const gateway = {
  group: 'gateway',
  inputs: [],
  outputs: [topics.deliveries, topics.imageEvents, topics.parked],
} as const satisfies { readonly group: string; readonly inputs: readonly Topic[]; readonly outputs: readonly Topic[] };

export type Encoding = { readonly codec: Codec; readonly partitionOf: (key: string) => number };

/** All records of a receipt, in the order in which they are to be appended. */
export function toRecords(receipt: Receipt, encoding: Encoding): readonly NewRecord[] {
  const { delivery, unread } = receipt;
  const place = (topic: Topic, key: string, event: Event): NewRecord => ({
    ...encodeEvent(encoding.codec, { topic, key, partition: encoding.partitionOf(key) }, event),
    timestampMs: delivery.data.receivedAtMs,
  });
  const received = place(topics.deliveries, delivery.data.endpoint, delivery);
  return [
    received,
    ...placedImages(receipt).map(({ topic, key, event }) => place(topic, key, event)),
    ...(unread === null ? [] : [place(topics.parked, parkedKey(received, receipt), parked(received, receipt, unread))]),
  ];
}

/** The delivery's offset is not known before it is appended; its id stands there instead. */
const parkedKey = (received: NewRecord, { deliveryId }: Receipt): string => `${received.topic}/${received.partition}/${deliveryId}`;
const offsetUnknown = -1;

/** The record of `deliveries` with its bytes, like every parked record: it can be fed back, and outlives the delivery's retention. */
function parked(received: NewRecord, receipt: Receipt, unread: NonNullable<Receipt['unread']>): Event {
  const { deliveryId, delivery } = receipt;
  return {
    type: 'RecordParked',
    meta: {
      ...delivery.meta,
      id: deterministicId('parked', deliveryId),
      subject: parkedKey(received, receipt),
      causationId: deliveryId,
    },
    data: {
      app: gateway.group,
      topic: received.topic,
      partition: received.partition,
      offset: offsetUnknown,
      timestampMs: delivery.data.receivedAtMs,
      key: received.key === null ? null : Buffer.from(received.key),
      value: received.value,
      headers: Object.entries(received.headers).map(([name, value]) => ({ name, value })),
      code: unread.code,
      reason: unread.reason,
      parkedAtMs: delivery.data.receivedAtMs,
    },
  };
}
