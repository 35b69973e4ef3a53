import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createCircuit, type Circuit } from './breaker.ts';
import { rowOf } from './job-pool.fixture.ts';
import { JobQueue, type KindLimits, type Queued } from './job-queue.ts';

const limits = { copy: { concurrencyMax: 3, perHostMax: 2, isTimer: false }, scan: { concurrencyMax: 2, perHostMax: 2, isTimer: false } };
const jobsMax = 4;
const kindsOf = (of: Readonly<Record<string, KindLimits>>) => new Map(Object.entries(of));

type Item = Queued & { readonly job: ReturnType<typeof rowOf> };
const itemOf = (id: string, changes: Partial<Item['job']> = {}, dueAtMs = 0): Item => ({ job: rowOf(id, changes), dueAtMs });

/** The rule in its plainest form: looks at everything, each time. */
function firstOf(waiting: ReadonlySet<Item>, underWay: ReadonlySet<Item>, nowMs: number): Item | undefined {
  const countOf = (isSame: (item: Item) => boolean): number => [...underWay].filter(isSame).length;
  const onHost = (job: Item['job']): number => countOf((other) => other.job.kind === job.kind && other.job.host === job.host);
  const eligible = [...waiting].filter(({ job, dueAtMs }) => {
    const { concurrencyMax, perHostMax } = limits[job.kind as keyof typeof limits];
    const isWithin = countOf((other) => other.job.kind === job.kind) < concurrencyMax && underWay.size < jobsMax;
    return dueAtMs <= nowMs && isWithin && (job.host === null || onHost(job) < perHostMax);
  });
  const isBefore = (a: Item, b: Item): boolean => {
    if (a.job.priority !== b.job.priority) return a.job.priority > b.job.priority;
    const fewer = onHost(a.job) - onHost(b.job);
    return fewer !== 0 ? fewer < 0 : a.dueAtMs !== b.dueAtMs ? a.dueAtMs < b.dueAtMs : a.job.id < b.job.id;
  };
  return eligible.reduce<Item | undefined>((first, item) => (first && isBefore(first, item) ? first : item), undefined);
}

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      host: fc.option(fc.constantFrom('a', 'b', 'c')),
      priority: fc.nat(1),
      kind: fc.constantFrom('copy', 'scan'),
      inMs: fc.nat(20),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(15) }) },
);

const alwaysClosed = (): Circuit => ({
  ...{ state: 'closed', openSinceMs: undefined, isFresh: true, opensAtMs: 0, enter: () => async () => undefined },
});

describe('the queue', () => {
  it('gives what the plain rule gives, whatever comes in between, and in the end everything once', () =>
    fc.assert(
      fc.property(fc.array(action, { maxLength: 150, size: 'max' }), (actions) => {
        const queue = new JobQueue<Item>({ kinds: kindsOf(limits), jobsMax, newCircuit: alwaysClosed });
        const [waiting, underWay] = [new Set<Item>(), new Set<Item>()];
        let [nowMs, idsCount] = [0, 0];
        const take = (): boolean => {
          const expected = firstOf(waiting, underWay, nowMs);
          assert.equal(queue.take(nowMs), expected);
          if (!expected) return false;
          waiting.delete(expected);
          underWay.add(expected);
          return true;
        };
        const pick = (items: ReadonlySet<Item>, number: number): Item | undefined => [...items][number % Math.max(1, items.size)];
        const release = (item: Item): void => {
          queue.release(item);
          assert.ok(underWay.delete(item));
        };
        for (const step of actions) {
          if (step.do === 'add') {
            const { kind, host, priority, inMs } = step;
            const item = itemOf(`j${(idsCount += 1)}`, { kind, host, priority }, nowMs + inMs);
            queue.add(item);
            waiting.add(item);
          } else if (step.do === 'take') take();
          else if (step.do === 'wait') nowMs += step.ms;
          else {
            const item = pick(step.do === 'release' ? underWay : waiting, step.pick);
            if (item && step.do === 'release') release(item);
            else if (item && waiting.delete(item)) queue.delete(item);
          }
          assert.equal(queue.underWayCount, underWay.size);
        }
        for (nowMs += 100; waiting.size > 0;) if (!take()) release(pick(underWay, 0)!);
        for (const item of underWay) release(item);
        assert.equal(queue.nextAtMs, Infinity);
        assert.deepEqual(queue.circuits, []);
      }),
    ));

  it('gives a host with one job its turn at the next free place, however long the backlog of another', () => {
    const kinds = kindsOf({ scan: { concurrencyMax: 4, perHostMax: 4, isTimer: false } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 4, newCircuit: alwaysClosed });
    for (let index = 0; index < 1_000; index++) queue.add(itemOf(`old${index}`, { host: 'large' }, -1_000));
    const taken = Array.from({ length: 4 }, () => queue.take(0)!);
    queue.add(itemOf('new', { host: 'small' }, 0));
    assert.equal(queue.take(0), undefined);
    queue.release(taken[0]!);
    assert.equal(queue.take(0)?.job.id, 'new');
  });

  it('lets timers by, however many jobs are under way', () => {
    const kinds = kindsOf({ scan: limits.scan, alarm: { concurrencyMax: 2, perHostMax: 2, isTimer: true } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 1, newCircuit: alwaysClosed });
    for (const id of ['a', 'b']) queue.add(itemOf(id, { host: 'x' }));
    for (const id of ['t1', 't2', 't3']) queue.add(itemOf(id, { kind: 'alarm', host: 'x' }));
    const taken = Array.from({ length: 4 }, () => queue.take(0)?.job.id);
    assert.deepEqual(taken, ['a', 't1', 't2', undefined]);
  });

  it('takes no longer for a job behind twenty thousand that must wait', () => {
    const kinds = kindsOf({ scan: { concurrencyMax: 1_000, perHostMax: 1, isTimer: false } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 1_000, newCircuit: alwaysClosed });
    let looks = 0;
    const counted = (item: Item): Item => ({ ...item, get dueAtMs() { looks += 1; return item.dueAtMs; } }); // prettier-ignore
    for (let index = 0; index < 10_000; index++) {
      queue.add(counted(itemOf(`busy${index}`, { host: 'busy' }, 1)));
      queue.add(counted(itemOf(`later${index}`, { host: 'busy' }, 1_000)));
    }
    assert.equal(queue.take(1)?.job.host, 'busy');
    looks = 0;
    for (let index = 0; index < 100; index++) {
      queue.add(itemOf(`free${index}`, { host: `free${index}` }, 1));
      assert.equal(queue.take(1)?.job.id, `free${index}`);
    }
    assert.ok(looks < 100 * 400, `${looks} looks at jobs that wait`);
  });
});

describe('a host that is down', () => {
  const setUp = () => {
    const clock = { ms: 0 };
    const kinds = kindsOf({ scan: { concurrencyMax: 9, perHostMax: 9, isTimer: false } });
    const newCircuit = (): Circuit => createCircuit({ nowMs: () => clock.ms, random: () => 1 });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 9, newCircuit });
    const end = async (item: Item, host: 'up' | 'down' | 'unknown'): Promise<void> => {
      await queue.tell(item, { host });
      queue.release(item);
    };
    const fail = async (host: string): Promise<void> => {
      const items = Array.from({ length: 5 }, (_, index) => itemOf(`${host}${index}`, { host }));
      for (const item of items) queue.add(item);
      for (const item of items.map(() => queue.take(clock.ms)!)) await end(item, 'down');
    };
    return { clock, queue, end, fail };
  };

  it('gets one job as a probe once its time has come, and the others when that comes back', async () => {
    const { clock, queue, end, fail } = setUp();
    await fail('down');
    for (const id of ['a', 'b', 'c']) queue.add(itemOf(id, { host: 'down' }));
    queue.add(itemOf('d', { host: 'other' }));
    assert.equal(queue.take(clock.ms)?.job.id, 'd');
    assert.equal(queue.take(clock.ms), undefined);
    assert.equal(queue.nextAtMs, 1_000);
    clock.ms = 1_000;
    const probe = queue.take(clock.ms)!;
    assert.equal(probe.job.id, 'a');
    assert.equal(queue.take(clock.ms), undefined);
    assert.equal(queue.nextAtMs, Infinity);
    await end(probe, 'up');
    assert.deepEqual([queue.take(clock.ms)?.job.id, queue.take(clock.ms)?.job.id], ['b', 'c']);
  });

  it('is probed by the next job where the probe was called off', async () => {
    const { clock, queue, end, fail } = setUp();
    await fail('down');
    for (const id of ['a', 'b']) queue.add(itemOf(id, { host: 'down' }));
    clock.ms = 1_000;
    await end(queue.take(clock.ms)!, 'unknown');
    assert.equal(queue.take(clock.ms)?.job.id, 'b');
  });

  it('is remembered while it has no jobs, as far as there is room', async () => {
    const { clock, queue, fail } = setUp();
    await fail('first');
    assert.deepEqual(queue.circuits, [{ kind: 'scan', host: 'first', state: 'open', openSinceMs: 0 }]);
    queue.add(itemOf('again', { host: 'first' }, 1_000_000));
    for (let index = 0; index < 1_100; index++) await fail(`h${index}-`);
    assert.equal(queue.circuits.length, 1_001, 'hosts with jobs and the newest without');
    assert.equal(queue.circuits.find(({ host }) => host === 'first')?.state, 'open');
    assert.equal(queue.take(clock.ms), undefined);
  });

  it('gets no job that was about to begin when its circuit opened', () => {
    const circuit = { ...alwaysClosed(), opensAtMs: 0 };
    const kinds = kindsOf({ scan: { concurrencyMax: 9, perHostMax: 9, isTimer: false } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 9, newCircuit: () => circuit });
    for (const id of ['a', 'b']) queue.add(itemOf(id, { host: 'down' }));
    assert.equal(queue.take(0)?.job.id, 'a');
    circuit.opensAtMs = 5_000;
    assert.equal(queue.take(0), undefined);
    assert.equal(queue.nextAtMs, 5_000);
  });

  it('is probed again in time, though the work of the last probe still goes on', async () => {
    const { clock, queue, fail } = setUp();
    await fail('down');
    for (const id of ['a', 'b']) queue.add(itemOf(id, { host: 'down' }));
    clock.ms = 1_000;
    await queue.tell(queue.take(clock.ms)!, { host: 'down' });
    assert.equal(queue.nextAtMs, 3_000);
    clock.ms = 3_000;
    assert.equal(queue.take(clock.ms)?.job.id, 'b');
  });
});
