import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import type { EventLog, GroupHandlers } from './event-log.ts';
import { ManualClock } from './job-pool.fixture.ts';
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
