import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hourMs, manualRun, poolOf, rowOf as row, type Changes, type Run } from './job-pool.fixture.ts';
import { letGoMsMax } from './job-try.ts';
import { JobError, type JobRow } from './topology.ts';

describe('the end of a run', () => {
  const endOf = async (run: Run, changes: Changes = {}, job: Partial<JobRow> = {}) => {
    const { clock, set, ends } = poolOf(run, changes);
    const startedAtMs = clock.ms;
    set(row('a', job));
    await clock.pass(5_000);
    const end = ends.get('a')!;
    return { end, afterMs: end.ok ? 0 : end.retryAtMs - startedAtMs };
  };
  const failing =
    (error: Error): Run =>
    () =>
      Promise.reject(error);

  it('is its result', async () => {
    const { end } = await endOf(async ({ id }) => ({ id }));
    assert.deepEqual(end, { ok: true, result: { id: 'a' } });
  });

  it('is a failure to be tried again, with full jitter over a doubling bound', async () => {
    const { end, afterMs } = await endOf(failing(new Error('no route')), {}, { attempt: 2 });
    assert.ok(!end.ok && !end.final && end.reason === 'no route' && end.code === 'JOB_FAILED');
    assert.equal(afterMs, 400);
    assert.equal((await endOf(failing(new Error('no')), { pool: { random: () => 0.25 } }, { attempt: 30 })).afterMs, 250);
  });

  it('waits as long as the other side asks, with the jitter behind, but no longer than an hour', async () => {
    const asked = (retryAfterMs: number) => failing(new JobError('TOO_MANY', 'slow down', { retry: true, retryAfterMs }));
    assert.equal((await endOf(asked(60_000))).afterMs, 60_100);
    assert.equal((await endOf(asked(365 * 24 * hourMs))).afterMs, hourMs + 100);
    assert.equal((await endOf(asked(-1))).afterMs, 100);
  });

  it('is final where no try can help', async () => {
    const { end } = await endOf(failing(new JobError('DENIED', 'no', { retry: false })));
    assert.ok(!end.ok && end.final);
  });

  it('comes at the time limit, also from work that listens to nothing', async () => {
    const { end, afterMs } = await endOf(() => new Promise(() => undefined), { timeoutMs: 30 });
    assert.ok(!end.ok && end.code === 'JOB_TIMEOUT' && !end.final);
    assert.equal(afterMs, 130);
  });

  it('is a failure, and not a crash, where the work throws at once', async () => {
    const { end } = await endOf(() => {
      throw new TypeError('a fault of ours');
    });
    assert.ok(!end.ok && end.code === 'JOB_FAILED');
  });
});

describe('work that goes on after its time limit', () => {
  it('keeps its place: the other side still has it', async () => {
    const { run, begun, finish } = manualRun(true);
    const { clock, set, ends } = poolOf(run, { perHostMax: 1, timeoutMs: 100 });
    for (const id of ['deaf', 'next']) set(row(id, { host: 'h' }));
    await clock.pass(100);
    assert.deepEqual([ends.has('deaf'), begun], [true, ['deaf']]);
    finish.get('deaf')!();
    await clock.pass(0);
    assert.deepEqual(begun, ['deaf', 'next']);
  });

  it('loses it after a while, or a few such would stop the app', async () => {
    const abandoned: string[] = [];
    const { run, begun } = manualRun(true);
    const onAbandoned = ({ id }: JobRow): void => void abandoned.push(id);
    const { clock, set } = poolOf(run, { concurrencyMax: 1, timeoutMs: 100, pool: { onAbandoned } });
    for (const id of ['deaf', 'next']) set(row(id));
    await clock.pass(100 + letGoMsMax);
    assert.deepEqual([begun, abandoned], [['deaf', 'next'], ['deaf']]);
  });

  it('is not joined by the next try of the same job', async () => {
    const { run, begun, finish } = manualRun(true);
    const { clock, set } = poolOf(run, { timeoutMs: 100 });
    set(row('a'));
    await clock.pass(100);
    set(row('a', { attempt: 1 }));
    await clock.pass(1_000);
    assert.deepEqual(begun, ['a']);
    finish.get('a')!();
    await clock.pass(0);
    assert.deepEqual(begun, ['a', 'a']);
  });
});
