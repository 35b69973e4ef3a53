import { topics, type EventOf, type RecordParked } from '@waybill/domain';
import { decodeEvent, recordsOf, StreamError, type Codec, type EventLog, type LogRecord, type TopicPartition } from '@waybill/stream';

/** What is read of the log; it changes nothing and joins no group. */
export type ReadLog = Pick<EventLog, 'partitions' | 'partitionOf' | 'bounds' | 'offsetAt' | 'read'>;

/** A delivery as it lies in the log. `place` is topic/partition/offset. */
export type LoggedDelivery = { readonly place: string; readonly event: EventOf<'DeliveryReceived'> };

export type DeliveryQuery = {
  /** All unless given. */
  readonly endpoint?: string | undefined;
  /** By the time at which they came: from this one on, and before the other. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
};

type Span = TopicPartition & { readonly from: number; readonly to: number };

/** Where deliveries of a query lie. What a spool has kept lies further back than its time says, so that all is read to the end. */
export async function spansOf(log: ReadLog, { endpoint, fromMs }: DeliveryQuery): Promise<readonly Span[]> {
  const all = Array.from({ length: log.partitions }, (_, partition) => partition);
  const partitions = endpoint === undefined ? all : [log.partitionOf(endpoint)];
  return Promise.all(
    partitions.map(async (partition) => {
      const place = { topic: topics.deliveries.name, partition };
      const { first, end } = await log.bounds(place);
      const from = fromMs === undefined ? first : await log.offsetAt(place, fromMs);
      return { ...place, from: Math.max(first, from), to: end };
    }),
  );
}

const isInTime = ({ timestampMs }: LogRecord, { fromMs = -Infinity, toMs = Infinity }: DeliveryQuery): boolean =>
  timestampMs >= fromMs && timestampMs < toMs;

/** Deliveries of a query, each partition in its order, and so each endpoint. What cannot be decoded is passed over. */
export async function* readDeliveries(log: ReadLog, codec: Codec, query: DeliveryQuery): AsyncGenerator<LoggedDelivery> {
  for (const span of await spansOf(log, query))
    for await (const record of recordsOf(log, span, span)) {
      const delivery = isInTime(record, query) ? await findDelivery(codec, record, query) : undefined;
      if (delivery !== undefined) yield delivery;
    }
}

const windowMin = 256;
const windowMax = 8_192;

/**
 * The same from the newest on: the log is read backwards in growing windows, so that what came last needs no look at a month of them.
 * @param take what is kept of each; a window holds that and not the bodies
 */
export async function* readNewest<T>(
  log: ReadLog,
  codec: Codec,
  query: DeliveryQuery,
  take: (delivery: LoggedDelivery) => T,
): AsyncGenerator<T> {
  const sources = (await spansOf(log, query)).map((span) => backwards(log, codec, { span, query }, take));
  const heads: { readonly source: AsyncGenerator<Timed<T>>; next: Timed<T> }[] = [];
  try {
    for (const source of sources) {
      const first = await source.next();
      if (!first.done) heads.push({ source, next: first.value });
    }
    while (heads.length > 0) {
      const newest = heads.reduce((a, b) => (b.next.atMs > a.next.atMs ? b : a));
      yield newest.next.taken;
      const next = await newest.source.next();
      if (next.done) heads.splice(heads.indexOf(newest), 1);
      else newest.next = next.value;
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

type Timed<T> = { readonly atMs: number; readonly taken: T };

async function* backwards<T>(
  log: ReadLog,
  codec: Codec,
  { span, query }: { readonly span: Span; readonly query: DeliveryQuery },
  take: (delivery: LoggedDelivery) => T,
): AsyncGenerator<Timed<T>> {
  let size = windowMin;
  for (let to = span.to; to > span.from; size = Math.min(windowMax, size * 2)) {
    const from = Math.max(span.from, to - size);
    const found: Timed<T>[] = [];
    for await (const record of recordsOf(log, span, { from, to })) {
      const delivery = isInTime(record, query) ? await findDelivery(codec, record, query) : undefined;
      if (delivery !== undefined) found.push({ atMs: record.timestampMs, taken: take(delivery) });
    }
    yield* found.toReversed();
    to = from;
  }
}

/**
 * A delivery by its id, or by its place as `waybill deliveries list` and `waybill parked list` say it. The same bytes that come again
 * have the same id, so that there may be several. One that was parked is found for longer than the others are kept.
 */
export async function findDeliveries(log: ReadLog, codec: Codec, id: string, query: DeliveryQuery): Promise<readonly LoggedDelivery[]> {
  const [, topic, partition, offset] = /^([^/]+)\/(\d{1,5})\/(\d{1,15})$/.exec(id) ?? [];
  if (topic !== undefined) return findAt(log, codec, { topic, partition: Number(partition) }, Number(offset));
  const found = await Array.fromAsync(withId(log, codec, id, query));
  return found.length > 0 ? found : Array.fromAsync(parkedWithId(log, codec, id, query));
}

async function* withId(log: ReadLog, codec: Codec, id: string, query: DeliveryQuery): AsyncGenerator<LoggedDelivery> {
  for (const span of await spansOf(log, query))
    for await (const record of recordsOf(log, span, span)) {
      if (record.headers['ce_id']?.toString() !== id || !isInTime(record, query)) continue;
      const delivery = await findDelivery(codec, record, query);
      if (delivery !== undefined) yield delivery;
    }
}

async function* parkedWithId(log: ReadLog, codec: Codec, id: string, query: DeliveryQuery): AsyncGenerator<LoggedDelivery> {
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: topics.parked.name, partition };
    const { first, end } = await log.bounds(place);
    for await (const record of recordsOf(log, place, { from: first, to: end })) {
      if (record.headers['causationid']?.toString() !== id || !isInTime(record, query)) continue;
      const delivery = await findDelivery(codec, record, query);
      if (delivery !== undefined) yield delivery;
    }
  }
}

async function findAt(log: ReadLog, codec: Codec, place: TopicPartition, offset: number): Promise<readonly LoggedDelivery[]> {
  const isTopic = place.topic === topics.deliveries.name || place.topic === topics.parked.name;
  if (!isTopic || place.partition >= log.partitions) return [];
  const { first, end } = await log.bounds(place);
  if (offset < first || offset >= end) return [];
  const [record] = await Array.fromAsync(recordsOf(log, place, { from: offset, to: offset + 1 }));
  const delivery = record === undefined ? undefined : await findDelivery(codec, record, {});
  return delivery === undefined ? [] : [delivery];
}

/** The delivery that a record is, or that was parked with it. */
async function findDelivery(codec: Codec, record: LogRecord, { endpoint }: DeliveryQuery): Promise<LoggedDelivery | undefined> {
  const outer = await findEvent(codec, record);
  const event = outer?.type === 'RecordParked' ? await findEvent(codec, parkedRecord(outer.data)) : outer;
  if (event?.type !== 'DeliveryReceived' || event.data.endpoint !== (endpoint ?? event.data.endpoint)) return undefined;
  return { place: `${record.topic}/${record.partition}/${record.offset}`, event };
}

const parkedRecord = ({ topic, partition, offset, timestampMs, key, value, headers }: RecordParked): LogRecord => ({
  ...{ topic, partition, offset, timestampMs, key, value },
  headers: Object.fromEntries(headers.map(({ name, value: bytes }) => [name, bytes])),
});

/** Undefined for what cannot be decoded: one bad record must not hide the others. */
export async function findEvent(codec: Codec, record: LogRecord) {
  try {
    return await decodeEvent(codec, record);
  } catch (error) {
    if (error instanceof StreamError && error.code === 'RECORD_UNDECODABLE') return undefined;
    throw error;
  }
}
