import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { topics, type TypedRecord } from '@waybill/domain';
import type { FollowOptions, GroupHandlers, LogRecord } from './event-log.ts';
import { ManualClock, settled } from './job-pool.fixture.ts';
import { MemoryLog, MemoryStore } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import { RowsDraft } from './rows.ts';
import { runTopology } from './runtime.ts';
import type { Input, Topology } from './topology.ts';

const membership = { verify: async () => undefined };
const policyRecord = (offset: number): LogRecord => {
  const event = { type: 'PolicyPublished', data: { policyId: 'p' } } as unknown as TypedRecord;
  const meta = { id: `${offset}`, source: '/t', timeMs: 1, subject: 'p', correlationId: 'c', causationId: null, traceparent: null };
  const place = { topic: topics.policies.name, partition: 0, offset, timestampMs: 1, key: Buffer.from('p') };
  return { ...place, value: jsonCodec.encode(event), headers: eventHeaders({ ...event, meta }) };
};

/** An app that watches the policies, with one partition; `seen` is what its stage was told, and how many policies there were. */
async function watching(handle: (input: Input) => void = () => undefined) {
  const seen: string[] = [];
  const topology: Topology = {
    ...{ group: 'watcher', inputs: [topics.images], outputs: [], held: topics.parked, stores: {} },
    ...{ tables: { policies: topics.policies }, watches: ['policies'] },
    handle(input, context) {
      if (input.kind === 'table') seen.push(`${input.partition}: ${input.table}, ${context.table('policies').length}`);
      handle(input);
      return {};
    },
  };
  const [joined, followed] = [Promise.withResolvers<GroupHandlers>(), Promise.withResolvers<FollowOptions>()];
  const log = new MemoryLog().port({
    joinGroup: async ({ handlers }) => {
      joined.resolve(handlers);
      return { close: async () => undefined };
    },
    follow: (options: FollowOptions) => {
      followed.resolve(options);
      options.onCaughtUp!();
      return new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
    },
  });
  const running = await runTopology({
    ...{ topology, log, codec: jsonCodec, clock: new ManualClock(), instance: 'i', sessionTimeoutMs: 6_000 },
    openStore: async () => new MemoryStore(),
    onCrash: (error) => assert.fail(error),
  });
  const [handlers, follow] = await Promise.all([joined.promise, followed.promise]);
  await handlers.assigned([0], membership);
  const publish = async (offset: number): Promise<void> => {
    await follow.onRecords({ topic: topics.policies.name, partition: 0 }, [policyRecord(offset)], offset + 1);
  };
  return { seen, running, publish };
}

describe('an app that watches a table', () => {
  it('is told of it for each partition that it takes up, and whenever it has changed', async () => {
    const { seen, running, publish } = await watching();
    await settled();
    assert.deepEqual(seen.splice(0), ['0: policies, 0']);
    await publish(0);
    await settled();
    assert.deepEqual(seen.splice(0), ['0: policies, 1']);
    await running.close();
  });

  it('is told once of changes that come faster than it looks', async () => {
    const { seen, running, publish } = await watching();
    await settled();
    seen.splice(0);
    await Promise.all([publish(0), publish(1), publish(2)]);
    await settled();
    assert.deepEqual(seen, ['0: policies, 1']);
    await running.close();
  });

  it('misses none that comes while it looks', async () => {
    let isFirst = true;
    const looking = Promise.withResolvers<void>();
    const { seen, running, publish } = await watching(() => {
      if (isFirst) looking.resolve();
      isFirst = false;
    });
    await looking.promise; // Its transaction is not over yet.
    await publish(0);
    await settled();
    assert.deepEqual(seen, ['0: policies, 0', '0: policies, 1']);
    await running.close();
  });

  it('goes on when its stage cannot take a change', async () => {
    let isBroken = true;
    const { seen, running, publish } = await watching(() => assert.ok(!isBroken, 'a fault of ours'));
    await settled();
    isBroken = false;
    seen.splice(0);
    await publish(0);
    await settled();
    assert.deepEqual(seen, ['0: policies, 1']);
    await running.close();
  });
});

describe('the keys of rows', () => {
  it('are those of the store and of the draft together, behind a key and up to a limit', () => {
    const seed = randomInt(2 ** 31);
    let state = seed;
    const below = (limit: number): number => ((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8) % limit;
    const row = { type: 'ScanRequested', data: {} } as unknown as TypedRecord;
    for (let round = 0; round < 200; round++) {
      const store = new MemoryStore();
      const draft = new RowsDraft({ store, codec: jsonCodec, topics: { rows: topics.scanState } });
      const expected = new Set<string>();
      for (let count = below(12); count > 0; count--) {
        const key = `k${below(20)}`;
        store.rows.set(`rows\0${key}`, Buffer.from('x'));
        expected.add(key);
      }
      for (let count = below(12); count > 0; count--) {
        const [key, isDeleted] = [`k${below(20)}`, below(2) === 0];
        draft.put(draft.prepare('rows', key, isDeleted ? null : row));
        if (isDeleted) expected.delete(key);
        else expected.add(key);
      }
      const [after, limit] = [below(3) === 0 ? undefined : `k${below(20)}`, below(8)];
      const wanted = [...expected].filter((key) => after === undefined || key > after).toSorted();
      const found = draft.keys('rows', { limit, ...(after !== undefined && { after }) });
      assert.deepEqual(found, wanted.slice(0, limit), `seed ${seed}, round ${round}`);
    }
  });
});
