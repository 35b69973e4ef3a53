import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hourMs, manualRun, poolOf, rowOf as row, settled, type Run } from './job-pool.fixture.ts';
import type { JobSink } from './job-pool.ts';
import { JobError } from './topology.ts';

describe('due jobs', () => {
  it('run by priority, then by how long they are due, within the limit', async () => {
    const order: string[] = [];
    const { clock, set } = poolOf(async ({ id }) => void order.push(id), { concurrencyMax: 1 });
    set(row('late', { notBeforeMs: 20 }));
    set(row('early', { notBeforeMs: 10 }));
    set(row('critical', { priority: 9, notBeforeMs: 30 }));
    await clock.pass(0);
    assert.deepEqual(order, ['critical', 'early', 'late']);
  });

  it('share the limit of the process with all other kinds', async () => {
    const { run, begun, finish } = manualRun();
    const spec = { run, concurrencyMax: 9, perHostMax: 9, timeoutMs: 999, attemptsMax: 1, delayMsMin: 1, delayMsMax: 1 };
    const { clock, set } = poolOf(run, { pool: { specs: { scan: spec, copy: spec }, jobsMax: 3 } });
    for (const id of ['a', 'b']) set(row(id));
    for (const id of ['c', 'd']) set(row(id, { kind: 'copy' }));
    await clock.pass(0);
    assert.equal(begun.length, 3);
    finish.get(begun[0]!)!();
    await clock.pass(0);
    assert.equal(begun.length, 4);
  });

  it('wait for their time, and do not wait longer', async () => {
    const { clock, set, times } = poolOf(async () => null);
    const createdAtMs = clock.ms;
    for (const delayMs of [80, 26 * 24 * hourMs]) set(row(`${delayMs}`, { createdAtMs, notBeforeMs: createdAtMs + delayMs }));
    await clock.pass(79);
    assert.equal(times.size, 0);
    await clock.pass(1);
    assert.deepEqual([...times.keys()], ['80']);
    await clock.pass(25 * 24 * hourMs); // More than the 2^31 ms that a timer can take.
    assert.equal(times.size, 1);
    await clock.pass(24 * hourMs);
    assert.equal(times.get(`${26 * 24 * hourMs}`), createdAtMs + 26 * 24 * hourMs);
  });

  it('of a kind that another version of the app has left are kept, and not run', async () => {
    const { clock, set, pool, ends } = poolOf(async () => null);
    set(row('a', { kind: 'unheard-of' }));
    await clock.pass(hourMs);
    assert.deepEqual([pool.counts().waiting, ends.size], [1, 0]);
  });
});

describe('a clock that is set', () => {
  const setUp = () => {
    const { clock, set, ends, ...rest } = poolOf(async () => null);
    const createdAtMs = clock.ms;
    set(row('soon', { createdAtMs, notBeforeMs: createdAtMs + 5_000 }));
    set(row('later', { createdAtMs, notBeforeMs: createdAtMs + 2 * hourMs }));
    return { clock, set, ends, ...rest };
  };

  it('back makes nothing wait that was due soon', async () => {
    const { clock, ends } = setUp();
    await clock.pass(1_000);
    clock.ms -= hourMs;
    await clock.pass(4_000);
    assert.deepEqual([...ends.keys()], ['soon']);
  });

  it('forward makes due what is due by it, a minute later at most', async () => {
    const { clock, ends } = setUp();
    await clock.pass(1_000);
    clock.ms += 3 * hourMs;
    await clock.pass(60_000);
    assert.deepEqual([...ends.keys()], ['soon', 'later']);
  });

  it('back before a restart makes no job wait longer than was asked for', async () => {
    const { clock, set, ends } = poolOf(async () => null);
    const writtenAtMs = clock.ms + hourMs;
    set(row('at-once', { createdAtMs: writtenAtMs, notBeforeMs: writtenAtMs }));
    set(row('in-5-s', { createdAtMs: writtenAtMs, notBeforeMs: writtenAtMs + 5_000 }));
    set(row('retry', { createdAtMs: 0, attempt: 1, notBeforeMs: writtenAtMs + 9 * hourMs }));
    await clock.pass(0);
    assert.deepEqual([...ends.keys()], ['at-once']);
    await clock.pass(5_000);
    assert.deepEqual([...ends.keys()], ['at-once', 'in-5-s']);
    await clock.pass(hourMs);
    assert.equal(ends.size, 3, 'no try is put off for longer than a Retry-After may be');
  });
});

describe('jobs of a host that is down', () => {
  const isDown = { retry: true, hostDown: 'h' };

  it('wait without using up their tries, until a probe gets through', async () => {
    const tried: string[] = [];
    let isUp = false;
    const run: Run = async ({ id }) => {
      tried.push(id);
      if (!isUp) throw new JobError('REFUSED', 'no', isDown);
    };
    const { clock, pool, set, ends } = poolOf(run, { concurrencyMax: 5 });
    for (let index = 0; index < 50; index++) set(row(`j${index}`, { host: 'h', notBeforeMs: index }));
    await clock.pass(999);
    assert.equal(tried.length, 5, 'five in a row open the circuit');
    assert.deepEqual(pool.circuits(), [{ kind: 'scan', host: 'h', state: 'open', openSinceMs: clock.ms - 999 }]);
    clock.ms -= 3_600_000;
    assert.equal(pool.circuits()[0]?.openSinceMs, clock.ms - 999, 'as long ago as before the clock was set');
    await clock.pass(1);
    assert.equal(tried.length, 6, 'one probe after a second');
    isUp = true;
    await clock.pass(2_000);
    assert.equal(ends.size, 50);
    assert.equal([...ends.values()].filter(({ ok }) => ok).length, 44);
  });

  it('are not told apart by failures that say nothing of the host', async () => {
    const errors = [
      new JobError('NOT_FOUND', 'no', { retry: false }),
      new JobError('REFUSED', 'another host', { retry: true, hostDown: 'elsewhere' }),
      new Error('a fault of ours'),
    ];
    for (const error of errors) {
      const { clock, set, ends } = poolOf(() => Promise.reject(error), { concurrencyMax: 1 });
      for (let index = 0; index < 50; index++) set(row(`j${index}`, { host: 'h' }));
      await clock.pass(0);
      assert.equal(ends.size, 50, error.message);
    }
  });

  it('wait also where it does not answer at all', async () => {
    const { run, begun } = manualRun();
    const { clock, pool, set } = poolOf(run, { concurrencyMax: 5, timeoutMs: 100 });
    for (let index = 0; index < 50; index++) set(row(`j${index}`, { host: 'h' }));
    await clock.pass(1_000);
    assert.deepEqual([begun.length, pool.circuits()[0]?.state], [9, 'open'], 'four have begun by the fifth time-out');
  });

  it('hold up no other host', async () => {
    const run: Run = async ({ id }) => {
      if (id.startsWith('h')) throw new JobError('REFUSED', 'no', isDown);
    };
    const { clock, set, ends } = poolOf(run, { concurrencyMax: 1 });
    for (let index = 0; index < 20; index++) {
      set(row(`h${index}`, { host: 'h' }));
      set(row(`g${index}`, { host: 'g' }));
    }
    await clock.pass(0);
    assert.equal([...ends.keys()].filter((id) => id.startsWith('g')).length, 20);
    assert.equal(ends.size, 25);
  });
});

describe('a timer', () => {
  it('is handed back once it is due, and takes no place from jobs', async () => {
    const { run, begun } = manualRun();
    const { clock, set, ends, times } = poolOf(run, { concurrencyMax: 1, pool: { timers: ['alarm'], jobsMax: 1 } });
    const createdAtMs = clock.ms;
    set(row('job'));
    for (const id of ['t1', 't2']) set(row(id, { kind: 'alarm', createdAtMs, notBeforeMs: createdAtMs + 500 }));
    await clock.pass(499);
    assert.equal(ends.size, 0);
    await clock.pass(1);
    assert.deepEqual([...ends.keys()], ['t1', 't2']);
    assert.equal(times.get('t1'), createdAtMs + 500);
    assert.deepEqual(begun, ['job']);
  });

  it('never says that it is earlier than was asked for', async () => {
    const { clock, set, times } = poolOf(async () => null, { pool: { timers: ['alarm'] } });
    const createdAtMs = clock.ms;
    set(row('t', { kind: 'alarm', createdAtMs, notBeforeMs: createdAtMs + 500 }));
    clock.ms -= hourMs;
    await clock.pass(500);
    assert.equal(times.get('t'), createdAtMs + 500);
  });

  it('waits while a thousand others are being committed', async () => {
    const { clock, pool, owner } = poolOf(async () => null, { pool: { timers: ['alarm'] } });
    const commits: (() => void)[] = [];
    const slow: JobSink = () => new Promise((resolve) => commits.push(resolve));
    for (let index = 0; index < 3_000; index++) pool.set(owner, `t${index}`, row(`t${index}`, { kind: 'alarm' }), slow);
    await clock.pass(0);
    assert.equal(commits.length, 1_000);
    for (const commit of commits.splice(0)) commit();
    await clock.pass(0);
    assert.equal(commits.length, 1_000);
  });
});

describe('a job whose row changes', () => {
  it('is aborted when it is replaced, and only the new run reports', async () => {
    const { run, begun, finish } = manualRun();
    const { clock, set, ends, outcomes } = poolOf(run);
    set(row('a'));
    await clock.pass(0);
    set(row('a', { causeId: 'newer' }));
    await clock.pass(0);
    assert.deepEqual([begun, outcomes, ends.size], [['a', 'a'], ['aborted'], 0]);
    finish.get('a')!();
    await clock.pass(0);
    assert.deepEqual(ends.get('a'), { ok: true, result: 'a' });
  });

  it('goes on when it becomes more urgent, and goes first where it still waits', async () => {
    const { run, begun, finish } = manualRun();
    const { clock, set, outcomes } = poolOf(run, { concurrencyMax: 1 });
    for (const id of ['running', 'next', 'last']) set(row(id, { notBeforeMs: ['running', 'next', 'last'].indexOf(id) }));
    await clock.pass(0);
    for (const id of ['running', 'last']) set(row(id, { priority: 9, notBeforeMs: ['running', 'next', 'last'].indexOf(id) }));
    await clock.pass(0);
    assert.deepEqual([begun, outcomes], [['running'], []]);
    for (const id of ['running', 'last']) {
      finish.get(id)!();
      await clock.pass(0);
    }
    assert.deepEqual(
      [begun, outcomes],
      [
        ['running', 'last', 'next'],
        ['done', 'done'],
      ],
    );
  });

  it('becomes more urgent while it waits for what it replaces to let go, and still runs once', async () => {
    const { run, begun, finish } = manualRun(true);
    const { clock, set } = poolOf(run);
    set(row('a'));
    await clock.pass(0);
    const letGo = finish.get('a')!;
    set(row('a', { causeId: 'newer' }));
    set(row('a', { causeId: 'newer', priority: 9 }));
    await clock.pass(0);
    assert.deepEqual(begun, ['a']);
    letGo();
    await clock.pass(0);
    assert.deepEqual(begun, ['a', 'a']);
  });

  it('does not run at all when it is cancelled before it is due', async () => {
    const { run, begun } = manualRun();
    const { clock, pool, set, owner, sink } = poolOf(run);
    const createdAtMs = clock.ms;
    for (const id of ['a', 'b']) set(row(id, { createdAtMs, notBeforeMs: createdAtMs + 500 }));
    pool.set(owner, 'a', null, sink);
    set(row('b', { createdAtMs, notBeforeMs: createdAtMs + 900, causeId: 'newer' }));
    await clock.pass(899);
    assert.deepEqual(begun, []);
    await clock.pass(1);
    assert.deepEqual(begun, ['b']);
  });

  it('does not begin its new run before the aborted one has let go', async () => {
    const { run, begun, finish } = manualRun(true); // As a request that is already on its way.
    const { clock, set } = poolOf(run);
    set(row('a'));
    await clock.pass(0);
    set(row('a', { causeId: 'newer' }));
    await clock.pass(60);
    assert.deepEqual(begun, ['a']);
    finish.get('a')!();
    await clock.pass(0);
    assert.deepEqual(begun, ['a', 'a']);
  });

  it('does not begin its new run at all when that is cancelled meanwhile', async () => {
    const { run, begun, finish } = manualRun(true);
    const { clock, pool, set, owner, sink } = poolOf(run);
    set(row('a'));
    await clock.pass(0);
    set(row('a', { causeId: 'newer' }));
    await clock.pass(0);
    pool.set(owner, 'a', null, sink);
    finish.get('a')!();
    await clock.pass(0);
    assert.deepEqual(begun, ['a']);
  });

  it('is aborted when its task moves to another process, and reports nothing', async () => {
    const { clock, pool, owner, set, ends, outcomes } = poolOf(manualRun().run);
    set(row('a'));
    await clock.pass(0);
    pool.removeOwner(owner);
    await clock.pass(hourMs);
    assert.deepEqual([outcomes, ends.size], [['aborted'], 0]);
    assert.deepEqual(pool.counts(), { waiting: 0, running: 0 });
  });

  it('is not begun again by the same row told twice, nor by a parked one', async () => {
    let runs = 0;
    const { clock, set } = poolOf(async () => (runs += 1));
    set(row('a'));
    set(row('a'));
    set(row('b', { status: 'parked' }));
    await clock.pass(0);
    set(row('a'));
    await clock.pass(0);
    assert.equal(runs, 1);
  });

  it('leaves no timer behind once it has ended', async () => {
    const { clock, pool, owner, set, sink } = poolOf(async () => null);
    set(row('a'));
    await clock.pass(0);
    pool.set(owner, 'a', null, sink);
    await settled();
    assert.equal(clock.waitingCount, 0);
  });
});

describe('whatever happens to them, jobs', () => {
  const job = fc.record({
    host: fc.option(fc.constantFrom('a', 'b', 'c')),
    priority: fc.nat(2),
    delayMs: fc.nat(300),
    workMs: fc.nat(400), // Longer than the time limit, too.
    behaves: fc.constantFrom('well', 'well', 'fails', 'deaf'),
    cancelAtMs: fc.option(fc.nat(600), { freq: 8 }),
  });

  it('keep to the limits, and each ends once or is called off', () =>
    fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 40, size: 'max' }), async (jobs) => {
        const limits = { concurrencyMax: 4, perHostMax: 2, timeoutMs: 250 };
        const alive = new Map<string, number>();
        const count = (host: string | null, change: number): void => {
          for (const name of ['all', ...(host === null ? [] : [host])]) {
            const now = (alive.get(name) ?? 0) + change;
            alive.set(name, now);
            assert.ok(now <= (name === 'all' ? 4 : 2), `${now} of ${name} at a time`);
          }
        };
        const run: Run = async ({ id }, { signal }) => {
          const { host, workMs, behaves } = jobs[Number(id)]!;
          count(host, 1);
          try {
            await clock.sleep(workMs, behaves === 'deaf' ? undefined : signal);
            if (behaves === 'fails') throw new JobError('REFUSED', 'no', { retry: true, hostDown: host ?? 'none' });
          } finally {
            count(host, -1);
          }
        };
        const { clock, pool, owner, ends, outcomes } = poolOf(run, limits);
        const toldTwice: string[] = [];
        const createdAtMs = clock.ms;
        const sink: JobSink = async ({ id }, end) => {
          if (ends.has(id)) toldTwice.push(id);
          ends.set(id, end);
          pool.set(owner, id, null, sink);
        };
        jobs.forEach(({ host, priority, delayMs, cancelAtMs }, index) => {
          const id = `${index}`;
          const notBeforeMs = createdAtMs + delayMs;
          pool.set(owner, id, row(id, { host, priority, createdAtMs, notBeforeMs, payload: JSON.stringify({ id }) }), sink);
          if (cancelAtMs !== null) clock.after(cancelAtMs, () => pool.set(owner, id, null, sink));
        });
        await clock.pass(24 * hourMs);
        assert.deepEqual(toldTwice, []);
        assert.deepEqual(pool.counts(), { waiting: 0, running: 0 });
        const silent = jobs.flatMap(({ cancelAtMs }, index) => (ends.has(`${index}`) || cancelAtMs !== null ? [] : [index]));
        assert.deepEqual(silent, []);
        assert.equal(outcomes.filter((outcome) => outcome !== 'aborted').length, ends.size);
        assert.equal(alive.get('all') ?? 0, 0);
      }),
      { numRuns: 60 },
    ));
});
