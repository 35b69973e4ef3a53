import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { deterministicId, topics, type Event } from '@waybill/domain';
import { encodeEvent, partitionOfKey, type LogRecord, type NewRecord } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import { deliveryEvent, placedImages, receiptOf, settingsOf } from '@waybill/webhook-sources';
import type { ReadLog } from './delivery-log.ts';
import type { Reading } from './replay.ts';

/** A log in memory, of which every second offset is the end of a transaction. */
export function memoryLog(partitions = 3) {
  const places = new Map<string, LogRecord[]>();
  const recordsIn = (topic: string, partition: number): LogRecord[] => {
    assert.ok(partition < partitions, `there is no partition ${partition}`);
    return places.getOrInsertComputed(`${topic}/${partition}`, () => []);
  };
  const log: ReadLog = {
    partitions,
    partitionOf: (key) => partitionOfKey(key, partitions),
    bounds: async ({ topic, partition }) => ({ first: 0, end: recordsIn(topic, partition).length * 2 }),
    offsetAt: async ({ topic, partition }, timestampMs) => {
      const records = recordsIn(topic, partition);
      const index = records.findIndex((record) => record.timestampMs >= timestampMs);
      return (index < 0 ? records.length : index) * 2;
    },
    read: async ({ topic, partition }, { from, to }, onRecords) => {
      const records = recordsIn(topic, partition).filter(({ offset }) => offset >= from && offset < to);
      for (let at = 0; at < records.length; at += 100) await onRecords(records.slice(at, at + 100), to);
    },
  };
  const append = async (records: readonly NewRecord[]): Promise<void> => {
    for (const { topic, partition, key, value, headers, timestampMs = 0 } of records) {
      const place = recordsIn(topic, partition);
      place.push({ topic, partition, offset: place.length * 2, timestampMs, key: Buffer.from(key ?? ''), value, headers });
    }
  };
  /** As retention does. */
  const forget = (topic: { readonly name: string }): void => {
    for (let partition = 0; partition < partitions; partition++) recordsIn(topic.name, partition).length = 0;
  };
  const all = (topic: { readonly name: string }): readonly LogRecord[] =>
    Array.from({ length: partitions }, (_, partition) => recordsIn(topic.name, partition)).flat();
  return { log, append, forget, all };
}

/** Reads what names no registry only where it is told one. */
export const reading = (endpoint: string, registryHost: string | null): Reading => ({
  kind: 'distribution',
  settings: settingsOf(endpoint, { registryHost }),
});

/** Does with a body what the gateway does, under the settings that it has then. @returns the delivery's id */
export async function receive(
  { log, append }: ReturnType<typeof memoryLog>,
  body: unknown,
  {
    atMs,
    endpoint = 'main',
    registryHost = null,
  }: { readonly atMs: number; readonly endpoint?: string; readonly registryHost?: string | null },
): Promise<string> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const data = {
    ...{ source: 'distribution', endpoint, receivedAtMs: atMs, contentType: 'application/json', headers: { 'user-agent': 'test' } },
    ...{ remoteAddress: '192.0.2.1', bodySha256: createHash('sha256').update(bytes).digest('hex'), body: bytes },
  };
  const { settings, kind } = reading(endpoint, registryHost);
  const receipt = receiptOf(deliveryEvent(data, null), kind, settings);
  const place = (topic: (typeof topics)[keyof typeof topics], key: string, event: Event): NewRecord => ({
    ...encodeEvent(jsonCodec, { topic, key, partition: log.partitionOf(key) }, event),
    timestampMs: atMs,
  });
  const received = place(topics.deliveries, endpoint, receipt.delivery);
  await append([received, ...placedImages(receipt).map((each) => place(topics.imageEvents, each.key, each.event))]);
  if (receipt.unread !== null) {
    const parked: Event = {
      type: 'RecordParked',
      data: {
        ...{ app: 'gateway', topic: topics.deliveries.name, partition: 0, offset: -1, timestampMs: atMs },
        ...{ key: Buffer.from(endpoint), value: received.value },
        ...{ headers: Object.entries(received.headers).map(([name, value]) => ({ name, value })) },
        ...{ code: receipt.unread.code, reason: receipt.unread.reason, parkedAtMs: atMs },
      },
      meta: { ...receipt.delivery.meta, id: deterministicId('parked', receipt.deliveryId), causationId: receipt.deliveryId },
    };
    await append([place(topics.parked, receipt.deliveryId, parked)]);
  }
  return receipt.deliveryId;
}

/** A delivery of pushes; without a host nothing says of which registry. */
export const pushes = (tags: readonly string[], host?: string) => ({
  events: tags.map((tag) => ({
    ...{ id: `push ${tag}`, action: 'push', timestamp: '2024-08-06T12:00:00Z', ...(host !== undefined && { request: { host } }) },
    target: {
      ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, size: 7 },
      ...{ repository: 'team/app', tag },
    },
  })),
});
