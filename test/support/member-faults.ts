import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dedup } from '../../apps/dedup/src/topology.ts';
import type { FaultCluster } from './fault-cluster.ts';
import { feedOf } from './feed.ts';
import { checkAlone } from './lasting.ts';
import { assertCatchesUp, startReader, type Verdict } from './oracle.ts';
import type { Random } from './random.ts';
import { countOf } from './read-log.ts';
import { startWorker, type Worker } from './worker.ts';

const membersCount = 6;
const changeEveryMs = 2_000;

export type Storm = {
  readonly cluster: FaultCluster;
  readonly random: Random;
  readonly run: string;
  readonly stormMs: number;
  readonly onProgress: (line: string) => void;
};

/**
 * Every 2 s one of six members joins, or leaves in order, or is killed; pushes come in all the time.
 * @throws AssertionError when nothing is committed for 30 s, or when the group is not at rest soon after the storm
 */
export async function rebalanceStorm({ cluster, random, run, stormMs, onProgress }: Storm): Promise<{ changes: string; verdict: Verdict }> {
  const stateDirOf = (index: number): string => join(cluster.dir, `state-${run}-${index}`);
  const start = (index: number): Worker =>
    startWorker(cluster, { stateDir: stateDirOf(index), instance: `member-${index}`, sessionTimeoutMs: 4_000 });
  const members = new Map<number, Worker>([[0, start(0)]]);
  const feed = feedOf(cluster, run, random);
  const reader = startReader(cluster, dedup);
  const changes: string[] = [];
  const leaving: Promise<unknown>[] = [];
  const endMs = performance.now() + stormMs;
  let [committed, progressMs] = [await committedOf(cluster), performance.now()];
  while (performance.now() < endMs) {
    const index = random.below(membersCount);
    const member = members.get(index);
    if (member === undefined) {
      members.set(index, start(index));
      changes.push('join');
    } else if (members.size > 1) {
      members.delete(index);
      const isKilled = random.next() < 0.25;
      const gone = isKilled ? member.kill() : member.stop();
      changes.push(isKilled ? 'kill' : 'leave');
      leaving.push(gone);
      if (!isKilled) await gone; // Its folder is free for its next life.
    }
    for (let part = 0; part < 4; part++) {
      await feed.next(50);
      await sleep(changeEveryMs / 4);
    }
    const now = await committedOf(cluster);
    if (now > committed) progressMs = performance.now();
    assert.ok(performance.now() - progressMs < 30_000, `nothing has been committed for 30 s; so far ${countOf(changes)}`);
    committed = now;
    if (changes.length % 5 === 0) onProgress(`${countOf(changes)}; ${members.size} members; ${committed} committed`);
  }
  await Promise.all(leaving);
  await assertCatchesUp(cluster.log, dedup);
  await assertRest([...members.values()]);
  await Promise.all([...members.values()].map((member) => member.stop()));
  const verdict = await checkAlone(cluster, { stateDir: stateDirOf(0) }, reader);
  await reader.close();
  return { changes: countOf(changes), verdict };
}

/** No endless rebalance: once nobody comes or goes, nothing is assigned any more. */
async function assertRest(members: readonly Worker[]): Promise<void> {
  const assignments = (): number => members.reduce((sum, { reports }) => sum + reports.filter(({ kind }) => kind === 'assigned').length, 0);
  const deadlineMs = performance.now() + 60_000;
  for (let before = -1; before !== assignments(); await sleep(8_000)) {
    assert.ok(performance.now() < deadlineMs, 'the group comes to rest within a minute after the storm');
    before = assignments();
  }
}

async function committedOf({ log }: FaultCluster): Promise<number> {
  const [{ name }] = dedup.inputs as readonly [(typeof dedup.inputs)[number]];
  let sum = 0;
  for (let partition = 0; partition < log.partitions; partition++)
    sum += (await log.committed(dedup.group, [name], partition)).get(name) ?? 0;
  return sum;
}
