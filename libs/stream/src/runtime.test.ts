import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { EventLog, GroupHandlers } from './event-log.ts';
import { ManualClock } from './job-pool.fixture.ts';
import { MemoryLog, MemoryStore } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { runTopology } from './runtime.ts';
import type { Topology } from './topology.ts';

const sessionTimeoutMs = 6_000;
const topology: Topology = {
  ...{ group: 'test', inputs: [topics.images], outputs: [], held: topics.parked, stores: {}, handle: () => ({}) },
};

describe('an app', () => {
  it('is ready once it has its partitions, and not while the group is silent for longer than the session', async () => {
    const clock = new ManualClock();
    const joined = Promise.withResolvers<GroupHandlers>();
    const log: Partial<EventLog> = {
      joinGroup: async ({ handlers }) => {
        joined.resolve(handlers);
        return { close: async () => undefined };
      },
    };
    const running = await runTopology({
      ...{ topology, log: log as EventLog, codec: jsonCodec, clock, instance: 'i', sessionTimeoutMs },
      openStore: () => Promise.reject(new Error('it has no partition')),
      onCrash: (error) => assert.fail(error),
    });
    const handlers = await joined.promise;
    assert.equal(running.ready(), false, 'before it is assigned any');
    handlers.heard!();
    await handlers.assigned([], { verify: async () => undefined });
    assert.equal(running.ready(), true);
    clock.ms += sessionTimeoutMs + 1;
    assert.equal(running.ready(), false, 'the group is silent');
    handlers.heard!();
    assert.equal(running.ready(), true, 'the group is heard again');
    await running.close();
  });
});

/** An app with a task per way of closing its store; `happened` says in which order what was let go. */
async function appWhoseStoresClose(ways: readonly (() => Promise<void>)[]) {
  const [clock, happened] = [new ManualClock(), [] as string[]];
  const joined = Promise.withResolvers<GroupHandlers>();
  const joinGroup: EventLog['joinGroup'] = async ({ handlers }) => {
    joined.resolve(handlers);
    return { close: async () => void happened.push('group') };
  };
  const running = await runTopology({
    ...{ topology, log: new MemoryLog().port({ joinGroup }), codec: jsonCodec, clock, instance: 'i', sessionTimeoutMs },
    async openStore(_group, partition) {
      const close = async (): Promise<void> => {
        await ways[partition]!();
        happened.push(`store ${partition}`);
      };
      return Object.assign(new MemoryStore(), { close });
    },
    onCrash: (error) => assert.fail(error),
  });
  const handlers = await joined.promise;
  const assign = (partitions: readonly number[]) => handlers.assigned(partitions, { verify: async () => undefined });
  await assign([...ways.keys()]);
  return { running, clock, happened, assign };
}
const full = (): Promise<void> => Promise.reject(new StreamError('STORE_FAILED', 'the disk is full'));

describe('a store that cannot be closed', () => {
  it('keeps neither the other stores nor the group from being let go, and is what the app ends with', async () => {
    const { running, happened } = await appWhoseStoresClose([full, async () => undefined, full, async () => undefined]);
    await assert.rejects(running.close(), { code: 'STORE_FAILED', message: 'the disk is full' });
    assert.deepEqual(happened, ['store 1', 'store 3', 'group']);
  });

  it('is waited for no longer than a bound where its disk does not answer', async () => {
    const { running, clock, happened } = await appWhoseStoresClose([() => new Promise(() => undefined), async () => undefined]);
    const closed = assert.rejects(running.close(), { code: 'STORE_FAILED', message: /partition 0 of test is still closing after/ });
    await clock.pass(7_000);
    assert.deepEqual(happened, ['store 1']);
    await clock.pass(2_000);
    await closed;
    assert.deepEqual(happened, ['store 1', 'group']);
  });

  it('fails the assignment that takes its partition away, once all the others are closed', async () => {
    const slow = Promise.withResolvers<void>();
    const { running, happened, assign } = await appWhoseStoresClose([full, () => slow.promise]);
    const assigned = assert.rejects(assign([]), { code: 'STORE_FAILED' }).then(() => happened.push('assigned'));
    setImmediate(slow.resolve);
    await assigned;
    assert.deepEqual(happened, ['store 1', 'assigned']);
    await running.close();
  });
});
