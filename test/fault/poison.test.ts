// T5: records that cannot be processed, each among good ones of its own key and of others; the workers are killed meanwhile.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type RecordParked } from '@waybill/domain';
import { encodeParkedCommand, type NewRecord } from '@waybill/stream';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { feedOf, push, repositoryOf } from '../support/feed.ts';
import {
  assertCatchesUp,
  assertOracle,
  checkAudit,
  forEachRecord,
  startReader,
  type CommittedReader,
  type Verdict,
} from '../support/oracle.ts';
import { eventually, readAll } from '../support/read-log.ts';
import { failingOn, keepWorker, startWorker, untilOwning } from '../support/worker.ts';

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

const run = 'poison';
/** Repository number 7: its events make the stage throw. */
const failingSubject = repositoryOf(run, 7);

/** Each by another way of being wrong, with the key and headers of a good push. */
function poison(good: NewRecord): readonly NewRecord[] {
  const value = good.value!;
  const noise = Buffer.alloc(3_000_000, 0x5a);
  const unknownSchema = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1]);
  const otherMagic = Buffer.concat([Buffer.from([9]), value.subarray(1)]);
  const values = [otherMagic, unknownSchema, value.subarray(0, value.length - 9), null, Buffer.alloc(0), noise];
  return [...values.map((bytes) => ({ ...good, value: bytes })), { ...good, headers: {} }];
}

describe(`T5, seed ${faultSeed}`, () => {
  it('what cannot be processed is kept with its bytes, holds up its own key alone, and lets it go when it is dropped', () =>
    recorded('T5', 'poisoned records and a stage that throws; all dropped in the end', async () => {
      const stateDir = join(cluster.dir, 'state-poison');
      const reader = startReader(cluster, dedup);
      const worker = keepWorker(cluster, { stateDir, failingSubject });
      const auditor = keepWorker(cluster, { app: 'audit', stateDir: join(cluster.dir, 'state-audit'), instance: 'audit' });
      const feed = feedOf(cluster, run, randomFor('T5'));
      await feed.next(200);
      const bad = [0, 1, 2].flatMap((index) => poison(push(cluster, run, 40 + index * 5)));
      await cluster.appender.append(bad);
      await feed.next(400);
      for (let kill = 0; kill < 4; kill++) {
        await sleep(1_500);
        worker.current().signal('SIGKILL');
        await feed.next(100);
      }
      await assertCatchesUp(cluster.log, dedup);
      await assertOnlyTheirKeysWait(feed.count());
      await assertKept(bad);
      const dropped = await dropAll();
      tell('T5', `${bad.length} poisoned records, ${dropped} dropped in all, with those that make the stage throw`);
      await Promise.all([worker.stop(), auditor.stop()]);
      const verdict = await checkLast(stateDir, reader);
      await reader.close();
      await checkAudit(cluster);
      return { faults: `${dropped} parked, 4 kills`, checked: `${checkedText(verdict)}; audit verified` };
    }));
});

async function checkLast(stateDir: string, reader: CommittedReader): Promise<Verdict> {
  const last = startWorker(cluster, { stateDir, failingSubject });
  await untilOwning(last, cluster.log.partitions);
  await assertCatchesUp(cluster.log, dedup);
  assert.equal(await last.stop(), 0);
  return assertOracle(cluster, { topology: failingOn(dedup, failingSubject), stateDir, reader });
}

/** Of the 40 keys, three are poisoned and one throws: all others have arrived. */
async function assertOnlyTheirKeysWait(pushesCount: number): Promise<void> {
  const poisoned = new Set([0, 5, 10, 7].map((index) => repositoryOf(run, index)));
  const arrived = new Set<string>();
  await forEachRecord(cluster.log, topics.images, ({ headers }) => void arrived.add(headers['ce_id']!.toString()));
  for (let index = 0; index < pushesCount; index++) {
    const { headers } = push(cluster, run, index);
    if (poisoned.has(headers['ce_subject']!.toString())) continue;
    assert.ok(arrived.has(headers['ce_id']!.toString()), `push ${index}, whose key is not poisoned, has been passed on`);
  }
}

async function assertKept(bad: readonly NewRecord[]): Promise<void> {
  const parked = await parkedRecords();
  const values = parked.map(({ value }) => (value === null ? 'null' : value.toString('base64')));
  // The first of a key is parked; the ones behind it wait, and are parked in their turn.
  for (const record of [bad[0]!, bad[7]!, bad[14]!])
    assert.ok(values.includes(record.value!.toString('base64')), 'it is parked byte for byte');
}

const parkedRecords = async (): Promise<readonly RecordParked[]> => {
  const records = await readAll(cluster.log, topics.parked);
  return Promise.all(records.map(async ({ value }) => (await cluster.codec.decode(value!)).data as RecordParked));
};

/** Until nothing is held any more: what is dropped lets the next of its key be tried. @returns how many were dropped */
async function dropAll(): Promise<number> {
  const dropped = new Set<string>();
  const heldCount = async (): Promise<number> => {
    for (const { app, topic, partition, offset } of await parkedRecords()) {
      const id = `${topic}/${partition}/${offset}`;
      if (app !== dedup.group || dropped.has(id)) continue;
      dropped.add(id);
      const who = { requestedBy: 'test', reason: 'poison', requestedAtMs: Date.now(), correlationId: id };
      await cluster.appender.append([encodeParkedCommand(cluster.codec, { app, kind: 'record', id, partition, wish: 'drop', ...who })]);
    }
    const newest = new Map<string, boolean>();
    await forEachRecord(cluster.log, topics.dedupHeld, ({ key, value }) => void newest.set(key!.toString(), value !== null));
    return [...newest.values()].filter(Boolean).length;
  };
  assert.equal(await eventually(heldCount, (count) => count === 0, 180_000), 0, 'nothing is held in the end');
  return dropped.size;
}
