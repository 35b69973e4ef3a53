import { StreamError, type TopicPartition } from '@waybill/stream';
import { errorMessage } from './error-message.ts';
import { fetchCall } from './fetch-call.ts';
import { committedRecords, type FetchResult } from './record-batch-decoder.ts';
import { send, type Cluster } from './wire.ts';
import { wireErrorType } from './wire-error.ts';

export type FetchPosition = TopicPartition & { readonly offset: number };

/** What one fetch may take. A broker goes beyond it for the first partition that has something (KIP-74). */
export type FetchLimits = { readonly maxWaitMs: number; readonly partitionBytesMax: number };
const responseBytesMax = 16 * 1_048_576;

/** `bytes` were fetched; `lastStableOffset` is the end of what is committed, taken before the bytes were read. */
export type Fetch = FetchPosition & FetchResult & { readonly bytes: number; readonly lastStableOffset: number };

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
 * @returns a result for each partition that was asked for, also where there is nothing new
 * @throws StreamError `OFFSET_EXPIRED`, and what `committedRecords` throws
 */
export async function fetchFrom(
  cluster: Cluster,
  nodeId: string,
  positions: readonly FetchPosition[],
  limits: FetchLimits,
): Promise<readonly Fetch[]> {
  const broker = await cluster.findBroker({ nodeId });
  const fetched = await send(broker, fetchCall({ ...limits, bytesMax: responseBytesMax, positions })).catch((error: unknown) => {
    throw expired(error);
  });
  return fetched.flatMap((partition) => {
    const position = positions.find((entry) => entry.topic === partition.topic && entry.partition === partition.partition);
    if (!position) return [];
    const result = committedRecords(position, position.offset, partition);
    return [{ ...position, ...result, bytes: partition.bytes.length, lastStableOffset: partition.lastStableOffset }];
  });
}

function expired(error: unknown): unknown {
  if (wireErrorType(error) !== 'OFFSET_OUT_OF_RANGE') return error;
  const what = `a position lies outside the log: retention has passed it or the topic was made anew (${errorMessage(error)})`;
  return new StreamError('OFFSET_EXPIRED', what, { cause: error });
}
