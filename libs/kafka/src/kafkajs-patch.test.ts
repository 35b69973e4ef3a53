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

describe('a request of our own encoding', () => {
  it('goes to the socket as it is, where kafkajs would copy it twice', async () => {
    type Request = (options: object) => Promise<{ readonly buffer: Buffer }>;
    const createRequest = require('kafkajs/src/protocol/request') as Request;
    const bytes = Buffer.from('x');
    const frame = mock.fn((_header: object) => bytes);
    const request = { apiKey: 0, apiVersion: 7, encode: () => ({ frame }) };
    assert.equal((await createRequest({ correlationId: 5, clientId: 'c', request })).buffer, bytes);
    assert.deepEqual(frame.mock.calls[0]!.arguments[0], { apiKey: 0, apiVersion: 7, correlationId: 5, clientId: 'c' });
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
