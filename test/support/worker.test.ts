import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { FaultCluster } from './fault-cluster.ts';
import { keepWorker, startWorker, type Worker } from './worker.ts';

let dir: string;
let stopping: AbortController;
const started: Worker[] = [];
/** With nobody at its addresses: a worker goes on asking for as long as these tests take. */
let cluster: FaultCluster;
before(() => (dir = mkdtempSync(join(tmpdir(), 'waybill-worker-'))));
after(() => rmSync(dir, { recursive: true }));
beforeEach(() => {
  stopping = new AbortController();
  const nobody = { proxied: ['127.0.0.1:1'] } as unknown as FaultCluster['brokers'];
  cluster = { dir, stopping: stopping.signal, brokers: nobody, registryUrl: 'http://127.0.0.1:1' } as FaultCluster;
  started.length = 0;
});
afterEach(() => started.forEach((worker) => worker.signal('SIGKILL')));

const start = (): Worker => {
  const worker = startWorker(cluster, { stateDir: dir });
  started.push(worker);
  return worker;
};

describe('when a cluster stops', () => {
  it('its workers are killed, also one that is frozen', async () => {
    const workers = [start(), start()];
    workers[1]!.signal('SIGSTOP');
    stopping.abort();
    assert.deepEqual(await Promise.all(workers.map(({ exited }) => exited)), [null, null]);
    assert.deepEqual(workers.map((worker) => worker.signalCode()), ['SIGKILL', 'SIGKILL']); // prettier-ignore
  });

  it('one that is kept is not started anew', async () => {
    const worker = keepWorker(cluster, { stateDir: dir });
    const first = worker.current();
    first.signal('SIGKILL');
    await first.exited;
    const second = worker.current();
    started.push(second);
    assert.notEqual(second, first);
    stopping.abort();
    await second.exited;
    assert.equal(worker.current(), second);
    assert.deepEqual(worker.crashes, ['exit null']);
  });

  it('no other one is started', () => {
    stopping.abort(new Error('stopped'));
    assert.throws(start, /stopped/);
  });
});
