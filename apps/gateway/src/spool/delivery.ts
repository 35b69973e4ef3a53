import type { EventOf } from '@waybill/domain';
import { deliveryEvent, receiptOf, settingsOf, type Receipt, type SourceKind, type SourceSettings } from '@waybill/webhook-sources';

type Delivery = EventOf<'DeliveryReceived'>;
type Kept = {
  readonly data: Omit<Delivery['data'], 'body'>;
  readonly traceparent: string | null;
  readonly settings: SourceSettings;
};

/**
 * A delivery as the spool keeps it: the length of a JSON text as uint32, little-endian, the text, then the body as it was sent.
 *
 * It is the delivery as the log would have got it, without credentials, and the settings that it was received under. It knows neither
 * partitions nor schema ids, so it can be written while Kafka and the registry are away, and be read by a later version of the gateway.
 */
export function encodeDelivery({ data: { body, ...data }, meta }: Delivery, settings: SourceSettings): Buffer {
  const text = Buffer.from(JSON.stringify({ data, traceparent: meta.traceparent, settings } satisfies Kept));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, body]);
}

/** The receipt that the request had, with the same ids and times. @throws SyntaxError for what `encodeDelivery` did not write */
export function decodeReceipt(payload: Buffer): Receipt {
  const bodyAt = 4 + payload.readUInt32LE(0);
  const { data, traceparent, settings } = JSON.parse(payload.toString('utf8', 4, bodyAt)) as Kept;
  const delivery = deliveryEvent({ ...data, body: payload.subarray(bodyAt) }, traceparent);
  return receiptOf(delivery, data.source as SourceKind, settingsOf(settings.endpoint, settings));
}
