import type { Event, EventMeta, RecordType, RecordTypes, Topic, TypedRecord } from '@waybill/domain';
import { type Codec, encodeEvent, type LogRecord, type StateStore, StreamError } from '@waybill/stream';
import { memoryStore } from './memory-store.fixture.ts';
import { followedTopics } from './read-model/followed-topics.ts';
import { createProjector } from './read-model/projector.ts';
import { type Reader, readerOf } from './read-model/rows.ts';

/** JSON in place of Avro: the read model sees records through the codec alone. */
export const jsonCodec: Codec = {
  encode: (record) =>
    Buffer.from(
      JSON.stringify(record, (_, value: unknown) => (isBufferJson(value) ? { base64: Buffer.from(value.data).toString('base64') } : value)),
    ),
  decode: async (value) => jsonCodec.decodeSync(value),
  decodeSync(value) {
    try {
      return JSON.parse(value.toString(), (_, each: unknown) =>
        isBase64(each) ? Buffer.from(each.base64, 'base64') : each,
      ) as TypedRecord;
    } catch (error) {
      throw new StreamError('RECORD_UNDECODABLE', 'no JSON', { cause: error });
    }
  },
};
const isBufferJson = (value: unknown): value is { data: number[] } =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;
const isBase64 = (value: unknown): value is { base64: string } => typeof value === 'object' && value !== null && 'base64' in value;

export const startMs = Date.UTC(2026, 0, 1);

/** A log of one partition that is folded into a read model as it grows; `atMs` counts from `startMs`. */
export function fakeLog(store: StateStore = memoryStore()) {
  const skipped: string[] = [];
  const projector = createProjector({ store, codec: jsonCodec, topics: followedTopics, onSkipped: (_, reason) => skipped.push(reason) });
  const offsets = new Map<string, number>();
  const append = async (topic: Topic, record: Omit<LogRecord, 'topic' | 'partition' | 'offset'>): Promise<LogRecord> => {
    const offset = offsets.get(topic.name) ?? 0;
    offsets.set(topic.name, offset + 1);
    const written = { ...record, topic: topic.name, partition: 0, offset };
    await projector.apply(written, [written], offset + 1);
    return written;
  };
  return {
    store,
    projector,
    skipped,
    reader: readerOf(store) satisfies Reader,
    append,
    event: async <T extends RecordType>(
      topic: Topic,
      type: T,
      data: RecordTypes[T],
      meta: Partial<EventMeta> & { id: string },
      atMs = 0,
    ) => {
      const full = {
        source: '/test',
        timeMs: startMs + atMs,
        subject: 'test',
        correlationId: meta.id,
        causationId: null,
        traceparent: null,
        ...meta,
      };
      const event = { type, data, meta: full } as unknown as Event;
      const { value, headers } = encodeEvent(jsonCodec, { topic, partition: 0, key: 'key' }, event);
      return append(topic, { timestampMs: startMs + atMs, key: Buffer.from('key'), value, headers });
    },
    row: async (topic: Topic, key: string, row: TypedRecord | null, atMs = 0) =>
      append(topic, {
        timestampMs: startMs + atMs,
        key: Buffer.from(key),
        value: row === null ? null : jsonCodec.encode(row),
        headers: {},
      }),
  };
}
export type FakeLog = ReturnType<typeof fakeLog>;
