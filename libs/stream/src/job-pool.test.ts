import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from './clock.ts';
import { JobPool, type JobSink } from './job-pool.ts';
import { JobError, type JobAttempt, type JobRow, type JobSpec } from './topology.ts';
import type { JobEnd } from './work.ts';

const row = (id: string, changes: Partial<JobRow> = {}): JobRow => ({
  ...{ id, kind: 'scan', key: 'k', status: 'due', attempt: 0, priority: 0, notBeforeMs: 0, host: null, payload: '{}', lastError: null },
  ...{ causeId: 'c', correlationId: 'c', traceparent: null, createdAtMs: 0 },
  ...changes,
});

type Run = (payload: { readonly id: string }, attempt: JobAttempt) => Promise<unknown>;

function poolOf(run: Run, changes: Partial<JobSpec> = {}) {
  const spec: JobSpec = {
    run,
    concurrencyMax: 10,
    perHostMax: 10,
    timeoutMs: 1_000,
    attemptsMax: 3,
    delayMsMin: 100,
    delayMsMax: 1_000,
    ...changes,
  };
  const pool = new JobPool({ specs: { scan: spec }, clock: systemClock, random: () => 1 });
  const ends = new Map<string, JobEnd>();
  const sink: JobSink = async (job, end) => void ends.set(job.id, end);
  const owner = {};
  const set = (job: JobRow): void => pool.set(owner, job.id, { ...job, payload: JSON.stringify({ id: job.id }) }, sink);
  return { pool, ends, owner, sink, set };
}

const until = async (isTrue: () => boolean): Promise<void> => {
  for (let waited = 0; !isTrue() && waited < 2_000; waited += 5) await sleep(5);
  assert.ok(isTrue(), 'it happens within two seconds');
};

describe('due jobs', () => {
  it('run by priority, then by how long they are due, within the limit', async () => {
    const order: string[] = [];
    const { pool, set, ends } = poolOf(async ({ id }) => void order.push(id), { concurrencyMax: 1 });
    set(row('late', { notBeforeMs: 20 }));
    set(row('early', { notBeforeMs: 10 }));
    set(row('critical', { priority: 9, notBeforeMs: 30 }));
    await until(() => ends.size === 3);
    assert.deepEqual(order, ['critical', 'early', 'late']);
    pool.close();
  });

  it('wait for their time', async () => {
    const started: number[] = [];
    const { pool, set, ends } = poolOf(async () => void started.push(Date.now()));
    const dueMs = Date.now() + 80;
    set(row('a', { notBeforeMs: dueMs }));
    await until(() => ends.size === 1);
    assert.ok(started[0]! >= dueMs);
    pool.close();
  });

  it('share a host within its limit, and do not hold up another host', async () => {
    let running = 0;
    let most = 0;
    const busy: Run = async () => {
      most = Math.max(most, (running += 1));
      await sleep(10);
      running -= 1;
    };
    const { pool, set, ends } = poolOf(busy, { perHostMax: 1 });
    for (const id of ['a', 'b', 'c']) set(row(id, { host: 'one' }));
    await until(() => ends.size === 3);
    assert.equal(most, 1);
    for (const id of ['d', 'e']) set(row(id, { host: id }));
    await until(() => ends.size === 5);
    assert.equal(most, 2);
    pool.close();
  });
});

describe('the end of a run', () => {
  const endOf = async (run: Run, changes: Partial<JobSpec> = {}, job: Partial<JobRow> = {}): Promise<JobEnd> => {
    const { pool, set, ends } = poolOf(run, changes);
    set(row('a', job));
    await until(() => ends.size === 1);
    pool.close();
    return ends.get('a')!;
  };
  const failing =
    (error: Error): Run =>
    () =>
      Promise.reject(error);

  it('is its result', async () => assert.deepEqual(await endOf(async ({ id }) => ({ id })), { ok: true, result: { id: 'a' } }));

  it('is a failure to be tried again, with full jitter over a doubling bound', async () => {
    const before = Date.now();
    const end = await endOf(failing(new Error('no route')), {}, { attempt: 2 });
    assert.ok(!end.ok && !end.final && end.reason === 'no route' && end.code === 'JOB_FAILED');
    assert.ok(end.retryAtMs >= before + 400 && end.retryAtMs <= Date.now() + 400);
  });

  it('waits as long as the other side asks', async () => {
    const before = Date.now();
    const end = await endOf(failing(new JobError('TOO_MANY', 'slow down', { retry: true, retryAfterMs: 60_000 })));
    assert.ok(!end.ok && end.code === 'TOO_MANY' && end.retryAtMs >= before + 60_000);
  });

  it('is final where no try can help', async () => {
    const end = await endOf(failing(new JobError('DENIED', 'no', { retry: false })));
    assert.ok(!end.ok && end.final);
  });

  it('comes at the time limit, also from work that listens to nothing', async () => {
    const end = await endOf(() => new Promise(() => undefined), { timeoutMs: 30 });
    assert.ok(!end.ok && end.code === 'JOB_TIMEOUT' && !end.final);
  });
});

describe('a job whose row changes', () => {
  it('is aborted when it is replaced, and only the new run reports', async () => {
    const aborted: string[] = [];
    const { pool, set, ends } = poolOf(async (_payload, { signal, attempt }) => {
      if (attempt > 1) return 'new';
      await sleep(5_000, undefined, { signal }).catch(() => aborted.push('old'));
      throw new Error('aborted');
    });
    set(row('a'));
    await until(() => pool.counts().running === 1);
    set(row('a', { attempt: 1 }));
    await until(() => ends.size === 1 && aborted.length === 1);
    assert.deepEqual(ends.get('a'), { ok: true, result: 'new' });
    pool.close();
  });

  it('does not begin its new run before the aborted one has let go', async () => {
    const order: string[] = [];
    const { pool, set, ends } = poolOf(async (_payload, { attempt }) => {
      if (attempt === 1) await sleep(60); // Deaf to the signal, as a request that is already on its way.
      order.push(attempt === 1 ? 'old' : 'new');
    });
    set(row('a'));
    await until(() => pool.counts().running === 1);
    await sleep(10);
    set(row('a', { attempt: 1 }));
    await until(() => ends.size === 1);
    assert.deepEqual(order, ['old', 'new']);
    pool.close();
  });

  it('is aborted when its task moves to another process, and reports nothing', async () => {
    let isAborted = false;
    const { pool, set, ends, owner } = poolOf(async (_payload, { signal }) => {
      await sleep(5_000, undefined, { signal }).catch(() => (isAborted = true));
      throw new Error('aborted');
    });
    set(row('a'));
    await until(() => pool.counts().running === 1);
    pool.removeOwner(owner);
    await until(() => isAborted);
    await sleep(10);
    assert.equal(ends.size, 0);
    assert.deepEqual(pool.counts(), { waiting: 0, running: 0 });
    pool.close();
  });

  it('is not begun again by the same row told twice, nor by a parked one', async () => {
    let runs = 0;
    const { pool, set, ends } = poolOf(async () => (runs += 1));
    set(row('a'));
    set(row('a'));
    set(row('b', { status: 'parked' }));
    await until(() => ends.size === 1);
    await sleep(20);
    set(row('a'));
    await sleep(20);
    assert.equal(runs, 1);
    pool.close();
  });
});
