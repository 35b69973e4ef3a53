import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { isBrokerReady, parseBrokersCount } from './kafka-probe.ts';
import { pickPorts } from './ports.ts';

const answer = (correlationId: number, brokers: number): Buffer => {
  const buffer = Buffer.alloc(12);
  buffer.writeInt32BE(8, 0);
  buffer.writeInt32BE(correlationId, 4);
  buffer.writeInt32BE(brokers, 8);
  return buffer;
};

async function probed(behave: (socket: Socket) => void): Promise<boolean> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => behave(socket));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const ready = await isBrokerReady((server.address() as AddressInfo).port, 200);
  server.close();
  return ready;
}

describe('a broker', () => {
  it('is ready when it lists itself', async () => assert.equal(await probed((socket) => socket.write(answer(7, 1))), true));
  it('is not ready while it lists nobody', async () => assert.equal(await probed((socket) => socket.write(answer(7, 0))), false));
  it('is not ready when it hangs up', async () => assert.equal(await probed((socket) => socket.end()), false));
  it('is not ready when it stays silent', async () => assert.equal(await probed(() => {}), false));
  it('is not ready when something else answers', async () =>
    assert.equal(await probed((socket) => socket.write('HTTP/1.1 400 Bad')), false));
  it('is not ready when nobody listens', async () => assert.equal(await isBrokerReady((await pickPorts(1))[0] as number), false));
});

describe('the count of brokers', () => {
  it('needs our own answer, whole', () => {
    assert.equal(parseBrokersCount(answer(7, 3)), 3);
    assert.equal(parseBrokersCount(answer(8, 3)), 0);
    assert.equal(parseBrokersCount(answer(7, 3).subarray(0, 11)), 0);
  });
});
