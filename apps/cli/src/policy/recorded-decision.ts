import { repositoryKey, topics, type Event, type EventOf, type ImageDecided, type ScanReported } from '@waybill/domain';
import type { EventsBehind } from '@waybill/policy-engine';
import { decodeEvent, partitionOfKey, recordsOf, StreamError, type Codec, type EventLog, type LogRecord } from '@waybill/stream';

/** A decision as it lies in the log, and where. */
export type RecordedDecision = { readonly event: EventOf<'ImageDecided'>; readonly partition: number; readonly offset: number };

/** What is asked for: a record, an event's id or its beginning, or an image, of which it is the newest decision. */
export type Asked =
  | { readonly kind: 'record'; readonly partition: number; readonly offset: number }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'image'; readonly registry: string; readonly repository: string; readonly tag: string };

/** @returns undefined where the text is none of these */
export function findAsked(text: string): Asked | undefined {
  const record = /^decisions\/(\d{1,6})\/(\d{1,15})$/.exec(text);
  if (record) return { kind: 'record', partition: Number(record[1]), offset: Number(record[2]) };
  if (/^[0-9a-f][0-9a-f-]{7,63}$/.test(text)) return { kind: 'id', id: text };
  const image = /^([^/\s]+)\/(\S+):([^:/\s]+)$/.exec(text);
  return image ? { kind: 'image', registry: image[1]!, repository: image[2]!, tag: image[3]! } : undefined;
}

type Log = Pick<EventLog, 'partitions' | 'bounds' | 'read'>;

/** Reads only where it can lie: one record, one partition, or all of them for an id. @returns undefined where there is none */
export async function findDecision(log: Log, codec: Codec, asked: Asked): Promise<RecordedDecision | undefined> {
  if (asked.kind === 'record' && asked.partition >= log.partitions) return undefined;
  const key = asked.kind === 'image' ? repositoryKey(asked) : undefined;
  const partitions =
    asked.kind === 'record'
      ? [asked.partition]
      : key === undefined
        ? Array.from({ length: log.partitions }, (_, partition) => partition)
        : [partitionOfKey(key, log.partitions)];
  let found: RecordedDecision | undefined;
  for (const partition of partitions) {
    const range = asked.kind === 'record' ? { from: asked.offset, to: asked.offset + 1 } : undefined;
    for await (const { event, offset } of eventsIn(log, codec, { topic: topics.decisions.name, partition, key, range }))
      if (event.type === 'ImageDecided' && isAsked(event, asked)) found = { event, partition, offset };
  }
  return found;
}

function isAsked({ meta, data }: EventOf<'ImageDecided'>, asked: Asked): boolean {
  if (asked.kind === 'id') return meta.id.startsWith(asked.id);
  return asked.kind === 'record' || data.tag === asked.tag;
}

/** The events that a decision names, as far as the log still holds them: they lie in the partition of their repository. */
export async function findEventsBehind(log: Log, codec: Codec, decided: ImageDecided): Promise<EventsBehind> {
  const key = repositoryKey(decided);
  const partition = partitionOfKey(key, log.partitions);
  let inspection: EventsBehind['inspection'];
  if (decided.inspectionEventId !== null)
    for await (const { event } of eventsIn(log, codec, { topic: topics.inspections.name, partition, key }))
      if (event.meta.id === decided.inspectionEventId && isInspection(event)) inspection = event;
  const named = new Set(decided.scans.map(({ scanEventId }) => scanEventId));
  const reports: ScanReported[] = [];
  if (named.size > 0)
    for await (const { event } of eventsIn(log, codec, { topic: topics.scanReports.name, partition, key }))
      if (event.type === 'ScanReported' && event.data.imageDigest === decided.digest && named.has(event.data.scanEventId))
        reports.push(event.data);
  return { inspection, reports };
}

const isInspection = (event: Event): event is NonNullable<EventsBehind['inspection']> =>
  event.type === 'ImageInspected' || event.type === 'ImageInspectionFailed';

type Where = {
  readonly topic: string;
  readonly partition: number;
  /** Records of other keys are not even decoded. */
  readonly key: string | undefined;
  readonly range?: { readonly from: number; readonly to: number } | undefined;
};

/** Events of a partition, oldest first; what cannot be read is left out. */
export async function* eventsIn(log: Log, codec: Codec, { topic, partition, key, range }: Where) {
  const { first, end } = await log.bounds({ topic, partition });
  const [from, to] = [Math.max(first, range?.from ?? first), Math.min(end, range?.to ?? end)];
  for await (const record of recordsOf(log, { topic, partition }, { from, to })) {
    if (key !== undefined && record.key?.toString() !== key) continue;
    const event = await decodable(codec, record);
    if (event !== undefined) yield { event, offset: record.offset };
  }
}

/** What cannot be read is no decision and no fact of one: `waybill parked` tells of it. */
const decodable = (codec: Codec, record: LogRecord): Promise<Event | undefined> =>
  decodeEvent(codec, record).catch((error: unknown) => {
    if (error instanceof StreamError && error.code === 'RECORD_UNDECODABLE') return undefined;
    throw error;
  });
