import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Readable } from 'node:stream';
import { createRegistryClient, type ClientOptions, type RegistryClient, type RegistryRequest } from './client.ts';
import type { OciError } from './errors.ts';
import { manualClock } from './manual-clock.fixture.ts';
import { httpAnswer, startScriptedServer, type Exchange, type ScriptedServer } from './scripted-server.fixture.ts';

const signal = AbortSignal.timeout(30_000);
const common = { repository: 'team/app', what: 'it', action: 'pull', expects: [200], signal } as const;
const get: RegistryRequest = { ...common, method: 'GET', at: 'manifests/v1' };
const byDigest = `manifests/sha256:${'a'.repeat(64)}`;

type Started = { readonly server: ScriptedServer; readonly client: RegistryClient; readonly clock: ReturnType<typeof manualClock> };
async function start(test: TestContext, answer: (exchange: Exchange) => void, options: ClientOptions = {}): Promise<Started> {
  const server = await startScriptedServer(test, answer);
  const clock = manualClock({ isHasty: true });
  const client = createRegistryClient(
    { name: 'scripted', host: server.host, plainHttp: true },
    { clock, random: () => 0.5, answerMs: 300, ...options },
  );
  test.after(client.close);
  return { server, client, clock };
}
/** Fails the first ones. */
const failing =
  (times: number, fail: (exchange: Exchange) => void) =>
  (exchange: Exchange): void =>
    void (exchange.index < times ? fail(exchange) : exchange.socket.write(httpAnswer(200)));
const reset = ({ socket }: Exchange): void => void socket.resetAndDestroy();
const answers =
  (status: number, headers = {}) =>
  ({ socket }: Exchange): void =>
    void socket.write(httpAnswer(status, headers));

describe('a request that failed on its way', () => {
  for (const [name, fail] of Object.entries({ 'a reset': reset, 'a 503': answers(503), 'a slow answer': () => {} })) {
    it(`is sent again after ${name}, with pauses that grow`, async (test) => {
      const { client, server, clock } = await start(test, failing(4, fail));
      assert.equal((await client.send(get)).status, 200);
      assert.equal(server.heads.length, 5);
      assert.deepEqual(clock.sleptMs, [50, 100, 200, 400]);
    });
  }

  it('fails with the last failure after five tries', async (test) => {
    const { client, server } = await start(test, answers(502));
    await assert.rejects(client.send(get), { code: 'REGISTRY_UNAVAILABLE', status: 502 });
    assert.equal(server.heads.length, 5);
  });

  it('is not sent again once the registry has said no', async (test) => {
    const { client, server } = await start(test, answers(403));
    await assert.rejects(client.send(get), { code: 'REGISTRY_DENIED' });
    assert.equal(server.heads.length, 1);
  });

  it('is sent again where that changes nothing, and only there', async (test) => {
    const body = Buffer.from('{}');
    const again: readonly RegistryRequest[] = [
      { ...get, method: 'HEAD' },
      { ...common, method: 'PUT', at: byDigest, body },
      { ...common, method: 'POST', at: 'blobs/uploads/' },
    ];
    const never: readonly RegistryRequest[] = [
      { ...common, method: 'PUT', at: 'manifests/v1', body },
      { ...common, method: 'PUT', at: 'blobs/uploads/1?digest=x', body },
      { ...common, method: 'PUT', at: byDigest, body: Readable.from([body]) },
      { ...common, method: 'PATCH', at: 'blobs/uploads/1', body },
      { ...common, method: 'DELETE', at: byDigest },
    ];
    for (const [requests, expected] of [[again, 2] as const, [never, 1] as const]) {
      for (const request of requests) {
        const { client, server } = await start(test, failing(1, reset));
        await client.send(request).catch((error: OciError) => assert.equal(error.code, 'REGISTRY_UNAVAILABLE'));
        assert.equal(server.heads.length, expected, `${request.method} ${String(request.at)}`);
      }
    }
  });

  it('waits as long as it is told, with jitter, and holds all others of that client back meanwhile', async (test) => {
    const { client, server, clock } = await start(test, failing(1, answers(429, { 'retry-after': '3' })));
    await client.send(get);
    assert.deepEqual(clock.sleptMs, [3_050]);
    assert.equal(server.heads.length, 2);
    const paused = await start(test, failing(1, answers(429, { 'retry-after': '3' })), { clock: manualClock() });
    const first = paused.client.send(get);
    while (paused.server.heads.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = paused.client.send(get);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(paused.server.heads.length, 1);
    void Promise.all([first, second]).catch(() => {});
  });

  it('fails at once when it is told to wait longer than is waited here', async (test) => {
    const { client, server, clock } = await start(test, answers(503, { 'retry-after': '31' }));
    await assert.rejects(client.send(get), { code: 'REGISTRY_UNAVAILABLE', retryAfterMs: 31_000 });
    assert.deepEqual([server.heads.length, clock.sleptMs.length], [1, 0]);
  });

  it('is sent again after a 429 whatever it is, but not with a stream', async (test) => {
    const turnedAway = failing(1, answers(429));
    const body = Buffer.from('{}');
    const first = await start(test, turnedAway);
    await first.client.send({ ...common, method: 'PATCH', at: 'blobs/uploads/1', body });
    assert.equal(first.server.heads.length, 2);
    const second = await start(test, turnedAway);
    const streamed = second.client.send({ ...common, method: 'PATCH', at: 'blobs/uploads/1', body: Readable.from([body]) });
    await assert.rejects(streamed, { code: 'REGISTRY_RATE_LIMITED' });
    assert.equal(second.server.heads.length, 1);
  });

  it('ends typed in a storm of 429s, after a bounded time', async (test) => {
    const { client, server, clock } = await start(test, answers(429));
    await assert.rejects(client.send(get), { code: 'REGISTRY_RATE_LIMITED', retry: true });
    assert.ok(clock.now() <= 30_000 && server.heads.length < 50, `${clock.now()} ms, ${server.heads.length} requests`);
  });

  it('ends right when the storm ends before', async (test) => {
    const { client } = await start(test, failing(20, answers(429)));
    assert.equal((await client.send(get)).status, 200);
  });

  it('ends with the reason of its signal in the middle of a pause', async (test) => {
    const { client, server, clock } = await start(test, answers(503), { clock: manualClock() });
    const controller = new AbortController();
    const reason = new Error('revoked');
    const sending = client.send({ ...get, signal: controller.signal });
    while (server.heads.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort(reason);
    await assert.rejects(sending, (error) => error === reason);
    assert.equal(clock.now(), 0);
  });
});

describe('places at a registry', () => {
  const limited = (test: TestContext, answer: (exchange: Exchange) => void) => async () => {
    const server = await startScriptedServer(test, answer);
    const client = createRegistryClient(
      { name: 's', host: server.host, plainHttp: true, connectionsMax: 1 },
      { answerMs: 300, repeatMsMax: 0 },
    );
    test.after(client.close);
    return client;
  };

  it('are given back however a request ends', async (test) => {
    const ends: Readonly<Record<string, (exchange: Exchange) => void>> = {
      'with a body': ({ socket }) => socket.write(httpAnswer(200, {}, 'body')),
      'with a status that is not expected': answers(404),
      'with a redirect to nowhere': answers(307),
      'by a reset': reset,
      'by a cut': ({ socket }) => socket.end(httpAnswer(200, { 'content-length': '9' }, 'body')),
      silently: () => {},
    };
    for (const [name, end] of Object.entries(ends)) {
      const client = await limited(test, ({ socket, head, index }) =>
        head.startsWith('HEAD') ? socket.write(httpAnswer(200)) : end({ socket, head, index }),
      )();
      await client.send(get).then(
        ({ body }) => body.dump().catch(() => {}),
        () => {},
      );
      assert.equal((await client.send({ ...get, method: 'HEAD' })).status, 200, name);
      // The empty body of a HEAD is read by nobody.
      assert.equal((await client.send({ ...get, method: 'HEAD' })).status, 200, name);
    }
  });

  it('are kept while a body comes, and given back when it is destroyed', async (test) => {
    const client = await limited(test, ({ socket, index }) =>
      socket.write(index === 0 ? httpAnswer(200, { 'content-length': '9' }, 'body') : httpAnswer(200)),
    )();
    const first = await client.send(get);
    let isSecondDone = false;
    const second = client.send(get).then(() => (isSecondDone = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(isSecondDone, false);
    first.body.destroy();
    await second;
  });

  it('are given back when undici refuses a request', async (test) => {
    const client = await limited(test, answers(200))();
    await assert.rejects(client.send({ ...get, headers: { 'x-bad': 'a\nb' } }), /.*/);
    assert.equal((await client.send(get)).status, 200);
  });
});

describe('bytes per second', () => {
  it('hold a download and an upload back', async (test) => {
    const bytes = Buffer.alloc(20_000, 'x');
    const server = await startScriptedServer(test, ({ socket, index }) =>
      socket.write(index === 0 ? httpAnswer(200, {}, bytes.toString()) : httpAnswer(200)),
    );
    const clock = manualClock();
    const registry = { name: 's', host: server.host, plainHttp: true, bytesPerSecondMax: 1_024 };
    const client = createRegistryClient(registry, { clock });
    test.after(client.close);
    const { body } = await client.send(get);
    const reading = body.arrayBuffer();
    let isRead = false;
    void reading.then(() => (isRead = true));
    for (let turns = 0; !isRead; turns++) {
      assert.ok(turns < 10_000, 'it comes to an end');
      await clock.pass(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.equal((await reading).byteLength, bytes.byteLength);
    const downloadedAtMs = clock.now();
    const upload = { ...common, method: 'PUT', at: 'blobs/uploads/1', body: Readable.from([bytes, bytes]) } as const;
    let isSent = false;
    const sending = client.send({ ...upload, headers: { 'content-length': '40000' } }).then(() => (isSent = true));
    for (let turns = 0; !isSent && turns < 10_000; turns++) {
      await clock.pass(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await sending;
    assert.ok(clock.now() - downloadedAtMs > 19_000, `${clock.now() - downloadedAtMs} ms for 40,000 bytes behind 20,000 others`);
  });
});
