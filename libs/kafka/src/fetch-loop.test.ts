// What one broker cannot show: leaders that move. Two nodes are modelled behind kafkajs' cluster interface.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnections, type Connections } from './connections.ts';
import { runFetchLoop } from './fetch-loop.ts';
import type { Broker, Cluster } from './wire.ts';

class Moved extends Error {
  readonly type = 'NOT_LEADER_FOR_PARTITION';
}

/** One partition `images/0` that node `leader` leads; the client knows of it what its last refresh said. */
class Nodes {
  leader = '1';
  coordinator = '1';
  readonly asked: string[] = [];
  #known = '1';
  #end = 0;

  append(): void {
    this.#end += 1;
  }

  cluster(): Cluster {
    const cluster: Partial<Cluster> = {
      connect: async () => undefined,
      disconnect: async () => undefined,
      refreshMetadata: async () => void (this.#known = this.leader),
      addMultipleTargetTopics: async () => undefined,
      findLeaderForPartitions: () => ({ [this.#known]: [0] }),
      findBroker: async ({ nodeId }) => this.#broker(nodeId),
      findGroupCoordinator: async () => {
        this.asked.push('coordinator');
        return this.#broker(this.coordinator);
      },
    };
    return cluster as Cluster;
  }

  #broker(nodeId: string): Broker {
    const broker: Partial<Broker> = {
      nodeId: Number(nodeId),
      heartbeat: async () => {
        if (nodeId !== this.coordinator) throw Object.assign(new Error('moved'), { type: 'NOT_COORDINATOR_FOR_GROUP' });
      },
      endTxn: () => new Promise(() => undefined),
      fetch: async ({ topics }) => {
        await sleep(2);
        if (nodeId !== this.leader) throw new Moved();
        const { fetchOffset } = topics[0]!.partitions[0]!;
        const lastOffset = fetchOffset < this.#end ? { lastOffset: BigInt(this.#end - 1) } : {};
        const fetched = { partition: 0, highWatermark: '0', lastStableOffset: '0', abortedTransactions: [] };
        return { responses: [{ topicName: 'images', partitions: [{ ...fetched, messages: Object.assign([], lastOffset) }] }] };
      },
    };
    return broker as Broker;
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
