import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry, type FakeRegistryOptions } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { getManifest } from '../manifest/manifest.ts';
import type { Registry } from '../host/settings.ts';

const password = 'correct horse';
const basic = `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;
const folder = mkdtempSync(join(tmpdir(), 'waybill-auth-'));
const passwordFile = join(folder, 'password');
const closing: (() => Promise<unknown>)[] = [() => Promise.resolve(rmSync(folder, { recursive: true }))];
const signal = AbortSignal.timeout(30_000);
const query = { repository: 'team/app', reference: 'v1' };
const denied = (challenge: string) => ({ status: 401, headers: { 'www-authenticate': challenge } });

after(async () => {
  for (const close of closing.reverse()) await close();
});

async function start(
  options: FakeRegistryOptions,
  settings: Partial<Registry> = {},
): Promise<{ registry: FakeRegistry; client: RegistryClient }> {
  writeFileSync(passwordFile, `${password}\n`);
  const registry = await startFakeRegistry(options);
  const credentials = { username: 'robot', passwordFile };
  const client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true, ...credentials, ...settings });
  closing.push(registry.close, client.close);
  return { registry, client };
}

type Realm = { readonly url: string; readonly asked: IncomingMessage[] };
async function startRealm(answer: (request: IncomingMessage) => object | number): Promise<Realm> {
  const asked: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request);
    const body = answer(request);
    response.writeHead(typeof body === 'number' ? body : 200).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked };
}

describe('basic authentication', () => {
  const guard = ({ headers }: IncomingMessage) => (headers.authorization === basic ? undefined : denied('Basic realm="registry"'));

  it('sends the password only after it was asked for, and then at once', async () => {
    const seen: (string | undefined)[] = [];
    const watching = (request: IncomingMessage) => {
      seen.push(request.headers.authorization);
      return guard(request);
    };
    const { client } = await start({ guard: watching });
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
    assert.equal(seen[0], undefined);
    assert.deepEqual(new Set(seen.slice(1)), new Set([basic]));
  });

  it('reads a changed password from its file, and does not repeat a wrong one', async () => {
    const { client, registry } = await start({ guard });
    writeFileSync(passwordFile, 'old');
    await assert.rejects(getManifest(client, query, signal), { code: 'REGISTRY_UNAUTHORIZED', retry: false });
    const before = registry.requests.length;
    await assert.rejects(getManifest(client, query, signal), { code: 'REGISTRY_UNAUTHORIZED' });
    assert.equal(registry.requests.length, before + 1);
    writeFileSync(passwordFile, password);
    await assert.rejects(getManifest(client, query, signal), { code: 'CONTENT_NOT_FOUND' });
  });

  it('shows no password in an error, and says where to look', async () => {
    const { client } = await start({ guard: () => denied('Basic realm="x"') });
    await assert.rejects(getManifest(client, query, signal), (error: Error) => {
      const text = `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`;
      return text.includes('passwordFile') && !text.includes(password) && !text.includes(basic.slice(6));
    });
    rmSync(passwordFile);
    await assert.rejects(getManifest(client, query, signal), { code: 'REGISTRY_UNAUTHORIZED', message: /ENOENT/ });
  });

  it('keeps the credentials from another host that it is redirected to', async () => {
    const elsewhere = await startRealm(() => 404);
    const { client, registry } = await start({ guard });
    const redirect = { path: /manifests/, kind: 'answer', status: 307, headers: { location: elsewhere.url } } as const;
    const reading = () => assert.rejects(getManifest(client, query, signal), { code: 'CONTENT_NOT_FOUND' });
    registry.fail(redirect);
    await reading(); // Before the client was ever asked for its password,
    await reading(); // here it is asked and answers, and knows the way from now on,
    registry.fail(redirect);
    await reading(); // and would send the password at once.
    assert.equal(elsewhere.asked.length, 2);
    assert.deepEqual(new Set(elsewhere.asked.map(({ headers }) => headers.authorization)), new Set([undefined]));
  });
});

describe('token authentication', () => {
  const bearer = (realm: string) => `Bearer realm="${realm}",service="registry.example"`;

  it('asks the realm once for each scope and life of a token', async () => {
    const realm = await startRealm(() => ({ token: 't1', expires_in: 300 }));
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === 'Bearer t1' ? undefined : denied(bearer(realm.url)));
    const { client } = await start({ guard });
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
    await getManifest(client, query, signal);
    await getManifest(client, query, signal);
    const scopes = realm.asked.map(({ url }) => new URL(url ?? '', realm.url).searchParams.get('scope'));
    assert.deepEqual(scopes, ['repository:team/app:pull,push', 'repository:team/app:pull']);
    assert.equal(realm.asked[0]?.headers.authorization, basic);
  });

  it('fetches a new one when the old one is refused', async () => {
    let valid = 't1';
    const realm = await startRealm(() => ({ access_token: valid, expires_in: 300 }));
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === `Bearer ${valid}` ? undefined : denied(bearer(realm.url)));
    const { client } = await start({ guard });
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
    valid = 't2';
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
  });

  it('says when the realm refuses, is in trouble, or answers nonsense, and never quotes it', async () => {
    const expected = [
      [401, { code: 'REGISTRY_UNAUTHORIZED', retry: false }],
      [500, { code: 'REGISTRY_UNAVAILABLE', retry: true }],
      [{ token: 'a\r\nx: y' }, { code: 'REGISTRY_PROTOCOL' }],
      [{ token: 7 }, { code: 'REGISTRY_PROTOCOL' }],
    ] as const;
    for (const [answer, failure] of expected) {
      const realm = await startRealm(() => answer);
      const { client } = await start({ guard: () => denied(bearer(realm.url)) });
      await assert.rejects(getManifest(client, query, signal), failure);
    }
  });

  it('gives the password to no realm that is not https, nor the registry itself, nor its authHost', async () => {
    const realm = await startRealm(() => ({ token: 't1' }));
    const foreign = realm.url.replace('127.0.0.1', 'localhost');
    const tries: readonly (readonly [string, Partial<Registry>])[] = [
      [foreign, {}],
      [realm.url, { authHost: 'auth.example' }],
      [realm.url.replace('//', '//user:pw@'), {}],
      ['ftp://127.0.0.1/', {}],
      ['nonsense', {}],
    ];
    for (const [url, settings] of tries) {
      const { client } = await start({ guard: () => denied(bearer(url)) }, settings);
      await assert.rejects(getManifest(client, query, signal), { code: 'REGISTRY_PROTOCOL', retry: false }, url);
    }
    assert.equal(realm.asked.length, 0);
  });
});
