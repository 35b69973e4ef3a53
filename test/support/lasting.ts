// What tests have in common in which several workers live through faults while pushes come in.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAppender } from '@waybill/kafka';
import { topics } from '@waybill/domain';
import { dedup } from '../../apps/dedup/src/topology.ts';
import type { FaultCluster } from './fault-cluster.ts';
import { feedOf, type Feed } from './feed.ts';
import { assertCatchesUp, assertOracle, startReader, type CommittedReader, type Verdict } from './oracle.ts';
import type { Random } from './random.ts';
import { countOf } from './read-log.ts';
import { keepWorker, startWorker, untilOwning, type KeptWorker, type WorkerOptions } from './worker.ts';

export type LastingOptions = {
  readonly cluster: FaultCluster;
  readonly random: Random;
  readonly run: string;
  /** Pushes per second that are aimed at, in small chunks. */
  readonly pushesPerSecond: number;
  /** The sender comes through the proxies too, and repeats what it is not sure of. */
  readonly isSenderDisturbed?: boolean;
  readonly workersCount: number;
  readonly worker?: Partial<WorkerOptions>;
};

export type Lasting = {
  readonly feed: Feed;
  readonly workers: readonly KeptWorker[];
  readonly stateDirOf: (index: number) => string;
  /** Waits until all that has been fed so far is committed. */
  catchUp(timeoutMs?: number): Promise<void>;
  /** Ends feeding and workers, lets one worker have everything, and asks the oracle. Overtaken ones need not catch up by themselves. */
  check(workers?: 'catch up' | 'overtaken'): Promise<Verdict>;
};

export async function startLasting(options: LastingOptions): Promise<Lasting> {
  const { cluster, random, run, pushesPerSecond, workersCount } = options;
  const brokers = options.isSenderDisturbed === true ? cluster.brokers.proxied : cluster.brokers.direct;
  const sender = await createAppender({ brokers, clientId: 'sender', countBy: topics.images.name, timeoutMs: 10_000 });
  const feed = feedOf(cluster, run, random, sender);
  const stateDirOf = (index: number): string => join(cluster.dir, `state-${run}-${index}`);
  const reader = startReader(cluster, dedup);
  const workers = Array.from({ length: workersCount }, (_, index) =>
    keepWorker(cluster, { ...options.worker, stateDir: stateDirOf(index), instance: `worker-${index}` }),
  );
  const feeding = startFeeding(feed, pushesPerSecond);
  return {
    ...{ feed, workers, stateDirOf },
    catchUp: (timeoutMs) => assertCatchesUp(cluster.log, dedup, timeoutMs),
    async check(state = 'catch up') {
      await feeding.end();
      if (state === 'catch up') await assertCatchesUp(cluster.log, dedup, 180_000);
      await Promise.all(workers.map((worker) => worker.stop()));
      await sender.close();
      const verdict = await checkAlone(cluster, { stateDir: stateDirOf(0) }, reader);
      await reader.close();
      return verdict;
    },
  };
}

/** What the workers have recovered from, and what has ended them. */
export const faultsOf = ({ workers }: Pick<Lasting, 'workers'>): string => countOf(workers.flatMap((worker) => worker.faults()));
export const crashesOf = ({ workers }: Pick<Lasting, 'workers'>): string => countOf(workers.flatMap(({ crashes }) => crashes));

/** One worker that owns everything at the end, so that one folder holds the whole state. */
export async function checkAlone(
  cluster: FaultCluster,
  worker: Partial<WorkerOptions> & Pick<WorkerOptions, 'stateDir'>,
  reader?: CommittedReader,
): Promise<Verdict> {
  const last = startWorker(cluster, { instance: 'last', ...worker });
  await untilOwning(last, cluster.log.partitions);
  await assertCatchesUp(cluster.log, dedup);
  assert.equal(await last.stop(), 0, 'the last worker ends in order');
  return assertOracle(cluster, { topology: dedup, stateDir: worker.stateDir, ...(reader && { reader }) });
}

function startFeeding(feed: Feed, pushesPerSecond: number): { end(): Promise<void> } {
  let isOver = false;
  const pauseMs = 100;
  const feeding = (async () => {
    while (!isOver) {
      await feed.next(Math.max(1, Math.round((pushesPerSecond * pauseMs) / 1_000)));
      await sleep(pauseMs);
    }
  })();
  feeding.catch(() => undefined); // Looked at when it is ended.
  return {
    async end() {
      isOver = true;
      await feeding;
    },
  };
}
