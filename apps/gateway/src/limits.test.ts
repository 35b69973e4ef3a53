import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as soon, setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Fetched } from './auth/fetch-bounded.ts';
import { bearer, memoryLog, push, secrets, sources, startGateway } from './gateway.fixture.ts';
import { open } from './raw.fixture.ts';

const body = { events: [push('e1')] };
const limited = (name: string, rate: { readonly perSecond: number; readonly burst: number }) =>
  new Map([...sources, [name, { ...sources.get(name)!, rate }]]);
const codeOf = (response: { readonly json: () => unknown }): unknown => (response.json() as { readonly code?: unknown }).code;

describe('an endpoint with a rate', () => {
  it('takes a burst, then answers 429 and when to come again', async () => {
    const { post } = await startGateway(memoryLog().append, {}, { sources: limited('distribution', { perSecond: 0.1, burst: 2 }) });
    for (let count = 0; count < 2; count++) assert.equal((await post('distribution', body, bearer)).statusCode, 202);
    const response = await post('distribution', body, bearer);
    assert.deepEqual([response.statusCode, codeOf(response), response.headers['retry-after']], [429, 'RATE_EXCEEDED', '10']);
    assert.equal((await post('harbor', '{}', { authorization: secrets.harbor })).statusCode, 202, 'others are not slowed');
  });

  it('gives none of it to those who do not prove who they are', async () => {
    for (const [endpoint, wrong] of [
      ['distribution', {}],
      ['signed', { 'x-body-proof': `sha256=${'0'.repeat(64)}` }],
    ] as const) {
      const { post, registry } = await startGateway(memoryLog().append, {}, { sources: limited(endpoint, { perSecond: 0.1, burst: 1 }) });
      for (let count = 0; count < 5; count++) assert.equal((await post(endpoint, body, wrong)).statusCode, 401);
      assert.match(await registry.metrics(), new RegExp(`endpoint="${endpoint}",outcome="unauthorized"} 5`));
    }
  });
});

describe('a body that is encoded', () => {
  it('gets 415, which says what is taken; one that says it is not encoded is taken', async () => {
    const { post } = await startGateway(memoryLog().append);
    for (const coding of ['gzip', 'GZIP', 'br', 'identity, gzip', 'aes128gcm']) {
      const response = await post('distribution', gzipSync(JSON.stringify(body)), { ...bearer, 'content-encoding': coding });
      assert.deepEqual([response.statusCode, codeOf(response)], [415, 'ENCODING_UNSUPPORTED'], coding);
      assert.equal(response.headers['accept-encoding'], 'identity');
    }
    for (const coding of ['identity', 'Identity'])
      assert.equal((await post('distribution', body, { ...bearer, 'content-encoding': coding })).statusCode, 202);
  });
});

describe('the flood of one endpoint', () => {
  it('leaves places for the others', async () => {
    let release = (): void => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));
    const { post } = await startGateway(memoryLog(() => hold).append, { IN_FLIGHT_REQUESTS_MAX: 50, APPEND_TIMEOUT_MS: 10_000 });
    const flood = Array.from({ length: 100 }, (_, count) => post('distribution', { events: [push(`f${count}`)] }, bearer));
    const other = post('harbor', '{}', { authorization: secrets.harbor });
    await sleep(100);
    release();
    const statuses = (await Promise.all(flood)).map(({ statusCode }) => statusCode);
    assert.deepEqual([statuses.filter((status) => status === 202).length, statuses.filter((status) => status === 503).length], [40, 60]);
    assert.equal((await other).statusCode, 202);
  });
});

/** An endpoint whose senders show tokens, such a token, and the keys that it takes to check one. */
function tokens() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = 'https://issuer.test';
  const auth = { scheme: 'oidc', issuers: [issuer], audience: 'a', jwksUrl: `${issuer}/keys`, algorithm: 'ES256', emails: null } as const;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', kid: 'k' })}.${part({ iss: issuer, aud: 'a', sub: 's', exp: 1_700_000_600 })}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256', use: 'sig' }] });
  const source = { ...sources.get('distribution')!, name: 'tokens', auth: { ...auth, claims: { sub: ['s'] } }, secrets: [] };
  return { sources: new Map([...sources, ['tokens', source]]), token: `${signed}.${signature}`, keys };
}

describe('a sender that leaves while its keys are fetched', () => {
  it('leaves no place taken behind', async () => {
    const { sources: withTokens, token, keys } = tokens();
    const fetched = Promise.withResolvers<Fetched>();
    const { app, post } = await startGateway(
      memoryLog().append,
      { IN_FLIGHT_REQUESTS_MAX: 2 },
      { sources: withTokens, trust: { fetch: () => fetched.promise, roots: [] } },
    );
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const server = app.server;
    for (let count = 0; count < 4; count++) {
      const connected = once(server, 'connection') as Promise<[Socket]>;
      const socket = await open(port);
      const [peer] = await connected;
      const asked = once(server, 'request');
      const left = once(peer, 'close');
      socket.write(`POST /v1/webhooks/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 2\r\n\r\n`);
      await asked;
      socket.destroy();
      await left;
    }
    fetched.resolve({ body: Buffer.from(keys), cacheControl: null });
    await soon(); // All four are let in at once now, though nobody waits any more.
    const answer = await post('tokens', '{}', { authorization: `Bearer ${token}` });
    assert.equal(answer.statusCode, 202, answer.body);
    await app.close();
  });
});
