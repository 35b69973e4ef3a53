import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry, type FakeRegistryOptions } from '@waybill/testing';
import { systemClock } from '@waybill/stream';
import { createRegistryClient, type ClientOptions, type RegistryClient } from '../host/client.ts';
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
  settings: { readonly [K in keyof Registry]?: Registry[K] | undefined } = {},
  clientOptions: ClientOptions = {},
): Promise<{ registry: FakeRegistry; client: RegistryClient }> {
  writeFileSync(passwordFile, `${password}\n`);
  const registry = await startFakeRegistry(options);
  const credentials = { username: 'robot', passwordFile };
  const all = { name: 'a', host: registry.host, plainHttp: true, ...credentials, ...settings };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Registry;
  const client = createRegistryClient(given, { triesMax: 1, ...clientOptions });
  closing.push(registry.close, client.close);
  return { registry, client };
}

type Realm = { readonly url: string; readonly asked: IncomingMessage[] };
async function startRealm(answer: (request: IncomingMessage) => object | number, forms: URLSearchParams[] = []): Promise<Realm> {
  const asked: IncomingMessage[] = [];
  const server: Server = createServer(async (request, response) => {
    asked.push(request);
    if (request.method === 'POST') forms.push(new URLSearchParams(Buffer.concat(await request.toArray()).toString()));
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

  it('asks the realm once for each repository and life of a token', async () => {
    const realm = await startRealm(() => ({ token: 't1', expires_in: 300 }));
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === 'Bearer t1' ? undefined : denied(bearer(realm.url)));
    const { client } = await start({ guard });
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
    await getManifest(client, query, signal);
    await getManifest(client, query, signal);
    const scopes = realm.asked.map(({ url }) => new URL(url ?? '', realm.url).searchParams.get('scope'));
    assert.deepEqual(scopes, ['repository:team/app:pull,push'], 'who may push may pull');
    assert.equal(realm.asked[0]?.headers.authorization, basic);
  });

  it('asks the realm before the registry has to refuse, once it knows how; and once for many at a time', async () => {
    const realm = await startRealm(() => ({ token: 't1', expires_in: 300 }));
    let refusedCount = 0;
    const guard = ({ headers }: IncomingMessage) =>
      headers.authorization === 'Bearer t1' ? undefined : (refusedCount++, denied(bearer(realm.url)));
    const { client } = await start({ guard });
    const ask = (repository: string) =>
      assert.rejects(getManifest(client, { repository, reference: 'v1' }, signal), { code: 'CONTENT_NOT_FOUND' });
    await ask('first/app');
    assert.deepEqual([refusedCount, realm.asked.length], [1, 1]);
    await Promise.all(Array.from({ length: 20 }, () => ask('second/app')));
    assert.deepEqual([refusedCount, realm.asked.length], [1, 2]);
  });

  it('takes the token that another request has fetched while its own refusal was on the way', async () => {
    const realm = await startRealm(() => ({ token: 't1', expires_in: 300 }));
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === 'Bearer t1' ? undefined : denied(bearer(realm.url)));
    const { client, registry } = await start({ guard });
    registry.fail({ path: /manifests\/late/, kind: 'slow', delayMs: 300 });
    const ask = (reference: string) =>
      assert.rejects(getManifest(client, { repository: 'team/app', reference }, signal), { code: 'CONTENT_NOT_FOUND' });
    await Promise.all([ask('late'), ask('v1')]);
    assert.equal(realm.asked.length, 1);
  });

  it('does not ask for a token where only pushes need one', async () => {
    const realm = await startRealm(() => ({ token: 't1', expires_in: 300 }));
    const guard = ({ method, headers }: IncomingMessage) =>
      method === 'GET' || method === 'HEAD' || headers.authorization === 'Bearer t1' ? undefined : denied(bearer(realm.url));
    const { client } = await start({ guard });
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
    await assert.rejects(getManifest(client, { repository: 'other/app', reference: 'v1' }, signal), { code: 'CONTENT_NOT_FOUND' });
    assert.equal(realm.asked.length, 1);
  });

  it('fetches a new one before the old one ends', async () => {
    let nowMs = 0;
    const realm = await startRealm(() => ({ token: `t${Math.floor(nowMs / 60_000)}` })); // It says no end: that is a minute.
    let refusedCount = 0;
    const guard = ({ headers }: IncomingMessage) =>
      headers.authorization === `Bearer t${Math.floor(nowMs / 60_000)}` ? undefined : (refusedCount++, denied(bearer(realm.url)));
    const { client } = await start({ guard }, {}, { clock: { ...systemClock, now: () => nowMs } });
    const ask = () => assert.rejects(getManifest(client, query, signal), { code: 'CONTENT_NOT_FOUND' });
    await ask();
    nowMs = 54_000;
    await ask();
    assert.deepEqual([refusedCount, realm.asked.length], [1, 1]);
    nowMs = 60_000;
    await ask();
    assert.deepEqual([refusedCount, realm.asked.length], [1, 2]);
  });

  it('asks for the right to the repository that a blob is mounted from', async () => {
    const realm = await startRealm(() => ({ token: 't1', expires_in: 300 }));
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === 'Bearer t1' ? undefined : denied(bearer(realm.url)));
    const { client } = await start({ guard });
    const request = { method: 'POST', repository: 'team/app', what: 'mount', at: 'blobs/uploads/', action: 'push' } as const;
    await client.send({ ...request, mountFrom: 'other/app', expects: [202], signal });
    const scopes = new URL(realm.asked[0]?.url ?? '', realm.url).searchParams.getAll('scope');
    assert.deepEqual(scopes, ['repository:team/app:pull,push', 'repository:other/app:pull']);
  });

  it('is taken from the challenge that the client can meet, and anonymously where nothing else is there', async () => {
    const realm = await startRealm(({ headers }) => ({ token: headers.authorization === undefined ? 'anonymous' : 'known' }));
    const both = `Negotiate, Basic realm="x", ${bearer(realm.url)}`;
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === 'Bearer anonymous' ? undefined : denied(both));
    const registry = await startFakeRegistry({ guard });
    const client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
    closing.push(registry.close, client.close);
    await assert.rejects(getManifest(client, query, signal), { code: 'CONTENT_NOT_FOUND' });
  });

  it('is exchanged by POST for an identity token, which the registry itself never sees', async () => {
    const config = join(folder, 'config.json');
    const seen: string[] = [];
    const forms: URLSearchParams[] = [];
    const realm = await startRealm(() => ({ access_token: 't1' }), forms);
    const guard = ({ headers }: IncomingMessage) => {
      seen.push(String(headers.authorization));
      return headers.authorization === 'Bearer t1' ? undefined : denied(bearer(realm.url));
    };
    const { client, registry } = await start(
      { guard },
      { username: undefined, passwordFile: undefined, credentials: { kind: 'docker', configFile: config } },
    );
    writeFileSync(config, JSON.stringify({ auths: { [registry.host]: { auth: '', identitytoken: 'identity-secret' } } }));
    await assert.rejects(getManifest(client, query, signal), { code: 'CONTENT_NOT_FOUND' });
    assert.deepEqual(Object.fromEntries(forms[0] ?? []), {
      ...{ grant_type: 'refresh_token', client_id: 'waybill', refresh_token: 'identity-secret' },
      ...{ scope: 'repository:team/app:pull', service: 'registry.example' },
    });
    assert.equal(realm.asked[0]?.url, '/token');
    assert.deepEqual(seen, ['undefined', 'Bearer t1']);
  });

  it('is not asked for where docker has one for the registry already', async () => {
    const config = join(folder, 'config-registrytoken.json');
    const realm = await startRealm(() => 500);
    const guard = ({ headers }: IncomingMessage) => (headers.authorization === 'Bearer given' ? undefined : denied(bearer(realm.url)));
    const { client, registry } = await start(
      { guard },
      { username: undefined, passwordFile: undefined, credentials: { kind: 'docker', configFile: config } },
    );
    writeFileSync(config, JSON.stringify({ auths: { [registry.host]: { registrytoken: 'given' } } }));
    await assert.rejects(getManifest(client, query, signal), { code: 'CONTENT_NOT_FOUND' });
    writeFileSync(config, JSON.stringify({ auths: { [registry.host]: { registrytoken: 'wrong' } } }));
    assert.equal(realm.asked.length, 0);
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
