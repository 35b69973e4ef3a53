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
function firstOf(waiting: ReadonlySet<Item>, underWay: ReadonlySet<Item>, nowMs: number, starts: Starts): Item | undefined {
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
    return fewer !== 0 ? fewer < 0 : isOlder(a, b);
  };
  const firstBy = (isFirst: typeof isOlder, items: readonly Item[]): Item | undefined =>
    items.reduce<Item | undefined>((first, item) => (first && isFirst(first, item) ? first : item), undefined);
  if (starts.all % 10 === 9) return firstBy(isOlder, eligible);
  const first = firstBy(isBefore, eligible);
  if (first === undefined || (starts.perLane.get(laneOf(first)) ?? 0) % 10 !== 9) return first;
  return firstBy(
    isOlder,
    eligible.filter((item) => laneOf(item) === laneOf(first)),
  );
}

/** How many have begun; of a lane since it had no jobs. */
type Starts = { all: number; readonly perLane: Map<string, number> };
const laneOf = ({ job: { kind, host } }: Item): string => `${kind} ${host}`;
const isOlder = (a: Item, b: Item): boolean => (a.dueAtMs !== b.dueAtMs ? a.dueAtMs < b.dueAtMs : a.job.id < b.job.id);

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
        const starts: Starts = { all: 0, perLane: new Map() };
        const forgetEmptyLanes = (): void => {
          const lanes = new Set([...waiting, ...underWay].map(laneOf));
          for (const lane of starts.perLane.keys()) if (!lanes.has(lane)) starts.perLane.delete(lane);
        };
        const take = (): boolean => {
          forgetEmptyLanes();
          const expected = firstOf(waiting, underWay, nowMs, starts);
          assert.equal(queue.take(nowMs), expected);
          if (!expected) return false;
          starts.all += 1;
          starts.perLane.set(laneOf(expected), (starts.perLane.get(laneOf(expected)) ?? 0) + 1);
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
            else if (item && waiting.delete(item)) assert.ok(queue.delete(item));
          }
          assert.equal(queue.underWayCount, underWay.size);
          forgetEmptyLanes();
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

  it('takes the urgent first from a long backlog, and of ten starts at a host one for what is due longest', () => {
    const kinds = kindsOf({ copy: { concurrencyMax: 1, perHostMax: 1, isTimer: false } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 1, newCircuit: alwaysClosed });
    for (let index = 0; index < 1_000; index++) queue.add(itemOf(`n${index}`, { kind: 'copy', host: 'x' }, index - 2_000));
    for (let index = 0; index < 45; index++) queue.add(itemOf(`c${index}`, { kind: 'copy', host: 'x', priority: 2 }, index - 45));
    const taken = Array.from({ length: 60 }, () => {
      const item = queue.take(0)!;
      queue.release(item);
      return item.job.id;
    });
    const urgent = Array.from({ length: 45 }, (_, index) => `c${index}`);
    assert.deepEqual(
      taken.filter((id) => id.startsWith('c')),
      urgent,
      'in the order in which they are due',
    );
    assert.deepEqual(taken.filter((id) => id.startsWith('n')).slice(0, 6), ['n0', 'n1', 'n2', 'n3', 'n4', 'n5']);
    assert.equal(taken.lastIndexOf('c44'), 44 + 4, 'four others have gone before the last of them');
  });

  it('lets no flood of the urgent hold up anything for ever, at the same host or at others', () => {
    for (const host of ['x', 'y']) {
      const kinds = kindsOf({ copy: { concurrencyMax: 2, perHostMax: 1, isTimer: false } });
      const queue = new JobQueue<Item>({ kinds, jobsMax: 2, newCircuit: alwaysClosed });
      let nowMs = 0;
      const flood = (): void => {
        for (const at of ['x', 'z', 'x', 'z']) queue.add(itemOf(`urgent${(nowMs += 1)}`, { kind: 'copy', host: at, priority: 9 }, nowMs));
      };
      flood();
      const underWay = [queue.take(nowMs)!, queue.take(nowMs)!];
      const calm = ['a', 'b', 'c', 'd', 'e'];
      for (const id of calm) queue.add(itemOf(id, { kind: 'copy', host, priority: -1 }, nowMs));
      const begun: string[] = [];
      for (let starts = 0; starts < 200; starts++) {
        flood();
        queue.release(underWay.shift()!);
        const next = queue.take(nowMs)!;
        underWay.push(next);
        begun.push(next.job.id);
      }
      assert.deepEqual(begun.filter((id) => calm.includes(id)), calm, `at ${host}`); // prettier-ignore
    }
  });

  it('lets timers by, however many jobs are under way', () => {
    const kinds = kindsOf({ scan: limits.scan, alarm: { concurrencyMax: 2, perHostMax: 2, isTimer: true } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 1, newCircuit: alwaysClosed });
    for (const id of ['a', 'b']) queue.add(itemOf(id, { host: 'x' }));
    for (const id of ['t1', 't2', 't3']) queue.add(itemOf(id, { kind: 'alarm', host: 'x' }));
    const taken = Array.from({ length: 4 }, () => queue.take(0)?.job.id);
    assert.deepEqual(taken, ['a', 't1', 't2', undefined]);
  });

  it('looks at no more timers than can begin, however many are due, and gives all of them by their time', () => {
    const kinds = kindsOf({ alarm: { concurrencyMax: 3, perHostMax: 3, isTimer: true } });
    const queue = new JobQueue<Item>({ kinds, jobsMax: 1, newCircuit: alwaysClosed });
    let looks = 0;
    const counted = (item: Item): Item => ({ ...item, get dueAtMs() { looks += 1; return item.dueAtMs; } }); // prettier-ignore
    const count = 20_000;
    for (let index = 0; index < count; index++) queue.add(counted(itemOf(`t${index}`, { kind: 'alarm' }, 1 + ((index * 7_919) % count))));
    assert.equal(queue.nextAtMs, 1);
    looks = 0;
    const begun = [queue.take(count), queue.take(count), queue.take(count)];
    assert.ok(looks < 1_000, `${looks} looks`);
    assert.deepEqual([queue.take(count), queue.nextAtMs], [undefined, Infinity], 'whoever waits for a place waits for no time');
    for (let last = begun.shift(); last !== undefined; last = begun.shift()) {
      queue.release(last);
      const next = queue.take(count);
      assert.ok(next === undefined || next.dueAtMs > last.dueAtMs);
      if (next !== undefined) begun.push(next);
    }
    assert.deepEqual([queue.nextAtMs, queue.underWayCount], [Infinity, 0]);
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

  it('gets the urgent of a thousand that have waited first when it is back', async () => {
    const { clock, queue, end, fail } = setUp();
    await fail('down');
    for (let index = 0; index < 980; index++) queue.add(itemOf(`usual${index}`, { host: 'down' }, index));
    for (let index = 0; index < 20; index++) queue.add(itemOf(`urgent${index}`, { host: 'down', priority: 2 }, 1_000 + index));
    clock.ms = 2_000;
    const begun: string[] = [];
    for (let item = queue.take(clock.ms); item && begun.length < 30; item = queue.take(clock.ms)) {
      begun.push(item.job.id);
      await end(item, 'up');
    }
    assert.equal(begun[0], 'urgent0', 'it is the probe');
    assert.equal(begun.slice(0, 23).filter((id) => id.startsWith('urgent')).length, 20, begun.join(' '));
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
