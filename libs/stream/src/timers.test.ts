import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { topics, type TypedRecord } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { EventLog, LogRecord } from './event-log.ts';
import { ManualClock } from './job-pool.fixture.ts';
import { JobPool } from './job-pool.ts';
import { MemoryLog, MemoryStore } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import { Task, type TaskOptions } from './task.ts';
import { topologyDriver } from './testing.ts';
import { isEvent, type Topology } from './topology.ts';

const minuteMs = 60_000;
const dueInMs = 10 * minuteMs;
const output = topics.scans.name;

const reminder = (id: string, atMs: number): TypedRecord =>
  ({ type: 'ScanFailed', data: { digest: id, failedAtMs: atMs } }) as unknown as TypedRecord;

/** Reminds of each request ten minutes later; one for `<id>-not` takes that back, one for `broken` makes the stage throw then. */
const reminders: Topology = {
  group: 'scanner',
  inputs: [topics.scanRequests],
  stores: {},
  outputs: [topics.scans],
  held: topics.scannerHeld,
  jobTopic: topics.scannerJobs,
  timers: ['reminder'],
  handle(input) {
    if (isEvent(input, 'ScanRequested')) {
      const { digest } = input.event.data;
      if (digest.endsWith('-not')) return { cancel: [digest.slice(0, -4)] };
      return { schedule: [{ id: digest, kind: 'reminder', key: digest, payload: null, notBeforeMs: input.atMs + dueInMs }] };
    }
    if (input.kind !== 'timer') return {};
    const { id } = input.timer;
    if (id === 'broken') throw new Error('a fault of ours');
    const again = id === 'daily' ? [{ id, kind: 'reminder', key: id, payload: null, notBeforeMs: input.atMs + dueInMs }] : [];
    return { emit: [{ topic: topics.scans, key: id, subject: id, event: reminder(id, input.atMs) }], schedule: again };
  },
};

const pools: JobPool[] = [];
afterEach(() => pools.splice(0).forEach((pool) => pool.close()));

/** A process that owns the partition, as of now. */
async function startProcess(log: EventLog, clock: ManualClock, store = new MemoryStore()): Promise<Task> {
  const pool = new JobPool({ specs: {}, timers: ['reminder'], clock, random: () => 0 });
  pools.push(pool);
  store.writtenAtMs = () => clock.ms;
  const hooks = { onCommit: () => undefined, onFault: () => undefined, onBroken: (error: Error) => assert.fail(error) };
  const parts = { topology: reminders, log, codec: jsonCodec, store, pool, membership: { verify: async () => undefined } };
  const options: TaskOptions = { ...parts, ...hooks, partition: 0, table: () => [], clock };
  return Task.open(options);
}

let offset = 0;
function request(digest: string, timestampMs: number): LogRecord {
  const event = { type: 'ScanRequested' as const, data: { registry: 'r', repository: 'a', digest, imageDigest: digest } };
  const ids = { source: '/t', timeMs: timestampMs, subject: 's', correlationId: 'c', causationId: null, traceparent: null };
  const headers = eventHeaders({ ...event, meta: { ...ids, id: `${digest}-${offset}` } });
  const place = { topic: topics.scanRequests.name, partition: 0, offset: offset++, timestampMs };
  return { ...place, key: Buffer.from(digest), value: jsonCodec.encode(event), headers };
}

function setUp() {
  const clock = new ManualClock();
  const log = new MemoryLog();
  return { clock, log, ask: (digest: string) => request(digest, clock.ms) };
}

describe('a timer', () => {
  it('comes once, at its time, and its row is gone with what follows', async () => {
    const { clock, log, ask } = setUp();
    const store = new MemoryStore();
    const task = await startProcess(log.port(), clock, store);
    await task.takeRecords([ask('a')]);
    await clock.pass(dueInMs - 1);
    assert.deepEqual(log.keys(output), []);
    assert.equal(store.rows.size, 1);
    await clock.pass(dueInMs);
    assert.deepEqual(log.keys(output), ['a']);
    assert.equal(store.rows.size, 0);
    await task.close();
  });

  it('comes once though the answer of the transaction is lost', async () => {
    for (const isCommitted of [true, false]) {
      const { clock, log, ask } = setUp();
      let isLost = false;
      const port = log.port({
        openWriter: async () => {
          const writer = log.openWriter();
          const lose = async (): Promise<never> => Promise.reject(new StreamError('COMMIT_UNCERTAIN', 'no answer'));
          return {
            ...writer,
            commit: async (transaction) => {
              if (!isLost) return writer.commit(transaction);
              isLost = false;
              if (isCommitted) await writer.commit(transaction);
              return lose();
            },
          };
        },
      });
      const task = await startProcess(port, clock);
      await task.takeRecords([ask('a')]);
      isLost = true;
      await clock.pass(2 * dueInMs);
      assert.deepEqual(log.keys(output), ['a'], `committed: ${isCommitted}`);
      await task.close();
    }
  });

  it('outlives its process, and comes late rather than not at all', async () => {
    const { clock, log, ask } = setUp();
    const killed = await startProcess(log.port(), clock);
    await killed.takeRecords([ask('a')]);
    pools.at(-1)!.close();
    await clock.pass(5 * dueInMs);
    const heir = await startProcess(log.port(), clock);
    await clock.pass(0);
    assert.deepEqual(log.keys(output), ['a']);
    await heir.close();
  });

  it('comes once, and elsewhere, when its partition moves', async () => {
    const { clock, log, ask } = setUp();
    const zombie = await startProcess(log.port(), clock);
    await zombie.takeRecords([ask('a')]);
    const heir = await startProcess(log.port(), clock);
    await clock.pass(2 * dueInMs); // Both think that it is theirs.
    assert.deepEqual(log.keys(output), ['a']);
    await Promise.all([zombie.close(), heir.close()]);
  });

  it('does not come once it is cancelled, and comes later when it is asked for again', async () => {
    const { clock, log, ask } = setUp();
    const task = await startProcess(log.port(), clock);
    await task.takeRecords([ask('a'), ask('b'), ask('a-not')]);
    await clock.pass(dueInMs / 2);
    await task.takeRecords([ask('b')]);
    await clock.pass(dueInMs - 1);
    assert.deepEqual(log.keys(output), []);
    await clock.pass(1);
    assert.deepEqual(log.keys(output), ['b']);
    await task.close();
  });

  it('may ask for itself again', async () => {
    const { clock, log, ask } = setUp();
    const task = await startProcess(log.port(), clock);
    await task.takeRecords([ask('daily')]);
    await clock.pass(3 * dueInMs);
    assert.deepEqual(log.keys(output), ['daily', 'daily', 'daily']);
    const ids = log.records.get(output)!.map(({ headers }) => headers['ce_id']!.toString());
    assert.equal(new Set(ids).size, 3);
    await task.close();
  });

  it('that makes the stage throw is parked with its reason, and does not come again', async () => {
    const { clock, log, ask } = setUp();
    const store = new MemoryStore();
    const task = await startProcess(log.port(), clock, store);
    await task.takeRecords([ask('broken')]);
    await clock.pass(3 * dueInMs);
    const [row] = [...store.rows.values()].map((bytes) => jsonCodec.decodeSync(bytes));
    assert.ok(row?.type === 'Job' && row.data.status === 'parked' && row.data.lastError === 'STAGE_FAILED: a fault of ours');
    await task.close();
  });

  it('comes in its time after the clock has been set back by an hour', async () => {
    const { clock, log, ask } = setUp();
    const task = await startProcess(log.port(), clock);
    await task.takeRecords([ask('a')]);
    clock.ms -= 60 * minuteMs;
    await clock.pass(dueInMs);
    assert.deepEqual(log.keys(output), ['a']);
    await task.close();
  });
});

describe('the topology driver', () => {
  it('shows timers apart from jobs, and lets them come', () => {
    const driver = topologyDriver(reminders);
    const data = { registry: 'r', repository: 'a', digest: 'daily', imageDigest: 'd' };
    driver.pipe(topics.scanRequests, 'daily', { type: 'ScanRequested', data }, { atMs: 1_000 });
    assert.deepEqual([driver.jobs().length, driver.timers().map(({ notBeforeMs }) => notBeforeMs)], [0, [1_000 + dueInMs]]);
    driver.fire('daily');
    assert.deepEqual(driver.keys(topics.scans), ['daily']);
    assert.deepEqual(driver.timers().map(({ notBeforeMs }) => notBeforeMs), [1_000 + 2 * dueInMs]); // prettier-ignore
    assert.throws(() => driver.fire('unknown'), /no job unknown is due/);
  });

  it('refuses a request of a kind that is not declared', () => {
    const driver = topologyDriver({ ...reminders, timers: [] });
    const data = { registry: 'r', repository: 'a', digest: 'a', imageDigest: 'a' };
    assert.throws(() => driver.pipe(topics.scanRequests, 'a', { type: 'ScanRequested', data }), /schedules reminder, which it declares/);
  });
});
