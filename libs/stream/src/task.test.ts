import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type TypedRecord } from '@waybill/domain';
import { systemClock, type Clock } from './clock.ts';
import { StreamError } from './errors.ts';
import type { EventLog, LogRecord, NewRecord, Writer } from './event-log.ts';
import { JobPool } from './job-pool.ts';
import { MemoryLog, MemoryStore, seen } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import { Task, type TaskOptions } from './task.ts';
import { isEvent, type Topology } from './topology.ts';

const clockAt = (nowMs: number): Clock => ({ ...systemClock, now: () => nowMs });
const input = topics.scanRequests.name;
const output = topics.scans.name;
const spec = { run: async () => null, concurrencyMax: 9, perHostMax: 9, timeoutMs: 999, attemptsMax: 3, delayMsMin: 1, delayMsMax: 1 };

const failed = (digest: string): TypedRecord =>
  ({ type: 'ScanFailed', data: { registry: 'r', repository: 'a', digest } }) as unknown as TypedRecord;

/** Passes every request on as one event keyed by its digest. */
const passOn: Topology['handle'] = (taken) => {
  if (!isEvent(taken, 'ScanRequested')) return {};
  const { digest } = taken.event.data;
  return { emit: [{ topic: topics.scans, key: digest, subject: digest, event: failed(digest) }] };
};

const topologyOf = (handle: Topology['handle']): Topology => ({
  group: 'scanner',
  inputs: [topics.scanRequests],
  stores: { marks: seen },
  outputs: [topics.scans],
  held: topics.scannerHeld,
  jobTopic: topics.scannerJobs,
  jobs: { scan: spec },
  handle,
});

function request(offset: number): NewRecord & LogRecord & { key: never } {
  const digest = `d${offset}`;
  const event = { type: 'ScanRequested' as const, data: { registry: 'r', repository: 'a', digest, imageDigest: digest } };
  const ids = { id: `e${offset}`, source: '/t', timeMs: 1_000, subject: 's', correlationId: 'c', causationId: null, traceparent: null };
  const headers = eventHeaders({ ...event, meta: ids });
  const place = { topic: input, partition: 0, offset, timestampMs: 1_000 };
  return { ...place, key: Buffer.from(digest) as never, value: jsonCodec.encode(event), headers };
}
const requests = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => request(from + index));
const digests = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `d${from + index}`);

const pools: JobPool[] = [];
afterEach(() => pools.splice(0).forEach((pool) => pool.close()));

type Overrides = Partial<TaskOptions> & { readonly handle?: Topology['handle'] };

function optionsOf(log: EventLog, { handle = passOn, ...overrides }: Overrides = {}): TaskOptions {
  const pool = new JobPool({ specs: { scan: spec }, clock: clockAt(5_000), random: () => 0 });
  pools.push(pool);
  const hooks = { onCommit: () => undefined, onFault: () => undefined, onBroken: (error: Error) => assert.fail(error) };
  const ports = { log, codec: jsonCodec, store: new MemoryStore(), pool, membership: { verify: async () => undefined } };
  return { topology: topologyOf(handle), ...ports, partition: 0, table: () => [], clock: clockAt(5_000), ...hooks, ...overrides };
}

/** The model; the commit of this number happens, but its answer is lost. */
function withLostAnswer(log: MemoryLog, number: number): EventLog {
  let count = 0;
  const commitOf = (writer: Writer): Writer['commit'] => async (transaction) => {
    const written = await writer.commit(transaction);
    if (++count === number) throw new StreamError('COMMIT_UNCERTAIN', 'no answer');
    return written;
  }; // prettier-ignore
  return log.port({
    openWriter: async () => {
      const writer = log.openWriter();
      return { ...writer, commit: commitOf(writer) };
    },
  });
}

const digestOf = (taken: Parameters<Topology['handle']>[0]): string => (isEvent(taken, 'ScanRequested') ? taken.event.data.digest : '');

describe('a task that was overtaken', () => {
  it('takes nothing again that another has committed meanwhile', async () => {
    const log = new MemoryLog();
    const task = await Task.open(optionsOf(log.port()));
    await task.takeRecords(requests(0, 3));
    const successor = await Task.open(optionsOf(log.port()));
    await successor.takeRecords(requests(3, 9));
    // The task does not know it yet: its fetches go on from where they stood.
    await task.takeRecords(requests(3, 5));
    await task.takeRecords(requests(5, 11));
    assert.deepEqual(log.keys(output), digests(0, 11));
    await task.close();
  });

  it('lives on when it is told of its new membership while it asks by the old one', async () => {
    const log = new MemoryLog();
    const old = { verify: async () => {
      task.membership = { verify: async () => undefined };
      throw new StreamError('FENCED', 'another generation');
    } }; // prettier-ignore
    const task = await Task.open(optionsOf(log.port(), { membership: old }));
    log.openWriter(); // As the broker does when a transaction takes too long.
    await task.takeRecords(requests(0, 2));
    assert.deepEqual(log.keys(output), digests(0, 2));
    await task.close();
  });

  it('says that it is fenced, also when what it met first was a lost answer', async () => {
    const log = new MemoryLog();
    const gone = { verify: async () => Promise.reject(new StreamError('FENCED', 'the group has moved on')) };
    const task = await Task.open(optionsOf(withLostAnswer(log, 1), { membership: gone }));
    await assert.rejects(task.takeRecords(requests(0, 1)), { code: 'FENCED' });
    assert.ok(task.isClosed);
    await task.close();
  });
});

describe('what is too much for one transaction', () => {
  it('is done in the next ones, once and in order', async () => {
    const log = new MemoryLog();
    const commits: number[] = [];
    const onCommit: TaskOptions['onCommit'] = (_draft, _ms, inputs) => void commits.push(inputs.get(input) ?? 0);
    const handle: Topology['handle'] = (taken, context) => {
      const row = { type: 'SeenMark' as const, data: { eventId: 'x'.repeat(3_000_000), seenAtMs: 1 } };
      return { ...passOn(taken, context), put: [{ store: 'marks', key: digestOf(taken), row }] };
    };
    const task = await Task.open(optionsOf(log.port(), { handle, onCommit }));
    await task.takeRecords(requests(0, 7));
    assert.deepEqual(commits, [3, 3, 1]);
    assert.deepEqual(log.keys(output), digests(0, 7));
    await task.close();
  });
});

describe('a work that arrives while a transaction settles', () => {
  it('is not forgotten', async () => {
    // One of these turns falls between the last look at the inbox and the end of the run.
    for (let hops = 0; hops < 8; hops++) {
      const log = new MemoryLog();
      const late = Promise.withResolvers<void>();
      const after = (turns: number): void => {
        if (turns > 0) queueMicrotask(() => after(turns - 1));
        else task.takeRecords(requests(1, 2)).then(late.resolve, late.reject);
      };
      let commits = 0;
      const onCommit = (): void => void (commits++ === 0 && after(hops));
      const task = await Task.open(optionsOf(log.port(), { onCommit }));
      await task.takeRecords(requests(0, 1));
      await Promise.race([late.promise, sleep(200)]);
      assert.deepEqual(log.keys(output), digests(0, 2), `after ${hops} turns`);
      await task.close();
    }
  });
});

const inAnHour = 5_000 + 3_600_000;
const job = { id: 'j', kind: 'scan', key: 'k', payload: null, notBeforeMs: inAnHour };

describe('a job', () => {
  it('that was cancelled by a transaction without an answer is not run', async () => {
    const log = new MemoryLog();
    const handle: Topology['handle'] = (taken) => (digestOf(taken) === 'd0' ? { schedule: [job] } : { cancel: ['j'] });
    const options = optionsOf(withLostAnswer(log, 2), { handle });
    const task = await Task.open(options);
    await task.takeRecords(requests(0, 1));
    assert.equal(options.pool.counts().waiting, 1);
    await task.takeRecords(requests(1, 2));
    assert.equal(options.pool.counts().waiting, 0);
    await task.close();
  });

  it('that ended in a transaction without an answer is told once, and forgotten', async () => {
    const log = new MemoryLog();
    const handle: Topology['handle'] = (taken) => {
      if (taken.kind !== 'job-done') return { schedule: [{ ...job, notBeforeMs: 0 }] };
      return { emit: [{ topic: topics.scans, key: 'done', subject: 's', event: failed('done') }] };
    };
    const options = optionsOf(withLostAnswer(log, 2), { handle });
    const task = await Task.open(options);
    await task.takeRecords(requests(0, 1));
    const isKnown = () => options.pool.counts().waiting + options.pool.counts().running > 0;
    for (let tries = 0; tries < 50 && isKnown(); tries++) await sleep(20);
    assert.deepEqual(options.pool.counts(), { waiting: 0, running: 0 });
    assert.deepEqual(log.keys(output), ['done']);
    await task.close();
  });

  it('that ended long ago does not run again where the local store was left alone', async () => {
    const log = new MemoryLog();
    const handle: Topology['handle'] = (taken) => (digestOf(taken) === 'd0' ? { schedule: [job] } : { cancel: ['j'] });
    const left = new MemoryStore();
    const before = await Task.open(optionsOf(log.port(), { handle, store: left }));
    await before.takeRecords(requests(0, 1));
    await before.close();
    const elsewhere = await Task.open(optionsOf(log.port(), { handle }));
    await elsewhere.takeRecords(requests(1, 2));
    await elsewhere.close();
    log.compact(topics.scannerJobs.name); // The row is gone, and so is the tombstone that told of it.

    const dayLater = optionsOf(log.port(), { handle, store: left, clock: clockAt(5_000 + 24 * 3_600_000) });
    const back = await Task.open(dayLater);
    assert.deepEqual(dayLater.pool.counts(), { waiting: 0, running: 0 });
    assert.equal(left.rows.size, 0);
    await back.close();
  });
});

describe('a store that was left alone', () => {
  it('is kept, however long, when nobody has written since', async () => {
    const log = new MemoryLog();
    const handle: Topology['handle'] = (taken) => ({ schedule: [{ ...job, id: digestOf(taken) }] });
    const store = new MemoryStore();
    const first = await Task.open(optionsOf(log.port(), { handle, store }));
    await first.takeRecords(requests(0, 2));
    await first.close();
    store.clear = () => assert.fail('it was read anew');
    const again = await Task.open(optionsOf(log.port(), { handle, store, clock: clockAt(5_000 + 90 * 24 * 3_600_000) }));
    await again.close();
  });
});

describe('a store that another process has opened', () => {
  it('ends the task: nothing is committed on the rows of before', async () => {
    const log = new MemoryLog();
    const store = new MemoryStore();
    const handle: Topology['handle'] = (taken, context) => ({
      ...passOn(taken, context),
      put: [{ store: 'marks', key: 'k', row: failed(digestOf(taken)) }],
    });
    store.commit = async () => Promise.reject(new StreamError('FENCED', 'another process has opened it'));
    const broken: string[] = [];
    const task = await Task.open(optionsOf(log.port(), { handle, store, onBroken: (error) => broken.push((error as StreamError).code) }));
    await assert.rejects(task.takeRecords(requests(0, 1)), { code: 'STORE_FAILED' });
    assert.deepEqual(broken, ['STORE_FAILED']);
    assert.deepEqual(log.keys(output), digests(0, 1));
    await task.close();
  });
});

describe('closing', () => {
  it('ends within its bound while the log gives no answer', async () => {
    const log = new MemoryLog();
    const answer = Promise.withResolvers<never>();
    const unanswered: Writer = {
      commit: () => answer.promise,
      close: async () => answer.reject(new StreamError('COMMIT_UNCERTAIN', 'closed')),
    };
    const task = await Task.open(optionsOf(log.port({ openWriter: async () => unanswered })));
    const taken = assert.rejects(task.takeRecords(requests(0, 1)), { code: 'FENCED' });
    await new Promise(setImmediate);
    await Promise.all([task.close(50), taken]);
  });
});
