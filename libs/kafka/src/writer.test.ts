import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openConnections } from './connections.ts';
import { fakeCluster } from './fake-cluster.fixture.ts';
import type { Broker } from './wire.ts';
import { openWriter } from './writer.ts';

const typed = (type: string): Error => Object.assign(new Error(type), { type });

const open = (broker: Partial<Broker>) => {
  const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster(broker));
  return openWriter({ connections, group: 'dedup', partition: 3, transactionTimeoutMs: 1_000 }).finally(() => connections.close());
};

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
