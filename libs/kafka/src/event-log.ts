import type { EventLog, FollowOptions, Offsets, TopicPartition } from '@waybill/stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOfKey, StreamError } from '@waybill/stream';
import { openConnections, type Connections, type KafkaOptions } from './connections.ts';
import { runFetchLoop } from './fetch-loop.ts';
import { joinGroup } from './group.ts';
import { readRange } from './read-range.ts';
import { coordinators, type Cluster } from './wire.ts';
import { openWriter } from './writer.ts';

export type EventLogOptions = KafkaOptions & {
  /** A topic whose partition count stands for that of all. */
  readonly countBy: string;
  readonly transactionTimeoutMs?: number;
};

/** How long a start waits for brokers that do not answer, when others do. */
const lookMsMax = 3_000;
/** New records end a wait at once. */
const followWaitMs = 1_000;
const earliest = -2;
const latest = -1;
const everything = 0;
const committedOnly = 1;

/**
 * The log over Kafka.
 * @param connections Closed with the log; those of `options` unless given
 * @throws StreamError `LOG_UNAVAILABLE` when `countBy` does not exist: the deploy step has not run; `BROKER_UNSUPPORTED`
 */
export async function createEventLog(options: EventLogOptions, connections = openConnections(options)): Promise<EventLog> {
  const partitions = await partitionCount(connections, options.countBy);

  const listOffset = (
    place: TopicPartition,
    timestamp: number,
    signal?: AbortSignal,
    isolationLevel: 0 | 1 = committedOnly,
  ): Promise<number> => {
    const ask = async (cluster: Cluster): Promise<number> => {
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(place.topic, [place.partition]));
      const broker = await cluster.findBroker({ nodeId: nodeId! });
      const { responses } = await broker.listOffsets({
        replicaId: -1,
        isolationLevel,
        topics: [{ topic: place.topic, partitions: [{ partition: place.partition, timestamp }] }],
      });
      return Number(responses[0]!.partitions[0]!.offset);
    };
    return connections.run('control', [place.topic], ask, signal);
  };
  const bounds = async (place: TopicPartition, signal?: AbortSignal) => {
    const [first, end] = await Promise.all([listOffset(place, earliest, signal), listOffset(place, latest, signal)]);
    return { first, end };
  };

  return {
    partitions,
    partitionOf: (key) => partitionOfKey(key, partitions),
    bounds,
    async offsetAt(place, timestampMs, signal) {
      const end = await listOffset(place, latest, signal); // Asked first: what comes in between is not skipped.
      const found = await listOffset(place, timestampMs, signal);
      return found < 0 ? end : found;
    },
    hasOpenTransaction: async (place, signal) =>
      (await listOffset(place, latest, signal)) < (await listOffset(place, latest, signal, everything)),
    joinGroup: async (group) =>
      joinGroup({ ...group, connections, partitionCount: partitions, firstOffset: (place) => listOffset(place, earliest) }),
    openWriter: (group, partition, signal) =>
      openWriter({ connections, group, partition, transactionTimeoutMs: options.transactionTimeoutMs ?? 30_000 }, signal),
    committed: (group, topics, partition, signal) => committedOffsets(connections, { group, topics, partition }, signal),
    read: (place, range, onRecords, signal) => readRange(connections, place, range, onRecords, signal),
    follow: (followOptions) =>
      follow(connections, partitions, bounds, followOptions).catch((error: unknown) => {
        if (!followOptions.signal.aborted) throw error;
      }),
    close: () => connections.close(),
  };
}

/** Before there is any work. Brokers that are away are looked at when they are first needed. */
async function refuseUnsupportedBrokers(cluster: Cluster): Promise<void> {
  const looked = Promise.allSettled(cluster.getNodeIds().map((nodeId) => cluster.findBroker({ nodeId })));
  for (const result of await Promise.race([looked, sleep(lookMsMax, [], { ref: false })])) {
    if (result.status === 'rejected' && result.reason instanceof StreamError) throw result.reason;
  }
}

async function partitionCount(connections: Connections, topic: string): Promise<number> {
  const deadline = AbortSignal.timeout(30_000);
  try {
    return await connections.run(
      'control',
      [topic],
      async (cluster) => {
        const count = cluster.findTopicPartitionMetadata(topic).length;
        if (count === 0) throw new StreamError('LOG_UNAVAILABLE', `topic ${topic} does not exist`);
        await refuseUnsupportedBrokers(cluster);
        return count;
      },
      deadline,
    );
  } catch (error) {
    if (deadline.aborted) {
      const message = `Kafka did not answer, or topic ${topic} does not exist: check KAFKA_BROKERS, then run \`waybill deploy\``;
      throw new StreamError('LOG_UNAVAILABLE', message, { cause: error });
    }
    throw error;
  }
}

async function committedOffsets(
  connections: Connections,
  { group, topics, partition }: { readonly group: string; readonly topics: readonly string[]; readonly partition: number },
  signal: AbortSignal | undefined,
): Promise<Offsets> {
  const ask = async (cluster: Cluster): Promise<Offsets> => {
    const broker = await connections.coordinator(cluster, coordinators.group, group);
    const { responses } = await broker.offsetFetch({
      groupId: group,
      topics: topics.map((topic) => ({ topic, partitions: [{ partition }] })),
    });
    const known = responses.map(({ topic, partitions }) => [topic, Number(partitions[0]?.offset ?? -1)] as const);
    return new Map(known.filter(([, offset]) => offset >= 0));
  };
  return connections.run('control', [], ask, signal);
}

/** Follows until the signal fires; starts again at the first offset of a partition whose position retention has passed. */
async function follow(
  connections: Connections,
  partitions: number,
  bounds: (place: TopicPartition, signal: AbortSignal) => Promise<{ first: number; end: number }>,
  options: FollowOptions,
): Promise<void> {
  const reached = new Map<string, number>();
  const keyOf = (place: TopicPartition): string => `${place.topic}/${place.partition}`;
  const places = options.topics.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
  const behind = new Map<string, number>();
  const noteCaughtUp = (key: string, next: number): void => {
    if (next < (behind.get(key) ?? 0)) return;
    if (behind.delete(key) && behind.size === 0) options.onCaughtUp?.();
  };

  const take: FollowOptions['onRecords'] = async (place, records, next) => {
    await options.onRecords(place, records, next);
    reached.set(keyOf(place), next);
    noteCaughtUp(keyOf(place), next);
  };

  for (let round = 0; !options.signal.aborted; round++) {
    const start = await Promise.all(
      places.map(async (place) => {
        const { first, end } = await bounds(place, options.signal);
        const wanted = reached.get(keyOf(place)) ?? options.from(place) ?? first;
        const isLost = wanted < first || wanted > end;
        if (isLost) options.onReset?.(place, end);
        const offset = isLost ? first : wanted;
        if ((round === 0 && offset < end) || (isLost && behind.has(keyOf(place)))) behind.set(keyOf(place), end);
        if (isLost && first === end) await take(place, [], end);
        return { ...place, offset };
      }),
    );
    if (round === 0 && behind.size === 0) options.onCaughtUp?.();
    try {
      await runFetchLoop({
        connections,
        use: 'follow',
        start,
        maxWaitMs: followWaitMs,
        signal: options.signal,
        onRecords: take,
      });
    } catch (error) {
      if (!(error instanceof StreamError && error.code === 'OFFSET_EXPIRED')) throw error;
      await sleep(1_000, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}
