import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event, Topic } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { EventLog, LogRecord } from './event-log.ts';
import { jsonCodec } from './model/json-codec.ts';
import { newActor, Scheduler } from './model/scheduler.ts';
import { asRecord } from './model/workload.ts';
import { World } from './model/world.ts';
import { partitionOfKey } from './partition-of-key.ts';
import { encodeSwap, swapOf } from './projection.ts';
import { changedFields } from './output-diff.ts';
import { findRanges, type RangeRequest } from './range-feed.ts';
import { encodeEvent } from './record.ts';
import { redeliver, refuseLarge, type Redelivery, type RedeliveryOptions } from './redelivery.ts';
import { findSandbox } from './sandbox.ts';
import type { Context, Input, Step, Topology } from './topology.ts';

const topic = (name: string, kind: Topic['kind']): Topic => ({
  ...{ name: `model.${name}.v1`, kind, records: [], key: 'key', retentionMs: -1, purpose: 'test' },
});
const [input, aside, output] = [topic('input', 'event'), topic('aside', 'event'), topic('output', 'event')];
const [counts, held, jobs] = [topic('counts', 'state'), topic('held', 'state'), topic('jobs', 'state')];
const keyOf = (id: string): string => `demo/app${Number(id.slice(1)) % 3}`;
type Occurrence = { readonly id: string; readonly key: string };

/** Counts per key and says how many; every fifth occurrence is work too. */
const counter = (change: (taken: Occurrence, count: number) => Partial<Step> = () => ({})): Topology => ({
  ...{ group: 'counter', inputs: [input, aside], stores: { counts }, outputs: [output], held, jobTopic: jobs, timers: ['bell'] },
  jobs: {
    work: { run: async () => null, concurrencyMax: 1, perHostMax: 1, timeoutMs: 20_000, attemptsMax: 9, delayMsMin: 1, delayMsMax: 1 },
  },
  rebuild: 'inputs',
  handle(taken: Input, context: Context): Step {
    if (taken.kind === 'job-done') return { emit: [said(taken.job.id, taken.job.key, -1, 'worked')] };
    if (taken.kind !== 'event') return {};
    const { id, key } = taken.event.data as unknown as Occurrence;
    const before = (context.get('counts', key, 'TagEntry') as unknown as { count: number } | undefined)?.count ?? 0;
    const schedule = Number(id.slice(1)) % 5 === 0 ? [{ id: `work-${id}`, kind: 'work', key, payload: null }] : [];
    return {
      put: [{ store: 'counts', key, row: asRecord({ count: before + 1 }) }],
      emit: [said(id, key, before + 1)],
      schedule,
      ...change({ id, key }, before + 1),
    };
  },
});
const said = (id: string, key: string, count: number, discriminator?: string) => ({
  ...{ topic: output, key, subject: id, event: asRecord({ id, count }) },
  ...(discriminator !== undefined && { discriminator }),
});

/** What is asked of the log by the run, on its way to the broker. */
function watched(log: EventLog, touched: Set<string>): EventLog {
  return {
    ...log,
    async openWriter(group, partition, signal) {
      touched.add(group);
      const writer = await log.openWriter(group, partition, signal);
      return {
        close: () => writer.close(),
        commit(transaction) {
          for (const { topic: name } of transaction.records) touched.add(name);
          return writer.commit(transaction);
        },
      };
    },
    joinGroup(options) {
      touched.add(options.group);
      return log.joinGroup(options);
    },
  };
}

/** A live counter over the model broker that has read what was fed, and runs beside it. */
class Bed {
  readonly scheduler = new Scheduler(11);
  readonly world = new World({ scheduler: this.scheduler, partitionCount: 2 }, () => counter());
  readonly touched = new Set<string>();
  readonly #clock = this.scheduler.clockOf(newActor('bed'));

  feed(id: string, to = input): void {
    const key = keyOf(id);
    const meta = { id, source: '/t', timeMs: 0, subject: key, correlationId: id, causationId: null, traceparent: null };
    const event = { ...asRecord({ id, key }), meta } as Event;
    const record = encodeEvent(jsonCodec, { topic: to, partition: partitionOfKey(key, 2), key }, event);
    this.world.broker.partition(record).append([record], this.#clock.now());
  }

  history = (name: string): readonly LogRecord[] => this.world.broker.topic(name).flatMap(({ history }) => history);

  /** Everything that is not the sandbox's, as far as a run could move it. */
  live = (): unknown =>
    [input, aside, output, counts, held, jobs].map(({ name }) => [
      ...this.world.broker.topic(name).map(({ place, end }) => [end, this.world.broker.committed('counter', place)]),
    ]);

  /** And has done what there was to do. */
  async liveHasRead(): Promise<void> {
    const { broker } = this.world;
    const hasRead = (): boolean => broker.topic(input.name).every(({ place, end }) => (broker.committed('counter', place) ?? 0) >= end);
    const hasWorked = (): boolean => {
      const rows = new Map(this.history(jobs.name).map(({ key, value }) => [key!.toString(), value]));
      return rows.values().every((row) => row === null) && broker.transactions.isQuiet();
    };
    for (let waitedMs = 0; !hasRead() || !hasWorked(); waitedMs += 250) {
      assert.ok(waitedMs < 600_000, 'the live one reads all');
      await this.#clock.sleep(250);
    }
  }

  async redeliver(
    change: Partial<RedeliveryOptions & RangeRequest> = {},
    through: (log: EventLog) => EventLog = (log) => log,
  ): Promise<Redelivery> {
    const actor = newActor('redelivery');
    const log = through(watched(this.world.logOf(actor), this.touched));
    const { from = { offset: 0 }, to, partitions, ...rest } = change;
    const ranges = await findRanges(log, [input.name, aside.name], { from, to, partitions });
    const openStore = this.world.diskOf('sandbox').openStoreOf(actor);
    const clock = this.scheduler.clockOf(actor);
    return redeliver({
      ...{ topology: counter(), sandbox: 'try', log, codec: jsonCodec, openStore, clock, ranges, state: 'empty' },
      ...rest,
    });
  }

  /** Feeds, lets the live one read, and goes on while it runs. */
  run = (ids: readonly string[], then: () => Promise<void>): Promise<void> =>
    this.scheduler.run(
      (async () => {
        for (const id of ids) this.feed(id);
        this.world.start('live');
        await this.liveHasRead();
        const before = this.live();
        await then();
        assert.deepEqual(this.live(), before, 'no live offset, topic or group has moved');
        assert.deepEqual([...this.touched].filter((name) => findSandbox(name)?.sandbox !== 'try'), []); // prettier-ignore
        this.feed('e999');
        await this.liveHasRead();
        assert.deepEqual([this.world.violations, this.world.faults.get('crash')], [[], undefined], 'the live one goes on undisturbed');
        await Promise.all(this.world.processes.filter(this.world.isAlive).map((process) => this.world.close(process)));
      })(),
      { actionsMax: 400_000, virtualMsMax: 24 * 60 * 60 * 1_000 },
    );
}

const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `e${index}`);
const countsOf = ({ outputs }: Redelivery) => outputs.map(({ topic: _topic, type: _type, ...verdicts }) => verdicts)[0];

describe('a range that is delivered again', () => {
  it('leads an unchanged app to the same events; its jobs are not run, and what came of them then is told apart', async () => {
    const bed = new Bed();
    await bed.run(ids(30), async () => {
      const result = await bed.redeliver();
      assert.deepEqual([result.inputsCount, result.parkedCount, result.wouldRun], [30, 0, { work: 6 }]);
      assert.deepEqual(countsOf(result), { same: 30, changed: 0, additional: 0, missing: 0, work: 6 });
      assert.deepEqual([result.differences, result.aheadCount], [[], 0]);
      const textOf = ({ key, value }: LogRecord): string => `${key!.toString()} ${value!.toString()}`;
      const bytes = (name: string): readonly string[] => bed.history(name).map(textOf).toSorted();
      assert.deepEqual(bytes(`${output.name}--sandbox-try`), bytes(output.name).filter((text) => !text.includes('-1'))); // prettier-ignore
      const isWritten = bed.world.broker.topic(`${counts.name}--sandbox-try`).some(({ end }) => end > 0);
      assert.ok(isWritten, 'its rows are in the sandbox');
    });
  });

  it('shows what a changed app says otherwise, no more, and in addition', async () => {
    const bed = new Bed();
    const changed = counter(({ id, key }, count) => {
      if (id === 'e3') return { emit: [said(id, key, 99)] };
      if (id === 'e4') return { emit: [] };
      return id === 'e6' ? { emit: [said(id, key, count), said(id, key, count, 'more')] } : {};
    });
    await bed.run(ids(10), async () => {
      const result = await bed.redeliver({ topology: changed });
      assert.deepEqual(countsOf(result), { same: 8, changed: 1, additional: 1, missing: 1, work: 2 });
      const shown = result.differences.map(({ verdict, subject, fields }) => [verdict, subject, fields] as const);
      assert.deepEqual(new Map(shown.map(([verdict, ...rest]) => [verdict, rest])), new Map<string, unknown>([
        ['changed', ['e3', [{ path: 'count', then: '2', now: '99' }]]],
        ['missing', ['e4', []]],
        ['additional', ['e6', []]],
      ])); // prettier-ignore
    });
  });

  it('begins with no rows, or with those that the live app has now', async () => {
    const bed = new Bed();
    await bed.run(ids(12), async () => {
      assert.equal(
        countsOf(await bed.redeliver({ sandbox: 'try', state: 'now' }))?.changed,
        12,
        'it goes on counting where the live one is',
      );
      for (const { value } of bed.history(`${counts.name}--sandbox-try`)) assert.match(value!.toString(), /"count":[5-8]/);
    });
  });

  it('is as long as it is asked for: by offsets, times, partitions and keys', async () => {
    const bed = new Bed();
    await bed.run(ids(12), async () => {
      const ofPartition = (partition: number) => bed.history(input.name).filter((record) => record.partition === partition);
      const [first] = ofPartition(1);
      const later = first!.timestampMs + 1;
      const none = await bed.redeliver({ match: 'app9' });
      assert.deepEqual([none.inputsCount, none.differences], [0, []]);
      assert.equal((await bed.redeliver({ match: 'app1' })).inputsCount, 4);
      const logs = await findRanges(bed.world.logOf(newActor('x')), [input.name], { from: { atMs: later } });
      assert.deepEqual(logs, [], 'all of it came before');
      const one = { from: { offset: 1 }, to: { offset: 3 }, partitions: [1] };
      assert.deepEqual(await findRanges(bed.world.logOf(newActor('y')), [input.name], one), [
        { topic: input.name, partition: 1, from: 1, to: 3 },
      ]);
    });
  });

  it('parks what the app cannot take in the sandbox, with what it tries to write where it may not', async () => {
    const bed = new Bed();
    const escaping = counter(({ id, key }) => (id === 'e1' ? { emit: [{ ...said(id, key, 1), topic: aside }] } : {}));
    await bed.run(ids(5), async () => {
      const { parkedCount, waitingCount, parked } = await bed.redeliver({ topology: escaping });
      assert.deepEqual([parkedCount, waitingCount, parked[0]!.code], [1, 1, 'STAGE_FAILED']);
      assert.match(parked[0]!.reason, /emits to model.aside.v1, which it does not declare/);
      assert.deepEqual([bed.history('waybill.parked.v1').length, bed.history('waybill.parked.v1--sandbox-try').length], [0, 1]);
    });
  });

  it('leaves alone the versions of the app that were ever live, which a live one would fence', async () => {
    const bed = new Bed();
    await bed.run(ids(6), async () => {
      const log = bed.world.logOf(newActor('swapper'));
      const swap = swapOf({ app: 'counter', liveVersion: 2, formerVersions: [1] }, { to: 1, changedBy: 't', reason: 't', changedAtMs: 1 });
      const record = encodeSwap(jsonCodec, log, swap);
      bed.world.broker.partition(record).append([record], 0);
      assert.equal(countsOf(await bed.redeliver())?.same, 6);
    });
  });

  it('ends when the app cannot go on, also while the log gives no answer', async () => {
    const bed = new Bed();
    const deaf = (log: EventLog): EventLog => ({
      ...log,
      async openWriter(group, partition, signal) {
        const commit = async (): Promise<never> => Promise.reject(new StreamError('RECORD_REFUSED', 'no'));
        return { ...(await log.openWriter(group, partition, signal)), commit };
      },
      read: (place, ...rest) =>
        place.topic === input.name && place.partition === 1 ? new Promise(() => undefined) : log.read(place, ...rest),
    });
    await bed.run(ids(6), async () => assert.rejects(bed.redeliver({}, deaf), { code: 'RECORD_REFUSED' }));
  });

  it('is given across topics in the order of time', async () => {
    const bed = new Bed();
    const seen: string[] = [];
    const order = counter(({ id }) => {
      seen.push(id);
      return {};
    });
    await bed.scheduler.run(
      (async () => {
        const clock = bed.scheduler.clockOf(newActor('feeder'));
        for (const [index, id] of ['e0', 'e3', 'e6', 'e9', 'e12'].entries()) {
          bed.feed(id, index % 2 === 0 ? input : aside);
          await clock.sleep(10);
        }
        assert.equal((await bed.redeliver({ topology: order })).aheadCount, 5, 'nobody has taken them live');
      })(),
      { actionsMax: 100_000, virtualMsMax: 60 * 60 * 1_000 },
    );
    assert.deepEqual(seen, ['e0', 'e3', 'e6', 'e9', 'e12']);
  });
});

describe('a range', () => {
  const log = (first: number): EventLog => ({ partitions: 2, bounds: async () => ({ first, end: 100 }) }) as unknown as EventLog;

  it('is refused where retention has removed a part of what was asked for, and for partitions that are not there', async () => {
    await assert.rejects(findRanges(log(10), ['t'], { from: { offset: 5 } }), /begins at offset 10: retention has removed 5/);
    await assert.rejects(findRanges(log(0), ['t'], { from: { offset: 5 }, partitions: [2] }), /there is no partition 2/);
  });

  it('is refused when it is longer than wanted', () => {
    const ranges = [0, 1].map((partition) => ({ topic: 't', partition, from: 0, to: 50 }));
    refuseLarge(ranges, 100);
    assert.throws(() => refuseLarge(ranges, 99), /--limit 100/);
  });
});

describe('what is shown of a difference', () => {
  it('is where, and both values, at any depth', () => {
    const then = { a: 1, b: { c: [1, 2], d: Buffer.from([10]) }, gone: true };
    const now = { a: 1, b: { c: [1, 3], d: Buffer.from([11]) }, more: null };
    assert.deepEqual(changedFields(then, now), [
      { path: 'b.c.1', then: '2', now: '3' },
      { path: 'b.d', then: '0a', now: '0b' },
      { path: 'gone', then: 'true', now: 'nothing' },
      { path: 'more', then: 'nothing', now: 'null' },
    ]);
    assert.deepEqual(changedFields(then, then), []);
  });

  it('is bounded', () => {
    const wide = (of: string) => Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, of.repeat(1_000)]));
    const shown = changedFields(wide('a'), wide('b'));
    assert.deepEqual([shown.length, shown[0]!.then.length], [10, 200]);
  });
});
