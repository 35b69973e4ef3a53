import type { Event, EventMeta, RecordType, RecordTypes, Topic, TypedRecord } from '@waybill/domain';
import { encodeEvent, type LogRecord, type StateStore } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import { memoryStore } from './memory-store.fixture.ts';
import { followedTopics } from './read-model/followed-topics.ts';
import { createProjector } from './read-model/projector.ts';
import { type Reader, readerOf } from './read-model/rows.ts';

export const startMs = Date.UTC(2026, 0, 1);

/** A log of one partition that is folded into a read model as it grows; `atMs` counts from `startMs`. */
export function fakeLog(store: StateStore = memoryStore()) {
  const skipped: string[] = [];
  const projector = createProjector({ store, codec: jsonCodec, topics: followedTopics(), onSkipped: (_, reason) => skipped.push(reason) });
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
