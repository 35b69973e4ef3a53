import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { isListening, isPortFree, pickPorts, portOrFree } from './ports.ts';

describe('picked ports', () => {
  it('are free, different, and below the range that outgoing connections take', async () => {
    const ports = await pickPorts(20);
    assert.equal(new Set(ports).size, 20);
    for (const port of ports) assert.ok(port >= 10_240 && port < 25_000, `${port}`);
  });

  it('leave out what is taken', async () => {
    const asked: number[] = [];
    const isFree = async (port: number): Promise<boolean> => asked.push(port) === 3;
    assert.deepEqual(await pickPorts(1, Math.random, isFree), [asked[2]]);
  });

  it('are never the same twice in a process, even before anybody listens', async () => {
    const always = async (): Promise<boolean> => true;
    let drawn = 0;
    await pickPorts(1, () => (drawn = Math.random()), always);
    await assert.rejects(
      pickPorts(1, () => drawn, always),
      /no 1 free ports/,
    );
  });

  it('stay as given unless 0 is asked for', async () => {
    assert.equal(await portOrFree(29_092), 29_092);
    assert.notEqual(await portOrFree(0), 0);
  });
});

describe('a port with a listener', () => {
  it('is not free, and accepts', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    assert.deepEqual([await isPortFree(port), await isListening(port)], [false, true]);
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual([await isPortFree(port), await isListening(port)], [true, false]);
  });
});
