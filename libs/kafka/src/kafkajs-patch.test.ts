// What patches/kafkajs+2.2.4.patch cures. Each test fails without it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it, mock } from 'node:test';

const require = createRequire(import.meta.url);

describe('an idle connection', () => {
  it('sets no timer (kafkajs#1751: one every millisecond, for ever)', () => {
    type Queue = { fulfillRequest(response: object): void };
    const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;
    const logger = { debug: () => undefined, warn: () => undefined };
    const queue = new RequestQueue({ maxInFlightRequests: null, requestTimeout: 1_000, clientId: 'c', broker: 'b', logger });
    const timers = mock.method(globalThis, 'setTimeout', () => 0 as never);
    try {
      queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
      assert.equal(timers.mock.callCount(), 0);
    } finally {
      timers.mock.restore();
    }
  });
});

describe('a fetched batch', () => {
  type Encoder = { buffer: Buffer; writeInt32(value: number): Encoder; writeBuffer(bytes: Buffer): Encoder };
  const EncoderClass = require('kafkajs/src/protocol/encoder') as new () => Encoder;
  const DecoderClass = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
  const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as { RecordBatch: (options: object) => Promise<Encoder> };
  const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages') as (
    decoder: object,
  ) => Promise<object[] & { lastOffset?: bigint }>;
  const Long = require('kafkajs/src/utils/long') as { fromNumber(value: number): object };

  it('says how far it reaches, also when compaction has emptied it (kafkajs#1072: the reader stands still)', async () => {
    const batch = await RecordBatch({ firstOffset: Long.fromNumber(100), lastOffsetDelta: 49, records: [] });
    const response = new EncoderClass().writeInt32(batch.buffer.length).writeBuffer(batch.buffer);
    const records = await decodeMessages(new DecoderClass(response.buffer));
    assert.equal(records.length, 0);
    assert.equal(records.lastOffset, 149n);
  });
});

describe('a request of a group member', () => {
  it('carries its static name (KIP-345), which kafkajs leaves out', async () => {
    const source = await import('node:fs').then((fs) => fs.readFileSync(require.resolve('kafkajs/src/broker/index.js'), 'utf8'));
    for (const call of ['joinGroup', 'syncGroup', 'heartbeat', 'leaveGroup']) {
      const body = source.slice(source.indexOf(`async ${call}({`)).slice(0, 700);
      assert.match(body, /groupInstanceId/, call);
    }
  });
});
