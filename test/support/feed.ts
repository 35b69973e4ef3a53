// What the fault tests feed: pushes that move tags, each named by its number, some delivered more than once.
import { deterministicId, repositoryKey, topics, type ImagePushed } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { encodeEvent, type NewRecord } from '@waybill/stream';
import type { FaultCluster } from './fault-cluster.ts';
import type { Random } from './random.ts';

const repositoriesCount = 40;
/** The repository of a run's pushes `index`, `index` + 40 and so on; the subject of their events. */
export const repositoryOf = (run: string, index: number): string => `${run}/app${index % repositoriesCount}`;

/** Push number `index` of a run. A repository has three tags; every 20th push tells of an older moment. */
export function push({ codec, appender }: Pick<FaultCluster, 'codec' | 'appender'>, run: string, index: number): NewRecord {
  const repository = repositoryOf(run, index);
  const occurredAtMs = index % 20 === 7 ? index - 200 : index;
  const data: ImagePushed = {
    ...{ registry: 'registry.test', repository, tags: [`t${index % 3}`], digest: `sha256:${String(index % 5_000).padStart(64, '0')}` },
    ...{ ...unsaid, sizeBytes: 1, occurredAtMs, receivedAtMs: index, source: 'test', endpoint: 'test' },
  };
  const id = deterministicId(run, index);
  const meta = { id, source: '/test', timeMs: index, subject: repository, correlationId: id, causationId: null, traceparent: null };
  const key = repositoryKey(data);
  return encodeEvent(codec, { topic: topics.imageEvents, partition: appender.partitionOf(key), key }, { type: 'ImagePushed', data, meta });
}

export type Feed = {
  /** Numbers given so far: pushes 0 to count - 1 are in the log, or are being tried. */
  count(): number;
  /** Appends the next ones, and some earlier ones again; tried until the log has them. @throws Error when the cluster stops before */
  next(pushesCount: number): Promise<void>;
};

/** Deliveries of one run through an appender, in order. */
export function feedOf(cluster: FaultCluster, run: string, random: Random, appender = cluster.appender): Feed {
  let count = 0;
  return {
    count: () => count,
    async next(pushesCount) {
      const records = Array.from({ length: pushesCount }, (_, offset) => push(cluster, run, count + offset));
      const repeated = Array.from({ length: Math.ceil(pushesCount / 4) }, () => push(cluster, run, random.below(count + pushesCount)));
      count += pushesCount;
      for (;;) {
        try {
          return await appender.append([...records, ...repeated]);
        } catch {
          cluster.stopping.throwIfAborted();
          // A sender keeps what was not acknowledged, and delivers it again.
        }
      }
    },
  };
}
