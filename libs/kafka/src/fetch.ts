import type { TopicPartition } from '@waybill/stream';
import { committedRecords, type FetchResult } from './committed-records.ts';
import type { Cluster } from './wire.ts';

export type FetchPosition = TopicPartition & { readonly offset: number };

/**
 * Bytes asked for per partition and request. A broker goes beyond it for the first partition that has something (KIP-74), so that
 * a longer batch waits for its partition to be first; kafkajs shuffles them.
 */
const partitionBytesMax = 1_048_576;
const responseBytesMax = 16 * 1_048_576;

/** Positions by the node that leads their partition. */
export function positionsByLeader(cluster: Cluster, positions: readonly FetchPosition[]): ReadonlyMap<string, readonly FetchPosition[]> {
  const byLeader = new Map<string, FetchPosition[]>();
  for (const position of positions) {
    const leaders = Object.keys(cluster.findLeaderForPartitions(position.topic, [position.partition]));
    for (const leader of leaders) byLeader.set(leader, [...(byLeader.get(leader) ?? []), position]);
  }
  return byLeader;
}

/**
 * One fetch of committed records from one node. Waits up to `maxWaitMs` for the first byte.
 * @returns a result for each partition that has something to show or to skip
 */
export async function fetchFrom(
  cluster: Cluster,
  nodeId: string,
  positions: readonly FetchPosition[],
  maxWaitMs: number,
): Promise<readonly (FetchPosition & FetchResult)[]> {
  const broker = await cluster.findBroker({ nodeId });
  const topics = Map.groupBy(positions, (position) => position.topic);
  const response = await broker.fetch({
    replicaId: -1,
    isolationLevel: 1,
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes: responseBytesMax,
    topics: [...topics].map(([topic, entries]) => ({
      topic,
      partitions: entries.map(({ partition, offset }) => ({ partition, fetchOffset: offset, maxBytes: partitionBytesMax })),
    })),
  });
  const results: (FetchPosition & FetchResult)[] = [];
  for (const { topicName, partitions } of response.responses) {
    for (const fetched of partitions) {
      const position = topics.get(topicName)?.find((entry) => entry.partition === fetched.partition);
      if (!position) continue;
      const result = committedRecords({ topic: topicName, partition: fetched.partition }, position.offset, fetched);
      if (result.next > position.offset) results.push({ ...position, ...result });
    }
  }
  return results;
}
