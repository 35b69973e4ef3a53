import { topics, type Event, type EventOf, type Topic } from '@waybill/domain';
import { recordsOf, type Codec, type Headers } from '@waybill/stream';
import { findEvent, type ReadLog } from './delivery-log.ts';

type Place = { readonly partition: number; readonly offset: number };
type Placed<E extends Event> = Place & { readonly event: E };

/** What the log holds of a delivery beside itself. */
export type Became = {
  /** In the order of the log; events of another app or of a later replay among them. */
  readonly events: readonly Event[];
  readonly parked: readonly Placed<EventOf<'RecordParked'>>[];
  readonly replays: readonly EventOf<'DeliveryReplayed'>[];
};

/** Which deliveries are asked for. */
export type Occurrence = { readonly id: string; readonly receivedAtMs: number };

/** Bytes that come again are the same delivery at another time, and may have become something else. */
const nameOf = ({ id, receivedAtMs }: Occurrence): string => `${id} ${receivedAtMs}`;

/** What has become of deliveries, by the log. */
export class Becoming {
  readonly #byDelivery = new Map<
    string,
    { events: Event[]; parked: Placed<EventOf<'RecordParked'>>[]; replays: EventOf<'DeliveryReplayed'>[] }
  >();
  readonly #eventIds = new Set<string>();

  of(occurrence: Occurrence): Became {
    return this.#byDelivery.get(nameOf(occurrence)) ?? { events: [], parked: [], replays: [] };
  }

  /** Whether the log was seen to hold an event, whichever delivery it is from. */
  has(eventId: string): boolean {
    return this.#eventIds.has(eventId);
  }

  add(occurrence: Occurrence, event: Event, place: Place): void {
    const became = this.#byDelivery.getOrInsertComputed(nameOf(occurrence), () => ({ events: [], parked: [], replays: [] }));
    if (event.type === 'RecordParked') became.parked.push({ ...place, event });
    else if (event.type === 'DeliveryReplayed') became.replays.push(event);
    else if (!became.events.some(({ meta }) => meta.id === event.meta.id)) became.events.push(event);
    this.#eventIds.add(event.meta.id);
  }
}

/**
 * Reads what has become of deliveries. Their events bear their id as cause and their time; both are looked at before anything is
 * decoded. Written by a spool or a replay they may lie at any later place, so that all is read to the end.
 * @param sinceMs when the first of the deliveries came
 */
export async function readBecoming(
  log: ReadLog,
  codec: Codec,
  sinceMs: number,
  isWanted: (occurrence: Occurrence) => boolean,
): Promise<Becoming> {
  const becoming = new Becoming();
  for (const topic of [topics.imageEvents, topics.parked, topics.deliveryReplays])
    for (let partition = 0; partition < log.partitions; partition++) {
      const place = { topic: topic.name, partition };
      const [{ first, end }, from] = await Promise.all([log.bounds(place), log.offsetAt(place, sinceMs)]);
      for await (const record of recordsOf(log, place, { from: Math.max(first, from), to: end })) {
        const found = findOccurrence(topic, record.headers);
        if (found !== undefined && !isWanted(found)) continue;
        const event = await findEvent(codec, record);
        const occurrence = event === undefined ? undefined : occurrenceOf(event);
        if (occurrence !== undefined && isWanted(occurrence)) becoming.add(occurrence, event!, { partition, offset: record.offset });
      }
    }
  return becoming;
}

/** By the headers alone, where they tell. */
function findOccurrence(topic: Topic, headers: Headers): Occurrence | undefined {
  if (topic === topics.deliveryReplays) return undefined;
  return { id: headers['causationid']?.toString() ?? '', receivedAtMs: Date.parse(headers['ce_time']?.toString() ?? '') };
}

function occurrenceOf({ type, data, meta }: Event): Occurrence | undefined {
  if (meta.causationId === null || (type === 'RecordParked' && data.app !== 'gateway')) return undefined;
  return { id: meta.causationId, receivedAtMs: type === 'DeliveryReplayed' ? data.receivedAtMs : meta.timeMs };
}
