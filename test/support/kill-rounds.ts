import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dedup } from '../../apps/dedup/src/topology.ts';
import type { FaultCluster } from './fault-cluster.ts';
import { feedOf, type Feed } from './feed.ts';
import { assertCatchesUp, assertOracle, checkAudit, startReader, type Verdict } from './oracle.ts';
import type { Random } from './random.ts';
import { pass } from './tcp-proxy.ts';
import { killPointNames, nthMaxOf, startDoomedWorker, startWorker, untilOwning, type KillAt, type KillPoint } from './worker.ts';

/** A machine that does not come back takes its disk with it. */
const lostStateChance = 0.1;

export type KillRounds = {
  readonly cluster: FaultCluster;
  readonly random: Random;
  readonly run: string;
  readonly killsCount: number;
  /** The oracle is asked after so many kills. */
  readonly killsPerOracle: number;
  readonly onProgress: (line: string) => void;
};
export type KillReport = Verdict & { readonly killed: ReadonlyMap<KillPoint, number> };

/**
 * One worker after another on the same local state, each killed at a point that the seed has chosen, while pushes come in; then one
 * that may live, and the oracle.
 */
export async function killRounds(options: KillRounds): Promise<KillReport> {
  const { cluster, random, run, killsCount, killsPerOracle, onProgress } = options;
  const stateDir = join(cluster.dir, `state-${run}`);
  const feed = feedOf(cluster, run, random);
  const reader = startReader(cluster, dedup);
  const killed = new Map<KillPoint, number>();
  let verdict: Verdict | undefined;
  for (let done = 0; done < killsCount;) {
    const points = somePoints(Math.min(killsPerOracle, killsCount - done), random);
    for (const killAt of points) {
      await killOnce(cluster, killAt, { feed, victim: { stateDir } });
      if (random.next() < lostStateChance) rmSync(stateDir, { recursive: true }); // The next one begins as the newest snapshot.
      killed.set(killAt.point, (killed.get(killAt.point) ?? 0) + 1);
    }
    done += points.length;
    verdict = await surviveAndCheck(cluster, { stateDir, reader });
    onProgress(`${done} of ${killsCount} kills, ${feed.count()} pushes, ${verdict.outputsCount} passed on: as it should be`);
  }
  await reader.close();
  return { ...verdict!, killed };
}

/** The same for the audit, whose chain the command line proves in the end. Its inputs are all event topics. */
export async function killAuditors({ cluster, random, run, killsCount, onProgress }: Omit<KillRounds, 'killsPerOracle'>): Promise<void> {
  const feed = feedOf(cluster, run, random);
  const victim = { app: 'audit', stateDir: join(cluster.dir, 'state-audit'), instance: 'audit' } as const;
  for (const killAt of somePoints(killsCount, random)) await killOnce(cluster, killAt, { feed, victim });
  await checkAudit(cluster);
  onProgress(`${killsCount} kills of the audit: its chains have no gap and no link twice`);
}

/** Each point as often as any other, in an order that the seed gives. */
const somePoints = (count: number, random: Random): readonly KillAt[] => {
  const points = shuffled(killPointNames, random);
  return Array.from({ length: count }, (_, index) => {
    const point = points[index % points.length]!;
    return { point, nth: 1 + random.below(nthMaxOf(point)) };
  });
};

type Doomed = { readonly feed: Feed; readonly victim: Parameters<typeof startDoomedWorker>[2] };

/** @throws AssertionError when the worker does not come by the point, or ends otherwise */
async function killOnce(cluster: FaultCluster, killAt: KillAt, { feed, victim }: Doomed): Promise<void> {
  await feed.next(40);
  const worker = startDoomedWorker(cluster, killAt, victim);
  const deadlineMs = performance.now() + 60_000;
  while (worker.isAlive() && performance.now() < deadlineMs) {
    await Promise.race([worker.exited, sleep(250)]);
    if (worker.isAlive()) await feed.next(15);
  }
  const isReached = !worker.isAlive();
  if (!isReached) await worker.kill();
  const said = `it said ${JSON.stringify(worker.reports.slice(-5))}, asked and heard ${worker.frames.slice(-30).join(', ')}`;
  assert.ok(isReached, `a worker comes by ${killAt.point} ${killAt.nth} times; ${said}`);
  assert.equal(await worker.exited, null, `the worker dies at ${killAt.point}, and not of itself; ${said}`);
  for (const { proxy } of cluster.brokers.all) proxy.rule = pass;
}

async function surviveAndCheck(
  cluster: FaultCluster,
  { stateDir, reader }: { readonly stateDir: string; readonly reader: ReturnType<typeof startReader> },
): Promise<Verdict> {
  const survivor = startWorker(cluster, { stateDir });
  await untilOwning(survivor, cluster.log.partitions);
  await assertCatchesUp(cluster.log, dedup);
  assert.equal(await survivor.stop(), 0, 'the last worker ends in order');
  return assertOracle(cluster, { topology: dedup, stateDir, reader });
}

const shuffled = <T>(items: readonly T[], random: Random): readonly T[] =>
  items
    .map((item) => ({ item, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
