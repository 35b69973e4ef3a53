import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Readable } from 'node:stream';
import { startFakeRegistry } from '@waybill/testing';
import { digestOf } from '../descriptor/digest.ts';
import { createRegistryClient } from '../host/client.ts';
import { manualClock } from '../host/manual-clock.fixture.ts';
import { httpAnswer, startScriptedServer, type Exchange } from '../host/scripted-server.fixture.ts';
import { readBlob } from './blob.ts';
import { uploadBlob } from './upload.ts';

const bytes = Buffer.alloc(4_000_000, 'x');
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes: bytes.byteLength };
const query = { repository: 'team/app', descriptor };
const signal = AbortSignal.timeout(30_000);
const location = '/v2/team/app/blobs/uploads/1';
const triesMax = 5;

async function start(test: TestContext, answer: (exchange: Exchange) => void) {
  const server = await startScriptedServer(test, answer);
  const clock = manualClock({ isHasty: true });
  const client = createRegistryClient({ name: 's', host: server.host, plainHttp: true }, { clock, triesMax, random: () => 0.5 });
  test.after(client.close);
  const count = (method: string): number => server.heads.filter((head) => head.startsWith(`${method} `)).length;
  return { server, clock, client, count };
}
const refuse = ({ socket }: Exchange): void => void socket.write(httpAnswer(503));
const reset = ({ socket }: Exchange): void => void socket.resetAndDestroy();
/** Sends from where it is asked for, so many bytes, and cuts. */
const sendSome = ({ socket, head }: Exchange, sizeBytes: number): void => {
  const from = Number(/range: bytes=(\d+)-/.exec(head)?.[1] ?? 0);
  const headers = { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` };
  const whole = httpAnswer(from === 0 ? 200 : 206, { ...headers, 'content-length': String(bytes.byteLength - from) });
  socket.write(whole);
  if (from + sizeBytes >= bytes.byteLength) socket.write(bytes.subarray(from));
  else socket.end(bytes.subarray(from, from + sizeBytes));
};

describe('the tries of a blob', () => {
  it('are all that there are, whether a request or a body has failed', async (test) => {
    for (const fail of [refuse, reset, (exchange: Exchange) => sendSome(exchange, 1_000)]) {
      const { server, client } = await start(test, fail);
      await assert.rejects(readBlob(client, query, 5_000_000, signal), { code: 'REGISTRY_UNAVAILABLE' });
      assert.equal(server.heads.length, triesMax);
    }
    const mixed = await start(test, (exchange) => (exchange.index % 2 === 0 ? sendSome(exchange, 1_000) : refuse(exchange)));
    await assert.rejects(readBlob(mixed.client, query, 5_000_000, signal), { code: 'REGISTRY_UNAVAILABLE' });
    assert.equal(mixed.server.heads.length, triesMax);
    assert.deepEqual(mixed.clock.sleptMs, [50, 100, 200, 400]);
  });

  it('begin anew with each MiB that has come', async (test) => {
    const { server, client } = await start(test, (exchange) =>
      exchange.index % 3 === 0 ? sendSome(exchange, 1_600_000) : exchange.index % 3 === 1 ? refuse(exchange) : reset(exchange),
    );
    assert.deepEqual(await readBlob(client, query, 5_000_000, signal), bytes);
    assert.ok(server.heads.length > triesMax, `${server.heads.length} requests`);
  });

  it('are as many for all requests of an upload', async (test) => {
    const upload = (client: Parameters<typeof uploadBlob>[0]) => uploadBlob(client, query, async () => Readable.from([bytes]), signal);
    const closed = await start(test, refuse);
    await assert.rejects(upload(closed.client), { code: 'REGISTRY_UNAVAILABLE' });
    assert.deepEqual([closed.count('POST'), closed.server.heads.length], [triesMax, triesMax]);
    const half = await start(test, (exchange) => {
      if (exchange.head.startsWith('PUT')) return reset(exchange);
      exchange.socket.write(httpAnswer(exchange.head.startsWith('POST') ? 202 : 204, { location, range: '0-0' }));
    });
    await assert.rejects(upload(half.client), { code: 'REGISTRY_UNAVAILABLE' });
    assert.deepEqual([half.count('POST'), half.count('PUT')], [1, triesMax]);
    const worse = await start(test, (exchange) => {
      if (!exchange.head.startsWith('POST')) return reset(exchange);
      exchange.socket.write(httpAnswer(202, { location }));
    });
    await assert.rejects(upload(worse.client), { code: 'REGISTRY_UNAVAILABLE' });
    assert.equal(worse.count('PUT') + worse.count('GET'), triesMax + 1, 'once more to cancel it');
  });

  it('outlast those who turn away for a while', async (test) => {
    const registry = await startFakeRegistry();
    test.after(registry.close);
    const clock = manualClock({ isHasty: true });
    const client = createRegistryClient({ name: 'f', host: registry.host, plainHttp: true }, { clock, triesMax, random: () => 0.5 });
    test.after(client.close);
    const turnAway = (method: string, times: number) =>
      registry.fail({ method, path: /uploads/, kind: 'answer', status: 429, headers: { 'retry-after': '1' }, times });
    const upload = () => uploadBlob(client, query, async () => Readable.from([bytes]), signal);
    for (const method of ['POST', 'PUT']) {
      turnAway(method, 2 * triesMax);
      await upload();
    }
    turnAway('PUT', Infinity);
    const startedAtMs = clock.now();
    await assert.rejects(upload(), { code: 'REGISTRY_RATE_LIMITED', retryAfterMs: 1_000 });
    assert.ok(clock.now() - startedAtMs <= 30_000, `${clock.now() - startedAtMs} ms`);
  });
});
