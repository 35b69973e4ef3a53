// T12: the schema registry is slow, refuses, falls silent or is away while records come whose schema nobody has met yet.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import type { NewRecord } from '@waybill/stream';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, recorded, tell } from '../support/fault-run.ts';
import { push } from '../support/feed.ts';
import { startHttpFront, type HttpTrouble } from '../support/http-front.ts';
import { checkAlone, crashesOf, faultsOf } from '../support/lasting.ts';
import { assertCatchesUp, startReader } from '../support/oracle.ts';
import { eventually, readAll } from '../support/read-log.ts';
import { keepWorker, untilOwning } from '../support/worker.ts';

const run = 'registry';
const troubles: readonly { readonly name: string; readonly trouble: HttpTrouble; readonly isKilled?: boolean }[] = [
  { name: '429', trouble: { status: 429 } },
  { name: '500, the worker killed', trouble: { status: 500 }, isKilled: true },
  { name: 'answers after 3 s', trouble: { delayMs: 3_000 } },
  { name: 'no answer', trouble: 'silence' },
  { name: 'away, the worker killed', trouble: 'hang-up', isKilled: true },
];

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

describe(`T12, seed ${faultSeed}`, () => {
  it('while the registry is not well records of a new schema wait, none is parked, and then all are taken', (test) =>
    recorded('T12', 'the schema registry, behind a front of the test', async () => {
      const front = await startHttpFront(cluster.registryUrl);
      test.after(() => front.close());
      const reader = startReader(cluster, dedup);
      const stateDir = join(cluster.dir, 'state-registry');
      const worker = keepWorker(cluster, { stateDir, registryUrl: front.url });
      await untilOwning(worker.current(), cluster.log.partitions);
      const done: string[] = [];
      for (const [round, { name, trouble, isKilled = false }] of troubles.entries()) {
        front.trouble = trouble;
        const before = front.hitsCount;
        const schemaId = await registerAnew(round);
        const pushes = Array.from({ length: 60 }, (_, index) => push(cluster, run, round * 60 + index));
        await cluster.appender.append(pushes.map((record, index) => (index % 3 === 0 ? writtenWith(schemaId, record) : record)));
        if (isKilled) worker.current().signal('SIGKILL'); // The next one has not even its own schemas.
        const isAsked = await eventually(async () => front.hitsCount > before, Boolean);
        assert.ok(isAsked, `${name}: the registry is asked`);
        await sleep(5_000);
        const hits = front.hitsCount - before;
        if (name !== 'answers after 3 s') assert.ok((await behindCount()) > 0, `${name}: the records wait`);
        front.trouble = 'none';
        await assertCatchesUp(cluster.log, dedup, 60_000);
        done.push(`${name}: ${hits} requests`);
        tell('T12', done.at(-1)!);
      }
      assert.deepEqual(await readAll(cluster.log, topics.parked), [], 'nothing is parked');
      const faults = faultsOf({ workers: [worker] });
      const crashes = crashesOf({ workers: [worker] });
      await worker.stop();
      const verdict = await checkAlone(cluster, { stateDir }, reader);
      await reader.close();
      return { faults: `${done.join(', ')}; recovered from ${faults}; worker restarts: ${crashes}`, checked: checkedText(verdict) };
    }));
});

/** Another version of the schema of a push, told apart by its documentation alone. @returns its id */
async function registerAnew(round: number): Promise<number> {
  const ask = async (path: string, body?: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const response = await fetch(`${cluster.registryUrl}${path}`, {
      headers,
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  };
  const knownId = push(cluster, run, 0).value!.readInt32BE(1);
  const { schema } = (await ask(`/schemas/ids/${knownId}`)) as { readonly schema: string };
  const known = JSON.parse(schema) as { readonly namespace: string; readonly name: string };
  const another = JSON.stringify({ ...known, doc: `As version ${round} of the test has it.` });
  const { id } = (await ask(`/subjects/${known.namespace}.${known.name}/versions`, { schema: another })) as { readonly id: number };
  assert.notEqual(id, knownId);
  return id;
}

function writtenWith(schemaId: number, record: NewRecord): NewRecord {
  const value = Buffer.from(record.value!);
  value.writeInt32BE(schemaId, 1);
  return { ...record, value };
}

/** Records of the input that have not been committed. */
async function behindCount(): Promise<number> {
  const { name: topic } = topics.imageEvents;
  let count = 0;
  for (let partition = 0; partition < cluster.log.partitions; partition++) {
    const { end } = await cluster.log.bounds({ topic, partition });
    count += end - ((await cluster.log.committed(dedup.group, [topic], partition)).get(topic) ?? 0);
  }
  return count;
}
