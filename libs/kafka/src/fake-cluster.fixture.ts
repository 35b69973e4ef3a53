// What one broker in a test cannot be brought to do: a cluster behind kafkajs' interface, whose answers are real bytes.
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { FetchPosition } from './fetch.ts';
import type { WireCall } from './wire-call.ts';
import type { Broker, Cluster } from './wire.ts';

/** One node that leads and coordinates everything, unless `more` says otherwise. */
export const fakeCluster = (broker: Partial<Broker>, more: Partial<Cluster> = {}): Cluster => ({
  connect: async () => undefined,
  disconnect: async () => undefined,
  refreshMetadata: async () => undefined,
  addMultipleTargetTopics: async () => undefined,
  getNodeIds: () => ['1'],
  findLeaderForPartitions: () => ({ '1': [0] }),
  findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
  findBroker: async () => broker as Broker,
  findGroupCoordinator: async () => broker as Broker,
  ...more,
});

export type AskedFetch = { readonly maxWaitMs: number; readonly positions: readonly FetchPosition[] };

/** What a fetch asks for. */
export function askedBy(call: WireCall<unknown>): AskedFetch {
  const clientId = 'c';
  const request = call.request.encode().frame({ apiKey: 1, apiVersion: 11, correlationId: 0, clientId });
  const reader = new ByteReader(request, 4 + 2 + 2 + 4 + 2 + clientId.length + 4); // Size, header, replica.
  const maxWaitMs = reader.int32();
  reader.raw(4 + 4 + 1 + 4 + 4); // Least bytes, most bytes, isolation, session.
  const positions = reader.array(() => {
    const topic = reader.text();
    return reader.array(() => {
      const partition = reader.int32();
      reader.raw(4); // Leader's epoch.
      const offset = reader.int64();
      reader.raw(8 + 4); // Start of a follower's log, limit.
      return { topic, partition, offset };
    });
  });
  return { maxWaitMs, positions: positions.flat() };
}

export type FetchAnswer = {
  readonly topic: string;
  readonly bytes?: Buffer;
  readonly errorCode?: number;
  readonly lastStableOffset?: number;
};

/** The broker's answer for partition 0 of a topic, through our decoder. */
export async function answerFetch<T>(call: WireCall<T>, answer: FetchAnswer): Promise<T> {
  const { topic, bytes = Buffer.alloc(0), errorCode = 0, lastStableOffset = 1_000_000 } = answer;
  const writer = new ByteWriter(200 + bytes.length);
  writer.int32(0); // Throttle.
  writer.int16(0);
  writer.int32(0); // Session.
  writer.int32(1);
  writer.text(topic);
  writer.int32(1);
  writer.int32(0); // Partition.
  writer.int16(errorCode);
  writer.int64(1_000_000); // High watermark.
  writer.int64(lastStableOffset);
  writer.int64(0);
  writer.int32(-1); // Aborted transactions.
  writer.int32(-1);
  writer.int32(bytes.length);
  writer.raw(bytes);
  return call.response.parse(await call.response.decode(writer.bytes.subarray(0, writer.at)));
}
