import type { ByteReader } from './byte-reader.ts';
import type { FetchedPartition } from './record-batch-decoder.ts';
import { protocolError } from './wire-error.ts';
import { wireCall, type WireCall } from './wire-call.ts';

/** The last version before flexible fields; Kafka 2.4 to 4.x take it. */
export const fetchApi = { apiKey: 1, apiVersion: 11, apiName: 'Fetch' } as const;

const readCommitted = 1;
const ofNoReplica = -1;
/** Each request names all that it wants: a session would only save bytes, and could be in another state than ours. */
const noSession = { id: 0, epoch: -1 } as const;
const unknown = -1;

export type FetchRequest = {
  readonly maxWaitMs: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
  /** The first one that has something yields a whole batch, whatever the limits say (KIP-74). So the order should change. */
  readonly positions: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[];
};

export type Fetched = FetchedPartition & { readonly topic: string };

export function fetchCall({ maxWaitMs, bytesMax, partitionBytesMax, positions }: FetchRequest): WireCall<readonly Fetched[]> {
  const runs = topicRuns(positions);
  let size = 4 + 4 + 4 + 4 + 1 + 4 + 4 + 4 + 4 + 2;
  for (const { topic, entries } of runs) size += 2 + Buffer.byteLength(topic) + 4 + entries.length * 28;

  const call = wireCall(
    fetchApi,
    size,
    (writer) => {
      writer.int32(ofNoReplica);
      writer.int32(maxWaitMs);
      writer.int32(1); // The first byte ends the wait.
      writer.int32(bytesMax);
      writer.int8(readCommitted);
      writer.int32(noSession.id);
      writer.int32(noSession.epoch);
      writer.int32(runs.length);
      for (const { topic, entries } of runs) {
        writer.text(topic);
        writer.int32(entries.length);
        for (const { partition, offset } of entries) {
          writer.int32(partition);
          writer.int32(unknown); // Leader's epoch.
          writer.int64(offset);
          writer.int64(unknown); // Start of a follower's log.
          writer.int32(partitionBytesMax);
        }
      }
      writer.int32(0); // Topics that a session forgets.
      writer.text(''); // Rack.
    },
    decode,
  );
  return { ...call, requestTimeout: maxWaitMs + 5_000 };
}

/** Neighbours of one topic share its name; the order of the positions is kept. */
function topicRuns(positions: FetchRequest['positions']) {
  const runs: { topic: string; entries: { partition: number; offset: number }[] }[] = [];
  for (const { topic, partition, offset } of positions) {
    const last = runs.at(-1);
    if (last?.topic === topic) last.entries.push({ partition, offset });
    else runs.push({ topic, entries: [{ partition, offset }] });
  }
  return runs;
}

/** @throws the broker's error for the whole request or for any partition */
function decode(reader: ByteReader): { readonly throttleMs: number; readonly body: readonly Fetched[] } {
  const throttleMs = reader.int32();
  const errorCode = reader.int16();
  if (errorCode !== 0) throw protocolError(errorCode, 'fetch');
  reader.int32(); // Session.
  const topics = reader.array(() => {
    const topic = reader.text();
    return reader.array(() => decodePartition(reader, topic));
  });
  return { throttleMs, body: topics.flat() };
}

function decodePartition(reader: ByteReader, topic: string): Fetched {
  const partition = reader.int32();
  const errorCode = reader.int16();
  if (errorCode !== 0) throw protocolError(errorCode, `${topic}/${partition}`);
  reader.int64(); // High watermark.
  const lastStableOffset = reader.int64();
  reader.int64(); // Start of the log.
  const abortedTransactions = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }));
  reader.int32(); // Preferred replica.
  const bytes = ownCopy(reader.raw(Math.max(0, reader.int32())));
  return { topic, partition, lastStableOffset, abortedTransactions, bytes };
}

/** Records are slices: those of one partition must not pin what was fetched for the others. */
function ownCopy(slice: Buffer): Buffer {
  if (slice.length * 2 > slice.buffer.byteLength) return slice;
  const copy = Buffer.allocUnsafeSlow(slice.length);
  copy.set(slice);
  return copy;
}
