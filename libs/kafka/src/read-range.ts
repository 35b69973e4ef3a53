import { StreamError, type EventLog, type TopicPartition } from '@waybill/stream';
import type { Connections } from './connections.ts';
import { fetchFrom, positionsByLeader, type Fetch } from './fetch.ts';

/** A restore reads whole topics, all of an app's at a time, and holds two pieces of each. */
const limits = { maxWaitMs: 200, partitionBytesMax: 1_048_576 } as const;
/** How long a log may end before `to`: a new leader learns where the others stand within this time. */
const behindMsMax = 30_000;

/**
 * Reads committed records of one partition in a range, the next fetch under way while a chunk is taken.
 *
 * The end is proven, not guessed from silence: a fetch that finds nothing while its last stable offset, which the broker took before it
 * looked, lies at or beyond `to` has shown that nothing is left before `to`.
 * @throws StreamError `LOG_UNAVAILABLE` when the log stays shorter than `to`, `OFFSET_EXPIRED` when it does not go back to `from`; the
 *   reason of `signal` once that has fired
 */
export async function readRange(
  connections: Connections,
  place: TopicPartition,
  { from, to }: { readonly from: number; readonly to: number },
  onRecords: Parameters<EventLog['read']>[2],
  signal?: AbortSignal,
): Promise<void> {
  const left = new AbortController();
  const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  const fetchAt = (offset: number): Promise<Fetch | undefined> => {
    const fetching = fetchOnce(connections, { ...place, offset }, stop);
    fetching.catch(() => undefined); // Awaited later, or not at all when the taker fails first.
    return fetching;
  };

  let offset = from;
  let behindSinceMs: number | undefined;
  let ahead = offset < to ? fetchAt(offset) : undefined;
  try {
    while (ahead) {
      const fetched = await ahead;
      stop.throwIfAborted(); // It may have been there before the signal fired.
      const isThere = fetched !== undefined && fetched.next > offset;
      const isOver = fetched !== undefined && fetched.bytes === 0 && fetched.lastStableOffset >= to;
      if (isThere || isOver) behindSinceMs = undefined;
      else refuseShort(place, to, (behindSinceMs ??= Date.now()));
      offset = isThere ? Math.min(to, fetched.next) : isOver ? to : offset;
      ahead = offset < to ? fetchAt(offset) : undefined;
      if (isThere || isOver) await onRecords(fetched.records.filter((record) => record.offset < to), offset); // prettier-ignore
    }
  } finally {
    left.abort();
  }
}

const fetchOnce = (connections: Connections, position: TopicPartition & { readonly offset: number }, signal: AbortSignal) =>
  connections.run(
    'read',
    [position.topic],
    async (cluster) => {
      const [nodeId] = positionsByLeader(cluster, [position]).keys();
      if (nodeId === undefined) throw new StreamError('LOG_UNAVAILABLE', `${position.topic} has no partition ${position.partition}`);
      const [fetched] = await fetchFrom(cluster, nodeId, [position], limits);
      return fetched;
    },
    signal,
  );

function refuseShort({ topic, partition }: TopicPartition, to: number, sinceMs: number): void {
  if (Date.now() - sinceMs < behindMsMax) return;
  const what = `${topic}/${partition} has no committed offset ${to - 1} for ${behindMsMax / 1_000} s`;
  throw new StreamError('LOG_UNAVAILABLE', `${what}: it was there before; look for a partition that lost its replicas`);
}
