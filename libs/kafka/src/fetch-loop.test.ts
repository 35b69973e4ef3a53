// What one broker cannot show: leaders that move. Two nodes are modelled behind kafkajs' cluster interface.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewRecord } from '@waybill/stream';
import { openConnections, type Connections } from './connections.ts';
import { answerFetch, askedBy, fakeCluster, type AskedFetch } from './fake-cluster.fixture.ts';
import type { FetchPosition } from './fetch.ts';
import { runFetchLoop } from './fetch-loop.ts';
import { storedBatch } from './record-batch.fixture.ts';
import type { WireCall } from './wire-call.ts';
import type { Broker, Cluster } from './wire.ts';

const newRecord: NewRecord = { topic: 'images', partition: 0, key: 'k', value: null, headers: {} };

class Moved extends Error {
  readonly type = 'NOT_LEADER_FOR_PARTITION';
}

/** One partition `images/0` that node `leader` leads; the client knows of it what its last refresh said. Node 3 leads the rest. */
class Nodes {
  leader = '1';
  coordinator = '1';
  held: Promise<unknown> = Promise.resolve();
  /** Of a fetch from an offset. */
  onFetch: (offset: number) => void = () => undefined;
  readonly asked: string[] = [];
  #known = '1';
  #end = 0;

  append(): void {
    this.#end += 1;
  }

  cluster(): Cluster {
    return fakeCluster(this.#broker('1'), {
      refreshMetadata: async () => void (this.#known = this.leader),
      findLeaderForPartitions: (topic) => ({ [topic === 'images' ? this.#known : '3']: [0] }),
      findBroker: async ({ nodeId }) => this.#broker(nodeId),
      findGroupCoordinator: async () => {
        this.asked.push('coordinator');
        return this.#broker(this.coordinator);
      },
    });
  }

  #broker(nodeId: string): Broker {
    const broker: Partial<Broker> = {
      nodeId: Number(nodeId),
      heartbeat: async () => {
        if (nodeId !== this.coordinator) throw Object.assign(new Error('moved'), { type: 'NOT_COORDINATOR_FOR_GROUP' });
      },
      endTxn: () => new Promise(() => undefined),
      connectionPool: { send: (call) => this.#answer(nodeId, call) },
    };
    return broker as Broker;
  }

  /** One record per offset. A node that does not lead says so; one that has just handed over still may answer what it was asked. */
  async #answer<T>(nodeId: string, call: WireCall<T>): Promise<T> {
    const isLeader = nodeId === this.leader;
    await sleep(2);
    if (nodeId === '3') return answerFetch(call, { topic: 'elsewhere' });
    await this.held;
    if (!isLeader) throw new Moved();
    const [{ offset: fetchOffset }] = askedBy(call).positions as readonly [FetchPosition];
    this.onFetch(fetchOffset);
    const offsets = Array.from({ length: Math.max(0, this.#end - fetchOffset) }, (_, index) => fetchOffset + index);
    const bytes = Buffer.concat(offsets.map((baseOffset) => storedBatch([newRecord], { baseOffset })));
    return answerFetch(call, { topic: 'images', bytes });
  }
}

const connect = (nodes: Nodes): Connections => openConnections({ brokers: ['n'], clientId: 'c' }, () => nodes.cluster());

describe('a fetch loop', () => {
  it('asks the new leader when the old one says that it is none any more', async () => {
    const nodes = new Nodes();
    const connections = connect(nodes);
    const closing = new AbortController();
    let reached = 0;
    const fetching = runFetchLoop({
      connections,
      use: 'fetch',
      start: [{ topic: 'images', partition: 0, offset: 0 }],
      onRecords: (_place, _records, next) => void (reached = next),
      signal: closing.signal,
      maxWaitMs: 2,
    });
    nodes.append();
    while (reached < 1) await sleep(2);
    nodes.leader = '2';
    nodes.append();
    for (let tries = 0; tries < 200 && reached < 2; tries++) await sleep(5);
    closing.abort();
    await fetching;
    await connections.close();
    assert.equal(reached, 2);
  });

  it('hands over at once what has come in several fetches while records were taken', async () => {
    const nodes = new Nodes();
    const connections = connect(nodes);
    const closing = new AbortController();
    const taken: number[][] = [];
    const slow = Promise.withResolvers<void>();
    const asked: number[] = [];
    nodes.onFetch = (offset) => void asked.push(offset);
    const fetching = runFetchLoop({
      connections,
      use: 'fetch',
      start: [{ topic: 'images', partition: 0, offset: 0 }],
      onRecords: (_place, records) => {
        taken.push(records.map(({ offset }) => offset));
        return taken.length === 1 ? slow.promise : undefined;
      },
      signal: closing.signal,
      maxWaitMs: 2,
    });
    for (let count = 1; count <= 4; count++) {
      nodes.append();
      while (asked.at(-1) !== count) await sleep(2); // It is asked for what follows: the record has come.
    }
    slow.resolve();
    while (taken.length < 2) await sleep(2);
    closing.abort();
    await fetching;
    await connections.close();
    assert.deepEqual(taken, [[0], [1, 2, 3]]);
  });

  it('takes a record once when it has asked the old leader and the new one for it', async () => {
    const nodes = new Nodes();
    const connections = connect(nodes);
    const closing = new AbortController();
    const taken: number[] = [];
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    nodes.held = held;
    nodes.append();
    const fetching = runFetchLoop({
      connections,
      use: 'fetch',
      start: [
        { topic: 'images', partition: 0, offset: 0 },
        { topic: 'elsewhere', partition: 0, offset: 0 }, // Its answers wake the loop.
      ],
      onRecords: (_place, records) => void taken.push(...records.map(({ offset }) => offset)),
      signal: closing.signal,
      maxWaitMs: 2,
    });
    await sleep(10); // Node 1 has been asked.
    nodes.leader = '2';
    await connections.run('fetch', [], (cluster) => cluster.refreshMetadata());
    await sleep(30);
    release();
    for (let tries = 0; tries < 200 && taken.length < 1; tries++) await sleep(5);
    await sleep(20);
    closing.abort();
    await fetching;
    await connections.close();
    assert.deepEqual(taken, [0]);
  });
});

describe('a fetch loop with a full partition beside one that nothing comes to', () => {
  /** One is being taken, and two are as much as may wait. */
  const imagesCount = 3;
  const image: NewRecord = { ...newRecord, value: Buffer.alloc(1_048_576) };

  it('asks for the other alone and not for long, and for both with all patience once there is room again', async () => {
    const asked: AskedFetch[] = [];
    const send = async <T>(call: WireCall<T>): Promise<T> => {
      const fetch = askedBy(call);
      asked.push(fetch);
      const images = fetch.positions.find(({ topic }) => topic === 'images');
      if (images === undefined || images.offset >= imagesCount) return answerLater(call, 'quiet');
      return answerFetch(call, { topic: 'images', bytes: storedBatch([image], { baseOffset: images.offset }) });
    };
    const answerLater = <T>(call: WireCall<T>, topic: string): Promise<T> => sleep(2).then(() => answerFetch(call, { topic }));
    const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster({ connectionPool: { send } }));
    const [closing, slow, start] = [new AbortController(), Promise.withResolvers<void>(), ['images', 'quiet']];
    const fetching = runFetchLoop({
      ...{ connections, use: 'fetch', signal: closing.signal, maxWaitMs: 5_000 },
      start: start.map((topic) => ({ topic, partition: 0, offset: 0 })),
      onRecords: () => slow.promise,
    });
    while (asked.at(-1)?.positions.length !== 1) await sleep(2);
    const { maxWaitMs, positions } = asked.at(-1)!;
    assert.deepEqual([maxWaitMs, positions[0]!.topic], [10, 'quiet']);
    slow.resolve();
    while (asked.at(-1)?.positions.length !== 2) await sleep(2);
    assert.equal(asked.at(-1)!.maxWaitMs, 5_000);
    closing.abort();
    await fetching;
    await connections.close();
  });
});

describe('connections', () => {
  const beat = (connections: Connections) => async (cluster: Cluster) => {
    const broker = await connections.coordinator(cluster, 0, 'group');
    return broker.heartbeat({ groupId: 'g', memberId: 'm', groupInstanceId: 'i', groupGenerationId: 1 });
  };

  it('ask for a coordinator once, and again when it has moved', async () => {
    const nodes = new Nodes();
    const connections = connect(nodes);
    for (let count = 0; count < 5; count++) await connections.run('group', [], beat(connections));
    assert.equal(nodes.asked.length, 1);
    nodes.coordinator = '2';
    await connections.run('group', [], beat(connections));
    assert.equal(nodes.asked.length, 2);
    await connections.close();
  });

  it('look leaders up anew after a single try has failed', async () => {
    const nodes = new Nodes();
    const connections = connect(nodes);
    const leader = async (cluster: Cluster): Promise<string> => Object.keys(cluster.findLeaderForPartitions('images', [0]))[0]!;
    nodes.leader = '2';
    await assert.rejects(connections.once('control', [], async () => Promise.reject(new Moved()))); // prettier-ignore
    assert.equal(await connections.once('control', [], leader), '2');
    await connections.close();
  });

  it('take a new connection after a request without an answer, and let the old one go', async () => {
    const lost: string[] = [];
    const made: Cluster[] = [];
    const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => {
      const isFirst = made.length === 0;
      const heartbeat = () => (isFirst ? new Promise<never>(() => undefined) : Promise.resolve('here'));
      const cluster = fakeCluster({ heartbeat }, { disconnect: async () => void lost.push(isFirst ? 'first' : 'second') });
      made.push(cluster);
      return cluster;
    });
    assert.equal(await connections.run('group', [], beat(connections), undefined, 20), 'here');
    assert.deepEqual(lost, ['first']);
    await connections.close();
    assert.deepEqual(lost, ['first', 'second']);
  });

  it('give up a request that is never answered when the time is up, and when they are closed', async () => {
    const connections = connect(new Nodes());
    const never = async (cluster: Cluster) => (await cluster.findBroker({ nodeId: '1' })).endTxn({} as never);
    await assert.rejects(connections.once('control', [], never, AbortSignal.timeout(20)), { name: 'TimeoutError' });
    const left = assert.rejects(connections.run('control', [], never), { name: 'AbortError' });
    await sleep(5);
    await connections.close();
    await left;
  });
});
