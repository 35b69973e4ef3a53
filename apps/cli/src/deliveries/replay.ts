import { deterministicId, topics, type EventOf } from '@waybill/domain';
import { encodeEvent, type Codec, type NewRecord } from '@waybill/stream';
import { placedImages, receiptOf, type PlacedEvent, type Receipt, type SourceKind, type SourceSettings } from '@waybill/webhook-sources';
import type { Becoming } from './became.ts';
import { compareEvents, type Difference } from './compare.ts';
import type { LoggedDelivery, ReadLog } from './delivery-log.ts';

/** How the deliveries of an endpoint are read today; undefined for one that the configuration does not name any more. */
export type Reading = { readonly kind: SourceKind; readonly settings: SourceSettings };
export type FindReading = (endpoint: string) => Reading | undefined;

/** Who has it read again, and why. */
export type ReplayRequest = { readonly requestedBy: string; readonly reason: string; readonly requestedAtMs: number };

/** A delivery read again, beside what it became. */
export type Reread = {
  readonly id: string;
  readonly place: string;
  readonly endpoint: string;
  /** Kind of sender that it was read as; null where nothing says how. */
  readonly kind: SourceKind | null;
  readonly receivedAtMs: number;
  readonly outcome: Receipt['outcome'] | 'unconfigured';
  readonly differences: readonly Difference[];
  /** What still cannot be read of it. */
  readonly unread: Receipt['unread'];
  readonly rest: Receipt['rest'];
};

export type Plan = { readonly reread: Reread; readonly records: readonly NewRecord[] };
export type PlanDependencies = {
  readonly log: Pick<ReadLog, 'partitionOf'>;
  readonly codec: Codec;
  readonly findReading: FindReading;
  readonly becoming: Becoming;
  /** Ids that were planned before: the same occurrence may be told by several deliveries. */
  readonly planned: Set<string>;
};

/**
 * What reading a delivery again adds to the log: nothing where all that it says is there, else who asked, and the events that are new.
 * They have the ids and times that they would have had, and the delivery as their cause. What is there is not appended a second time:
 * readers know its id for thirty days only.
 */
export function planReplay(delivery: LoggedDelivery, request: ReplayRequest, dependencies: PlanDependencies): Plan {
  const { log, codec, findReading, becoming, planned } = dependencies;
  const { data, meta } = delivery.event;
  const then = becoming.of({ id: meta.id, receivedAtMs: data.receivedAtMs }).events;
  const about = { id: meta.id, place: delivery.place, endpoint: data.endpoint, receivedAtMs: data.receivedAtMs };
  const reading = findReading(data.endpoint);
  if (reading === undefined)
    return { reread: { ...about, kind: null, outcome: 'unconfigured', differences: [], unread: null, rest: [] }, records: [] };

  const receipt = receiptOf(delivery.event, reading.kind, reading.settings);
  const placed = placedImages(receipt);
  const now = placed.map(({ event }) => event);
  const fresh = placed.filter(({ event: { meta: own } }) => !becoming.has(own.id) && !planned.has(own.id));
  for (const { event } of fresh) planned.add(event.meta.id);
  const reread = {
    ...{ ...about, kind: reading.kind, outcome: receipt.outcome, unread: receipt.unread, rest: receipt.rest },
    differences: compareEvents(then, now).map((each) => knownElsewhere(each, fresh)),
  };
  if (fresh.length === 0) return { reread, records: [] };
  const record = ({ topic, key, event }: PlacedEvent, timestampMs: number): NewRecord => ({
    ...encodeEvent(codec, { topic, key, partition: log.partitionOf(key) }, event),
    timestampMs,
  });
  const eventIds = fresh.map(({ event }) => event.meta.id);
  const trail = { topic: topics.deliveryReplays, key: data.endpoint, event: replayedEvent(delivery, reading.kind, eventIds, request) };
  return { reread, records: [record(trail, request.requestedAtMs), ...fresh.map((each) => record(each, data.receivedAtMs))] };
}

/** An event that another delivery has told already is not new, though this one has not. */
const knownElsewhere = (difference: Difference, fresh: readonly PlacedEvent[]): Difference =>
  difference.verdict === 'new' && !fresh.some(({ event }) => event.meta.id === difference.id)
    ? { ...difference, verdict: 'same' }
    : difference;

function replayedEvent(
  delivery: LoggedDelivery,
  source: SourceKind,
  eventIds: readonly string[],
  request: ReplayRequest,
): EventOf<'DeliveryReplayed'> {
  const { data, meta } = delivery.event;
  const { requestedBy, reason, requestedAtMs } = request;
  const id = deterministicId('delivery-replayed', delivery.place, requestedBy, requestedAtMs);
  return {
    type: 'DeliveryReplayed',
    data: {
      ...{ deliveryId: meta.id, endpoint: data.endpoint, source, receivedAtMs: data.receivedAtMs },
      ...{ eventIds: [...eventIds], requestedBy, reason, requestedAtMs },
    },
    meta: {
      ...{ id, source: '/waybill/cli', timeMs: requestedAtMs, subject: data.endpoint },
      ...{ correlationId: meta.id, causationId: meta.id, traceparent: null },
    },
  };
}
