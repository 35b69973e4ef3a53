import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type TypedRecord } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, FollowOptions, LogRecord } from './event-log.ts';
import { ManualClock, settled } from './job-pool.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import { openSharedTables, type SharedTables } from './shared-tables.ts';

const topic = topics.policies.name;

function record(key: string, document: string | null, partition = 0): LogRecord {
  const event = { type: 'PolicyPublished', data: { policyId: key, document } } as unknown as TypedRecord;
  const ids = { id: key, source: '/t', timeMs: 1, subject: key, correlationId: 'c', causationId: null, traceparent: null };
  const place = { topic, partition, offset: 0, timestampMs: 1, key: Buffer.from(key) };
  if (document === null) return { ...place, value: null, headers: {} };
  return { ...place, value: jsonCodec.encode(event), headers: eventHeaders({ ...event, meta: ids }) };
}

type Follow = {
  readonly options: FollowOptions;
  readonly take: (records: readonly LogRecord[], next: number, partition?: number) => Promise<void>;
};

async function setUp(
  codec: Codec = jsonCodec,
): Promise<{ follow: Follow; opening: Promise<SharedTables>; clock: ManualClock; faults: unknown[] }> {
  const followed = Promise.withResolvers<Follow>();
  const log: Partial<EventLog> = {
    follow(options) {
      const take: Follow['take'] = async (records, next, partition = 0) => options.onRecords({ topic, partition }, records, next);
      followed.resolve({ options, take });
      return new Promise((resolve) => options.signal.addEventListener('abort', () => resolve()));
    },
  };
  const clock = new ManualClock();
  const faults: unknown[] = [];
  const hooks = { onFault: (error: unknown) => void faults.push(error), onEnd: (error: unknown) => assert.fail(String(error)) };
  const opening = openSharedTables({ log: log as EventLog, codec, clock, tables: { policies: topics.policies }, ...hooks });
  return { follow: await followed.promise, opening, clock, faults };
}

const documents = (tables: SharedTables): readonly string[] =>
  tables.table('policies').map(({ data }) => `${(data as { policyId: string }).policyId}=${(data as { document: string }).document}`);

describe('a shared table', () => {
  it('is there once all that was there has been read', async () => {
    const { follow, opening } = await setUp();
    let isOpen = false;
    void opening.then(() => (isOpen = true));
    await follow.take([record('b', '1'), record('a', '1')], 2);
    await settled();
    assert.ok(!isOpen);
    follow.options.onCaughtUp!();
    const tables = await opening;
    assert.deepEqual(documents(tables), ['a=1', 'b=1']);
    assert.deepEqual(tables.positions(), { policies: new Map([[0, 2]]) });
    await tables.close();
  });

  it('follows changes and deletions, over all partitions, in the order of keys', async () => {
    const { follow, opening } = await setUp();
    follow.options.onCaughtUp!();
    const tables = await opening;
    await follow.take([record('b', '1'), record('c', '1')], 2);
    await follow.take([record('a', '1', 3)], 7, 3);
    await follow.take([record('b', '2'), record('c', null)], 4);
    assert.deepEqual(documents(tables), ['a=1', 'b=2']);
    assert.deepEqual(tables.positions(), { policies: new Map([[0, 4], [3, 7]]) }); // prettier-ignore
    await tables.close();
  });

  it('is the same array as long as nothing changes', async () => {
    const { follow, opening } = await setUp();
    follow.options.onCaughtUp!();
    const tables = await opening;
    const chunks = 20;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const records = Array.from({ length: 50 }, (_, index) => record(`k${chunk * 50 + index}`, '1'));
      await follow.take(records, (chunk + 1) * 50);
    }
    const sorted = tables.table('policies');
    assert.equal(sorted.length, 1_000);
    await follow.take([], chunks * 50 + 1);
    assert.equal(tables.table('policies'), sorted);
    assert.deepEqual(tables.positions(), { policies: new Map([[0, chunks * 50 + 1]]) });
    await tables.close();
  });

  it('forgets what was deleted while it could not follow, but never shows half of what is left', async () => {
    const { follow, opening } = await setUp();
    follow.options.onCaughtUp!();
    const tables = await opening;
    await follow.take([record('a', '1'), record('b', '1'), record('c', '1')], 3);
    await follow.take([record('elsewhere', '1', 1)], 1, 1);
    follow.options.onReset!({ topic, partition: 0 }, 12);
    const before = ['a=1', 'b=1', 'c=1', 'elsewhere=1'];
    assert.deepEqual(documents(tables), before);
    await follow.take([record('a', '2')], 11);
    assert.deepEqual(documents(tables), before);
    await follow.take([record('c', '2')], 12);
    assert.deepEqual(documents(tables), ['a=2', 'c=2', 'elsewhere=1']);
    await follow.take([record('b', '3')], 13);
    assert.deepEqual(documents(tables), ['a=2', 'b=3', 'c=2', 'elsewhere=1']);
    await tables.close();
  });

  it('is empty after a deletion of everything', async () => {
    const { follow, opening } = await setUp();
    follow.options.onCaughtUp!();
    const tables = await opening;
    await follow.take([record('a', '1')], 1);
    follow.options.onReset!({ topic, partition: 0 }, 9);
    await follow.take([], 9);
    assert.deepEqual(documents(tables), []);
    await tables.close();
  });

  it('keeps the row before one that cannot be decoded, and waits for one that cannot be decoded yet', async () => {
    let isRegistryUp = false;
    const decode: Codec['decode'] = async (value) => {
      const decoded = await jsonCodec.decode(value);
      const isNew = (decoded.data as unknown as { document: string }).document === '2';
      if (isNew && !isRegistryUp) throw new StreamError('LOG_UNAVAILABLE', 'no schema registry');
      return decoded;
    };
    const { follow, opening, clock, faults } = await setUp({ ...jsonCodec, decode });
    follow.options.onCaughtUp!();
    const tables = await opening;
    await follow.take([record('a', '1'), { ...record('a', 'x'), value: Buffer.from('garbage') }], 2);
    assert.deepEqual([documents(tables), faults.length], [['a=1'], 1]);
    const taken = follow.take([record('a', '2')], 3);
    await clock.pass(2_500);
    assert.deepEqual([documents(tables), tables.positions()], [['a=1'], { policies: new Map([[0, 2]]) }]);
    isRegistryUp = true;
    await clock.pass(1_000);
    await taken;
    assert.deepEqual(documents(tables), ['a=2']);
    await tables.close();
  });

  it('is refused from a topic that forgets', async () => {
    const { opening, follow } = await setUp();
    follow.options.onCaughtUp!();
    const tables = { policies: { ...topics.policies, retentionMs: 1_000 } };
    const hooks = { onFault: () => undefined, onEnd: () => undefined };
    const refused = openSharedTables({ log: {} as EventLog, codec: jsonCodec, clock: new ManualClock(), tables, ...hooks });
    await assert.rejects(refused, /keep them for ever/);
    await (await opening).close();
  });
});
