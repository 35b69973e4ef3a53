import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { probeRegistry } from './probe.ts';
import { flood, httpAnswer, startScriptedServer, type Exchange } from './scripted-server.fixture.ts';
import type { Registry } from './settings.ts';

const json = { 'content-type': 'application/json' };
const probe = (registry: Registry, timeoutMs = 10_000) => probeRegistry(registry, { timeoutMs, signal: AbortSignal.timeout(30_000) });

async function probed(test: TestContext, answer: (exchange: Exchange) => void, timeoutMs?: number) {
  const { host, heads } = await startScriptedServer(test, answer);
  return { host, heads, answer: await probe({ name: 'a', host, plainHttp: true }, timeoutMs) };
}

describe('a registry is up that', () => {
  for (const status of [200, 301, 401, 403, 404, 429])
    it(`answers ${status}`, async (test) => {
      const { answer } = await probed(test, ({ socket }) => socket.write(httpAnswer(status, { ...json, location: 'http://127.0.0.1:1/' })));
      assert.deepEqual(answer, { isUp: true, reason: `answers ${status}` });
    });

  it('answers with a body that does not end', async (test) => {
    const { answer } = await probed(test, ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n');
      flood(socket, Buffer.from(`fff0\r\n${' '.repeat(0xfff0)}\r\n`));
    });
    assert.deepEqual(answer, { isUp: true, reason: 'answers 200' });
  });
});

describe('a registry is down that', () => {
  const rows: Readonly<Record<string, readonly [answer: (exchange: Exchange) => void, reason: RegExp]>> = {
    'answers 500': [({ socket }) => socket.write(httpAnswer(500)), /^REGISTRY_UNAVAILABLE: .* answered 500/],
    'answers 503 and asks for patience': [({ socket }) => socket.write(httpAnswer(503, { 'retry-after': '3600' })), /answered 503/],
    'cuts the connection': [({ socket }) => socket.destroy(), /^REGISTRY_UNAVAILABLE: /],
    'speaks something else': [({ socket }) => socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n'), /^REGISTRY_PROTOCOL: /],
    'lets a portal answer': [
      ({ socket }) => socket.write(httpAnswer(200, { 'content-type': 'text/html' }, '<h1>Hello</h1>')),
      /^REGISTRY_PROTOCOL: .* HTML page/,
    ],
  };
  for (const [what, [answer, reason]] of Object.entries(rows))
    it(what, async (test) => {
      const { answer: found } = await probed(test, answer);
      assert.equal(found.isUp, false);
      assert.match(found.reason, reason);
    });

  it('takes the connection and says nothing', async (test) => {
    const { answer } = await probed(test, () => undefined, 50);
    assert.deepEqual([answer.isUp, answer.reason.split(':', 1)[0]], [false, 'REGISTRY_TIMEOUT']);
  });

  it('shows no certificate', async (test) => {
    const { host } = await startScriptedServer(test, ({ socket }) => socket.end(httpAnswer(200)));
    const { isUp, reason } = await probe({ name: 'a', host });
    assert.equal(isUp, false);
    assert.match(reason, /^REGISTRY_(PROTOCOL|UNTRUSTED|UNAVAILABLE): /);
  });

  it('refuses connections', async () => {
    const host = '127.0.0.1:1';
    assert.match((await probe({ name: 'a', host, plainHttp: true })).reason, /^REGISTRY_UNAVAILABLE: .*ECONNREFUSED/);
  });

  it('cannot be asked, because a certificate of ours is not there', async () => {
    const { isUp, reason } = await probe({ name: 'a', host: '127.0.0.1:1', certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem' });
    assert.deepEqual([isUp, reason.startsWith('REGISTRY_UNTRUSTED: certFile of registry a')], [false, true]);
  });
});

it('no credentials are shown, neither at first nor where they are asked for', async (test) => {
  const challenge = { 'www-authenticate': 'Basic realm="a"' };
  const { host, heads } = await startScriptedServer(test, ({ socket }) => socket.write(httpAnswer(401, challenge)));
  const answer = await probe({ name: 'a', host, plainHttp: true, username: 'robot', passwordFile: '/nowhere/password' });
  assert.deepEqual([answer, heads.length], [{ isUp: true, reason: 'answers 401' }, 1]);
  assert.doesNotMatch(heads.join('\n'), /authorization|robot/i);
});

it('an abort is no answer', async (test) => {
  const aborting = new AbortController();
  const { host } = await startScriptedServer(test, () => aborting.abort(new Error('lost')));
  await assert.rejects(probeRegistry({ name: 'a', host, plainHttp: true }, { timeoutMs: 10_000, signal: aborting.signal }), /lost/);
});
