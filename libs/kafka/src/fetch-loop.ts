import { setTimeout as sleep } from 'node:timers/promises';
import type { LogRecord, TopicPartition } from '@waybill/stream';
import type { Connections } from './connections.ts';
import { fetchFrom, positionsByLeader, type Fetch, type FetchPosition } from './fetch.ts';

export type FetchLoopOptions = {
  readonly connections: Connections;
  readonly use: 'fetch' | 'read';
  readonly start: readonly FetchPosition[];
  /** One call at a time per partition. A rejection ends the loop with it. */
  readonly onRecords: (place: TopicPartition, records: readonly LogRecord[], next: number) => Promise<void> | void;
  readonly signal: AbortSignal;
  /** Longest wait for a first byte, ms. New records end it at once. */
  readonly maxWaitMs: number;
};

type Lane = { position: FetchPosition; bufferedBytes: number; tail: Promise<void> };

/** Above this a partition is not fetched further until its records have been taken. */
const bufferedBytesMax = 4 * 1_048_576;

const partitionBytesMax = 1_048_576;

/**
 * Fetches partitions until the signal fires. Fetching goes on while earlier records are being processed, so that nothing waits
 * for the end of a long poll; per partition the buffered bytes are bounded.
 * @throws StreamError `OFFSET_EXPIRED` when retention has passed a position, and whatever `onRecords` throws
 */
export async function runFetchLoop(options: FetchLoopOptions): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([options.signal, failed.signal]);
  const lanes = new Map(options.start.map((position) => [keyOf(position), newLane(position)]));
  const topics = [...new Set(options.start.map(({ topic }) => topic))];
  if (lanes.size === 0) return;

  const deliver = (result: Fetch): void => {
    const key = keyOf(result);
    const lane = lanes.get(key)!;
    // Nothing new; or the partition has moved while two nodes were asked for it, and the other one has answered already.
    if (result.next === result.offset || result.offset !== lane.position.offset) return;
    // To the end of the queue: a request's first partition may take more than its share.
    lanes.delete(key);
    lanes.set(key, lane);
    const { bytes } = result;
    lane.position = { topic: result.topic, partition: result.partition, offset: result.next };
    lane.bufferedBytes += bytes;
    lane.tail = lane.tail
      .then(async () => {
        if (!stop.aborted) await options.onRecords({ topic: result.topic, partition: result.partition }, result.records, result.next);
      })
      .catch((error: unknown) => failed.abort(error))
      .finally(() => {
        lane.bufferedBytes -= bytes;
      });
  };

  const fetchNode = async (nodeId: string, positions: readonly FetchPosition[]): Promise<void> => {
    const results = await options.connections.run(
      options.use,
      topics,
      async (cluster) => {
        const led = positionsByLeader(cluster, positions).get(nodeId);
        if (!led) return []; // The leader has moved: the next round asks the new one.
        return fetchFrom(cluster, nodeId, led, { maxWaitMs: options.maxWaitMs, partitionBytesMax });
      },
      stop,
    );
    for (const result of results) deliver(result);
  };

  const leadersOf = (positions: readonly FetchPosition[]) =>
    options.connections.run(options.use, topics, async (cluster) => positionsByLeader(cluster, positions), stop);

  try {
    const polling = new Map<string, Promise<void>>();
    while (!stop.aborted) {
      const ready = [...lanes.values()].filter((lane) => lane.bufferedBytes < bufferedBytesMax).map((lane) => lane.position);
      const idle = [...(await leadersOf(ready))].filter(([nodeId]) => !polling.has(nodeId));
      for (const [nodeId, positions] of idle) {
        const poll = fetchNode(nodeId, positions)
          .catch((error: unknown) => failed.abort(error))
          .finally(() => polling.delete(nodeId));
        polling.set(nodeId, poll);
      }
      await (polling.size > 0 ? Promise.race(polling.values()) : sleep(20, undefined, { signal: stop }));
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  await Promise.allSettled([...lanes.values()].map((lane) => lane.tail));
  if (failed.signal.aborted && !options.signal.aborted) throw failed.signal.reason;
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

const newLane = (position: FetchPosition): Lane => ({ position, bufferedBytes: 0, tail: Promise.resolve() });
