import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bearer, memoryLog, push, startGateway } from './gateway.fixture.ts';

// What `inject` cannot show: real sockets, chunks, slow and vanishing senders.
const log = memoryLog();
const { app, batcher } = await startGateway(log.append, { HTTP_REQUEST_TIMEOUT_MS: 300, IN_FLIGHT_REQUESTS_MAX: 3 });
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}/v1/webhooks/distribution`;
after(() => app.close());

const chunks = (count: number, bytes: number): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull(controller) {
      if (count-- > 0) controller.enqueue(Buffer.alloc(bytes, 'x'));
      else controller.close();
    },
  });

/** Opens a request that promises more than it sends. */
async function halfRequest() {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  socket.write(
    `POST /v1/webhooks/distribution HTTP/1.1\r\nhost: x\r\nauthorization: ${bearer.authorization}\r\ncontent-length: 1000\r\n\r\n{`,
  );
  return socket;
}

describe('over a socket', () => {
  it('a body of 2 MB gets 413, with its length told and without', async () => {
    for (const body of [Buffer.alloc(2_097_152, 'x'), chunks(32, 65_536)]) {
      const response = await fetch(url, { method: 'POST', headers: bearer, body, duplex: 'half' });
      const { code } = (await response.json()) as { readonly code: string };
      assert.deepEqual([response.status, code], [413, 'BODY_TOO_LARGE']);
    }
    assert.equal(log.sends.length, 0);
  });

  it('a body in chunks below the limit is taken whole', async () => {
    const response = await fetch(url, { method: 'POST', headers: bearer, body: chunks(8, 65_536), duplex: 'half' });
    assert.equal(response.status, 202);
    assert.match(String(log.records()[0]?.value), /"bodySha256"/);
  });

  it('senders that are slow or vanish give their places back', async () => {
    const sockets = await Promise.all([halfRequest(), halfRequest(), halfRequest()]);
    const ended = Promise.all(sockets.map((socket) => once(socket, 'close')));
    sockets[0].destroy();
    await ended;
    const response = await fetch(url, { method: 'POST', headers: bearer, body: JSON.stringify({ events: [push('e1')] }) });
    assert.equal(response.status, 202);
    assert.equal(batcher.pendingBytes(), 0);
  });

  it('closing answers what is in flight, and takes no more', async () => {
    let acknowledge = (): void => undefined;
    const slow = await startGateway(memoryLog(() => new Promise((resolve) => (acknowledge = resolve))).append, {
      APPEND_TIMEOUT_MS: 2_000,
    });
    await slow.app.listen({ port: 0, host: '127.0.0.1' });
    const slowUrl = `http://127.0.0.1:${(slow.app.server.address() as AddressInfo).port}/v1/webhooks/distribution`;
    const inFlight = fetch(slowUrl, { method: 'POST', headers: bearer, body: '{}' });
    while (slow.batcher.pendingBytes() === 0) await sleep(5);
    const closed = slow.app.close();
    while (slow.app.server.listening) await sleep(5);
    await assert.rejects(fetch(slowUrl, { method: 'POST', headers: bearer, body: '{}' }), /fetch failed/);
    acknowledge();
    assert.equal((await inFlight).status, 202);
    await closed;
  });
});
