import { hash } from 'node:crypto';
import { deliveryEvent, receiptOf, type Receipt } from '@waybill/webhook-sources';
import { findTraceparent, keptHeaders, type PlainHeaders } from './headers.ts';
import type { Source } from './sources.ts';

/** An authentic request. */
export type Incoming = {
  readonly headers: PlainHeaders;
  readonly body: Buffer;
  readonly remoteAddress: string | null;
  readonly receivedAtMs: number;
};

/** What a request says. Pure: the same request at the same endpoint gives the same ids whenever it comes. */
export function receive(incoming: Incoming, source: Source): Receipt {
  const { headers, body, receivedAtMs, remoteAddress } = incoming;
  const data = {
    source: source.kind,
    endpoint: source.name,
    receivedAtMs,
    contentType: headers['content-type'] ?? null,
    headers: keptHeaders(headers, source),
    remoteAddress,
    bodySha256: hash('sha256', body, 'hex'),
    body,
  };
  const delivery = deliveryEvent(data, findTraceparent(headers));
  return receiptOf(delivery, source.kind, source.settings);
}
