// What a broker in a test cannot be brought to do: heartbeats that hang, offsets that expire, coordinators that go at the worst time.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Offsets } from '@waybill/stream';
import { openConnections } from './connections.ts';
import { answerFetch, fakeCluster, type FetchAnswer } from './fake-cluster.fixture.ts';
import { joinGroup, type MemberOptions } from './group.ts';
import type { WireCall } from './wire-call.ts';
import { assignerProtocol, type Broker } from './wire.ts';

const topics = ['images'];
const sessionTimeoutMs = 120;
const typed = (type: string): Error => Object.assign(new Error(type), { type });

/** The coordinator and leader of a group of one member. */
class Coordinator {
  joins = 0;
  /** As the member asks for it. */
  roundMsMax = 0;
  heartbeats = 0;
  connections = 0;
  fetchAnswer: Omit<FetchAnswer, 'topic'> = {};
  /** Before a sync is answered. */
  onSync: (connection: number) => Promise<unknown> = async () => undefined;
  /** Answers a heartbeat; `connection` counts from 1. */
  onHeartbeat: (connection: number) => Promise<unknown> = async () => undefined;

  connect() {
    this.connections += 1;
    const connection = this.connections;
    const assignment = { version: 1, assignment: { images: [0] }, userData: Buffer.alloc(0) };
    const broker: Partial<Broker> = {
      nodeId: 1,
      joinGroup: async ({ rebalanceTimeout }) => {
        this.joins += 1;
        this.roundMsMax = rebalanceTimeout;
        return { generationId: this.joins, leaderId: 'other', memberId: 'm', members: [] };
      },
      syncGroup: async () => {
        await this.onSync(connection);
        return { memberAssignment: assignerProtocol.MemberAssignment.encode(assignment) };
      },
      heartbeat: async () => {
        this.heartbeats += 1;
        return this.onHeartbeat(connection);
      },
      leaveGroup: async () => undefined,
      connectionPool: {
        send: async <T>(call: WireCall<T>): Promise<T> => {
          await sleep(5);
          return answerFetch(call, { topic: 'images', ...this.fetchAnswer });
        },
      },
    };
    return fakeCluster(broker);
  }
}

function join(coordinator: Coordinator, handlers: Partial<MemberOptions['handlers']>) {
  const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => coordinator.connect());
  const crashed = Promise.withResolvers<Error>();
  const member = joinGroup({
    ...{ connections, topics, sessionTimeoutMs, group: 'g', instance: 'i', partitionCount: 1, firstOffset: async () => 0 },
    handlers: { assigned: async () => new Map(), batch: async () => undefined, crashed: crashed.resolve, ...handlers },
  });
  const close = async (): Promise<void> => {
    await member.close();
    await connections.close();
  };
  return { close, crashed: crashed.promise };
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await sleep(2);
};

describe('a member', () => {
  it('ends with OFFSET_EXPIRED where its position lies outside the log, and takes no default one', async () => {
    const coordinator = new Coordinator();
    coordinator.fetchAnswer = { errorCode: 1 };
    const member = join(coordinator, {});
    const error = await member.crashed;
    assert.equal((error as { code?: string }).code, 'OFFSET_EXPIRED');
    assert.match(error.message, /images\/0/);
    await member.close();
  });

  it('gives a heartbeat that hangs up within the session and makes the next one on a new connection', async () => {
    const coordinator = new Coordinator();
    const answered: number[] = [];
    coordinator.onHeartbeat = async (connection) => {
      if (coordinator.heartbeats === 1) return new Promise<never>(() => undefined);
      answered.push(connection);
    };
    let heard = 0;
    const member = join(coordinator, { heard: () => void (heard += 1) });
    await until(() => answered.length >= 2);
    assert.equal(coordinator.joins, 1, 'it is the same membership');
    assert.ok(answered.every((connection) => connection > 1));
    assert.ok(heard >= 3, 'join, sync and heartbeats were heard');
    await member.close();
  });

  it('waits for an answer to its joining no longer than a session: for the others, and for a sync that hangs', async () => {
    const coordinator = new Coordinator();
    const synced: number[] = [];
    coordinator.onSync = async (connection) => {
      synced.push(connection);
      if (synced.length === 1) await new Promise<never>(() => undefined);
    };
    const assigned = Promise.withResolvers<void>();
    const member = join(coordinator, {
      assigned: async () => {
        assigned.resolve();
        return new Map();
      },
    });
    await assigned.promise;
    assert.deepEqual([coordinator.joins, coordinator.roundMsMax, synced], [1, sessionTimeoutMs, [1, 2]]);
    await member.close();
  });

  it('outlasts a coordinator that goes away and comes back while its partitions are being made ready', async () => {
    const coordinator = new Coordinator();
    const made = Promise.withResolvers<ReadonlyMap<number, Offsets>>();
    let isAway = true;
    coordinator.onHeartbeat = async () => {
      if (isAway) throw Object.assign(new Error('closed'), { name: 'KafkaJSConnectionClosedError' });
    };
    let assigned = 0;
    const member = join(coordinator, {
      assigned: () => {
        assigned += 1;
        return made.promise;
      },
    });
    await until(() => coordinator.heartbeats >= 3);
    isAway = false;
    const before = coordinator.heartbeats;
    await until(() => coordinator.heartbeats >= before + 2);
    made.resolve(new Map());
    await sleep(20);
    assert.deepEqual([coordinator.joins, assigned], [1, 1]);
    await member.close();
  });

  it('that was put out of the group meanwhile joins anew once its partitions are ready', async () => {
    const coordinator = new Coordinator();
    coordinator.onHeartbeat = async () => {
      if (coordinator.joins === 1) throw typed('UNKNOWN_MEMBER_ID');
    };
    const made = Promise.withResolvers<ReadonlyMap<number, Offsets>>();
    let assigned = 0;
    const member = join(coordinator, {
      assigned: async () => {
        assigned += 1;
        return assigned === 1 ? made.promise : new Map();
      },
    });
    await until(() => coordinator.heartbeats >= 1);
    made.resolve(new Map());
    await until(() => assigned === 2);
    assert.equal(coordinator.joins, 2);
    await member.close();
  });
});
