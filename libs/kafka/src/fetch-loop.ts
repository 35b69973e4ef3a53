import { setTimeout as sleep } from 'node:timers/promises';
import type { LogRecord, TopicPartition } from '@waybill/stream';
import type { Connections } from './connections.ts';
import { fetchFrom, positionsByLeader, type Fetch, type FetchPosition } from './fetch.ts';

export type FetchLoopOptions = {
  readonly connections: Connections;
  /** A broker answers one request of a connection after the other: what waits for a first byte needs one of its own. */
  readonly use: 'fetch' | 'follow';
  readonly start: readonly FetchPosition[];
  /** One call at a time per partition, with everything that has been fetched meanwhile. A rejection ends the loop with it. */
  readonly onRecords: (place: TopicPartition, records: readonly LogRecord[], next: number) => Promise<void> | void;
  readonly signal: AbortSignal;
  /** Longest wait for a first byte, ms. New records end it at once. */
  readonly maxWaitMs: number;
};

type Lane = { position: FetchPosition; waitingBytes: number; waiting: Fetch[]; taking: Promise<void> | undefined };

/** While so much waits of a partition it is not fetched further. As much again may be being taken. */
const waitingBytesMax = 2 * 1_048_576;

/** A fetch that leaves full lanes out waits no longer for a first byte: they may have room before the others have records. */
const partWaitMs = 10;

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
    lane.position = { topic: result.topic, partition: result.partition, offset: result.next };
    lane.waitingBytes += result.bytes;
    lane.waiting.push(result);
    lane.taking ??= take(lane, options, stop).catch((error: unknown) => failed.abort(error));
  };

  const fetchNode = async (nodeId: string, positions: readonly FetchPosition[], maxWaitMs: number): Promise<void> => {
    const results = await options.connections.run(
      options.use,
      topics,
      async (cluster) => {
        const led = positionsByLeader(cluster, positions).get(nodeId);
        if (!led) return []; // The leader has moved: the next round asks the new one.
        return fetchFrom(cluster, nodeId, led, { maxWaitMs, partitionBytesMax });
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
      const ready = [...lanes.values()].filter((lane) => lane.waitingBytes < waitingBytesMax).map((lane) => lane.position);
      const maxWaitMs = ready.length === lanes.size ? options.maxWaitMs : Math.min(options.maxWaitMs, partWaitMs);
      const idle = [...(await leadersOf(ready))].filter(([nodeId]) => !polling.has(nodeId));
      for (const [nodeId, positions] of idle) {
        const poll = fetchNode(nodeId, positions, maxWaitMs)
          .catch((error: unknown) => failed.abort(error))
          .finally(() => polling.delete(nodeId));
        polling.set(nodeId, poll);
      }
      await (polling.size > 0 ? Promise.race(polling.values()) : sleep(5, undefined, { signal: stop }));
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  await Promise.allSettled([...lanes.values()].map(async (lane) => lane.taking));
  if (failed.signal.aborted && !options.signal.aborted) throw failed.signal.reason;
}

/** All that waits at once: whoever takes slowly would never catch up with fetches of a few records each. */
async function take(lane: Lane, { onRecords }: FetchLoopOptions, stop: AbortSignal): Promise<void> {
  while (lane.waiting.length > 0 && !stop.aborted) {
    const results = lane.waiting.splice(0);
    lane.waitingBytes = 0;
    const { topic, partition, next } = results.at(-1)!;
    const records = results.length === 1 ? results[0]!.records : results.flatMap((result) => result.records);
    await onRecords({ topic, partition }, records, next);
  }
  lane.taking = undefined; // In the same turn as the last look at what waits.
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

const newLane = (position: FetchPosition): Lane => ({ position, waitingBytes: 0, waiting: [], taking: undefined });
