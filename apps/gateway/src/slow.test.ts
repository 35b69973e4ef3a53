import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bearer, memoryLog, push, startGateway } from './gateway.fixture.ts';
import { open } from './raw.fixture.ts';

// Goal: whoever is slow, or silent, holds nothing for longer than a request may take; and closing waits for nobody for longer either.
const limits = { HTTP_REQUEST_TIMEOUT_MS: 400, APPEND_TIMEOUT_MS: 200, IN_FLIGHT_REQUESTS_MAX: 4 };

const servers: Server[] = [];
/** Also those of a test that has failed. */
after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

async function listen(config: Parameters<typeof startGateway>[1] = limits) {
  const log = memoryLog();
  const gateway = await startGateway(log.append, config);
  await gateway.app.listen({ port: 0, host: '127.0.0.1' });
  servers.push(gateway.app.server);
  const { port } = gateway.app.server.address() as AddressInfo;
  const post = async (id: string): Promise<number> => {
    const url = `http://127.0.0.1:${port}/v1/webhooks/distribution`;
    return (await fetch(url, { method: 'POST', headers: bearer, body: JSON.stringify({ events: [push(id)] }) })).status;
  };
  return { ...gateway, log, port, post };
}

/** All that comes until the other end closes. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => void (text += chunk.toString('latin1')));
  await once(socket, 'close');
  return text;
}

/** Sends a byte every 50 ms for as long as anybody takes them. */
async function trickle(socket: Socket, bytes: string): Promise<void> {
  for (const byte of bytes) {
    if (socket.destroyed || !socket.writable) return;
    socket.write(byte);
    await sleep(50);
  }
}

const line = 'POST /v1/webhooks/distribution HTTP/1.1\r\n';
const head = `${line}host: x\r\nauthorization: ${bearer.authorization}\r\n`;

describe('a sender that is slow', () => {
  for (const [what, first, then, answer] of [
    ['with its headers', line, 'x-a: b\r\n'.repeat(50), /^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s],
    ['with its body', `${head}content-length: 1000\r\n\r\n`, 'x'.repeat(1_000), /^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s],
    ['with its chunks', `${head}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n'.repeat(50), /^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s],
    ['to begin at all', '', '', /^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s],
  ] as const)
    it(`${what} is told so, and cut`, async () => {
      const { app, port, post } = await listen();
      const socket = await open(port);
      socket.write(first);
      const [text] = await Promise.all([untilClosed(socket), trickle(socket, then)]);
      assert.match(text, answer);
      assert.equal(await post('after'), 202);
      await app.close();
    });

  it('is counted by why, and its endpoint where it is known', async () => {
    const { app, port, registry } = await listen();
    const counts = async (): Promise<ReadonlyMap<string, number>> => {
      const lines = (await registry.metrics()).matchAll(/requests_total\{endpoint="(\w+)",outcome="too-slow"\} (\d+)/g);
      return new Map([...lines].map(([, endpoint, count]) => [endpoint!, Number(count)]));
    };
    const total = async (): Promise<number> => [...(await counts()).values()].reduce((sum, count) => sum + count, 0);
    for (const [endpoint, first] of [
      ['distribution', `${head}content-length: 1000\r\n\r\n{`],
      ['unknown', ''],
    ] as const)
      // On a busy machine the time may be up before the headers are read, and the endpoint is not known: then once more.
      for (let rounds = 0; !(await counts()).has(endpoint); rounds++) {
        assert.ok(rounds < 20, `a slow sender of ${endpoint} is counted`);
        const before = await total();
        const socket = await open(port);
        socket.write(first);
        await untilClosed(socket);
        // A sender sees the end before the gateway has counted it.
        for (let tries = 0; tries < 400 && (await total()) === before; tries++) await sleep(5);
      }
    await app.close();
  });
});

describe('a sender that reads no answers', () => {
  it('is cut, and what it holds comes back', async () => {
    const { app, port, post } = await listen({ ...limits, IN_FLIGHT_REQUESTS_MAX: 1_000 });
    const socket = await open(port);
    socket.pause();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const requests = `${line.replace('distribution', 'nobody')}host: x\r\ncontent-length: 0\r\n\r\n`.repeat(1_000);
    while (!socket.destroyed && socket.write(requests)) await sleep(1);
    socket.on('drain', () => socket.write(requests));
    await closed;
    assert.equal(await post('after'), 202);
    await app.close();
  });
});

describe('connections', () => {
  it('that are only kept make room for new ones', async () => {
    const { app, port, post } = await listen({ ...limits, HTTP_REQUEST_TIMEOUT_MS: 5_000 });
    const kept = await Promise.all(Array.from({ length: 8 }, () => open(port)));
    await Promise.all(
      kept.map(async (socket) => {
        socket.write(`${line.replace('distribution', 'nobody')}host: x\r\ncontent-length: 0\r\n\r\n`);
        await once(socket, 'data');
      }),
    );
    for (const id of ['a', 'b', 'c']) assert.equal(await post(id), 202);
    for (const socket of kept) socket.destroy();
    await app.close();
  });
});

describe('closing', () => {
  for (const [what, bytes] of [
    ['has not sent its headers', line],
    ['has not sent its body', `${head}content-length: 1000\r\n\r\n{`],
    ['has not sent anything', ''],
  ] as const)
    it(`does not wait for a sender that ${what}`, async () => {
      const { app, port } = await listen();
      const socket = await open(port);
      socket.write(bytes);
      const text = untilClosed(socket);
      await sleep(20);
      await app.close();
      await text;
    });

  it('keeps every delivery that it has answered with 202, and leaves no request without an end', async () => {
    const { app, log, post } = await listen({ ...limits, IN_FLIGHT_REQUESTS_MAX: 100 });
    const acknowledged = new Set<string>();
    let isOver = false;
    const sender = async (name: number): Promise<void> => {
      for (let count = 0; !isOver; count++) {
        const id = `push-${name}-${count}-end`;
        const status = await post(id).catch(() => 0);
        if (status === 202) acknowledged.add(id);
      }
    };
    const senders = Array.from({ length: 32 }, (_, name) => sender(name));
    while (acknowledged.size < 200) await sleep(5);
    await app.close();
    isOver = true;
    await Promise.all(senders);
    const kept = log
      .records()
      .map(({ value }) => String(value))
      .join('\n');
    assert.deepEqual([...acknowledged].filter((id) => !kept.includes(id)), []); // prettier-ignore
  });
});
