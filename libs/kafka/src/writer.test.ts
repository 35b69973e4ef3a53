import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewRecord, StreamError } from '@waybill/stream';
import { openConnections } from './connections.ts';
import { fakeCluster } from './fake-cluster.fixture.ts';
import type { Broker } from './wire.ts';
import { openWriter } from './writer.ts';

const typed = (type: string): Error => Object.assign(new Error(type), { type });

const open = (broker: Partial<Broker>) => {
  const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster(broker));
  return openWriter({ connections, group: 'dedup', partition: 3, transactionTimeoutMs: 1_000 }).finally(() => connections.close());
};

/** A coordinator and leader that writes down what it is asked, after a pause so that what is asked at once overlaps. */
function recorder(answerProduce: () => Promise<unknown>) {
  const events: string[] = [];
  const call = (name: string) => async (): Promise<never> => {
    events.push(`${name} begins`);
    await sleep(5);
    events.push(`${name} ends`);
    return undefined as never;
  };
  const broker: Partial<Broker> = {
    initProducerId: async () => ({ producerId: '7', producerEpoch: 1 }),
    addPartitionsToTxn: call('partitions'),
    addOffsetsToTxn: call('offsets'),
    txnOffsetCommit: call('commit'),
    endTxn: call('end'),
    connectionPool: {
      send: async () => {
        events.push('produce begins');
        return (await answerProduce()) as never;
      },
    },
  };
  return { events, broker };
}
const record: NewRecord = { topic: 'images', partition: 0, key: 'k', value: Buffer.alloc(600_000), headers: {} };
const transaction = { records: [record, record, record], consumed: new Map([['pushes', 5]]), partition: 3 };

describe('a transaction', () => {
  it('has all in it before anything is written, and then sends its rounds without waiting', async () => {
    const { events, broker } = recorder(async () => sleep(5, []));
    const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster(broker));
    const writer = await openWriter({ connections, group: 'dedup', partition: 3, transactionTimeoutMs: 1_000 });
    await writer.commit(transaction);
    assert.deepEqual(events.slice(0, 4).toSorted(), ['offsets begins', 'offsets ends', 'partitions begins', 'partitions ends']);
    assert.deepEqual(events.slice(4, 8).toSorted(), ['commit begins', 'produce begins', 'produce begins', 'produce begins']);
    assert.equal(events.at(-1), 'end ends');
    await connections.close();
  });

  it('that failed is not sent again, and its writer takes no other: a sequence number might be used twice', async () => {
    const { events, broker } = recorder(() => Promise.reject(Object.assign(new Error('lost'), { name: 'KafkaJSConnectionError' })));
    const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster(broker));
    const writer = await openWriter({ connections, group: 'dedup', partition: 3, transactionTimeoutMs: 1_000 });
    await assert.rejects(writer.commit(transaction), { code: 'COMMIT_UNCERTAIN' });
    assert.equal(events.filter((event) => event === 'produce begins').length, 3, 'one per round');
    await sleep(10);
    events.length = 0;
    await assert.rejects(writer.commit(transaction), { code: 'COMMIT_UNCERTAIN', message: /spent/ });
    assert.deepEqual(events, []);
    await connections.close();
  });
});

describe('a transaction to a topic that the broker does not know', () => {
  /** It knows them at the ask of this number. */
  async function commit(knownAt: number) {
    const { events, broker } = recorder(async () => []);
    let asked = 0;
    const addPartitionsToTxn = async (): Promise<void> => {
      asked += 1;
      if (asked < knownAt) throw typed('UNKNOWN_TOPIC_OR_PARTITION');
    };
    const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster({ ...broker, addPartitionsToTxn }));
    const writer = await openWriter({ connections, group: 'dedup', partition: 3, transactionTimeoutMs: 1_500 });
    const ended = await writer.commit(transaction).then(
      () => undefined,
      (error: unknown) => error,
    );
    await connections.close();
    return { ended, events };
  }

  it('waits for a broker that has just started', async () => assert.equal((await commit(3)).ended, undefined));

  it('is refused within a bound, with nothing written, when it is not there', async () => {
    const { ended, events } = await commit(Infinity);
    const { code, message } = ended as StreamError;
    assert.deepEqual([code, message], ['RECORD_REFUSED', 'topic images is not there, or no more: `waybill deploy` makes it']);
    assert.ok(!events.includes('produce begins') && !events.includes('end begins'));
  });
});

describe('opening a writer', () => {
  it('is FENCED where another one is being opened at the same moment', async () => {
    for (const type of ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']) {
      const initProducerId = async () => Promise.reject(typed(type));
      await assert.rejects(open({ initProducerId }), { code: 'FENCED', message: /dedup-3/ });
    }
  });

  it('waits while the transaction of the one before is still being ended', async () => {
    let tries = 0;
    const initProducerId = async () => {
      tries += 1;
      if (tries < 3) throw typed('CONCURRENT_TRANSACTIONS');
      return { producerId: '7', producerEpoch: 1 };
    };
    await open({ initProducerId });
    assert.equal(tries, 3);
  });
});
