import assert from 'node:assert/strict';
import { createServer, type ServerOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, it, type TestContext } from 'node:test';
import { issue } from '@waybill/webhook-sources/testing';
import { secretsFolder } from '../auth/cloud.fixture.ts';
import { createRegistryClient } from './client.ts';
import type { Registry } from './settings.ts';

const signal = AbortSignal.timeout(30_000);
const get = { method: 'GET', repository: 'team/app', what: 'it', at: 'manifests/v1', action: 'pull', expects: [200], signal } as const;
const authority = issue({ commonName: 'An authority', isCa: true });
const own = issue({ commonName: 'A registry', issuer: authority, dnsNames: ['localhost'] });
const ours = issue({ commonName: 'Waybill', issuer: authority });

/** What the server learns of who asks; an answer is a text, or where to go. */
async function startTls(test: TestContext, options: ServerOptions, answer: (request: IncomingMessage) => string | URL = () => 'ok') {
  const clients: (string | undefined)[] = [];
  const server = createServer({ cert: own.pem, key: own.keyPem, ...options }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    clients.push((subject as { readonly CN?: string } | undefined)?.CN);
    const text = answer(request);
    response.writeHead(text instanceof URL ? 307 : 200, text instanceof URL ? { location: text.href } : {}).end(String(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => (server.closeAllConnections(), server.close()));
  return { host: `localhost:${(server.address() as AddressInfo).port}`, clients };
}

/** A client of settings whose files hold what is given. */
function clientOf(test: TestContext, host: string, files: Readonly<Record<string, string>>, more: Partial<Registry> = {}) {
  const { write } = secretsFolder(test);
  const paths = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, write(name, text)]));
  const client = createRegistryClient({ name: 'a', host, ...paths, ...more }, { repeatMsMax: 0 });
  test.after(client.close);
  return client;
}

describe('TLS', () => {
  it('trusts the authority of caFile, and without it nobody unknown', async (test) => {
    const { host } = await startTls(test, {});
    assert.equal(await (await clientOf(test, host, { caFile: authority.pem }).send(get)).body.text(), 'ok');
    const advice = /see caFile, certFile and keyFile/;
    await assert.rejects(clientOf(test, host, {}).send(get), { code: 'REGISTRY_UNTRUSTED', retry: false, message: advice });
    const other = issue({ commonName: 'Another authority', isCa: true }).pem;
    await assert.rejects(clientOf(test, host, { caFile: other }).send(get), { code: 'REGISTRY_UNTRUSTED' });
  });

  it('shows our certificate to a registry that asks for one', async (test) => {
    const { host, clients } = await startTls(test, { ca: authority.pem, requestCert: true, rejectUnauthorized: true });
    const files = { caFile: authority.pem, certFile: ours.pem, keyFile: ours.keyPem };
    assert.equal((await clientOf(test, host, files).send(get)).status, 200);
    assert.deepEqual(clients, ['Waybill']);
    await assert.rejects(clientOf(test, host, { caFile: authority.pem }).send(get), { code: /REGISTRY_(UNTRUSTED|UNAVAILABLE)/ });
  });

  it('shows it to no storage that it is redirected to', async (test) => {
    const storage = await startTls(test, { ca: authority.pem, requestCert: true, rejectUnauthorized: false }, () => 'bytes');
    const asks = { ca: authority.pem, requestCert: true, rejectUnauthorized: false };
    const { host, clients } = await startTls(test, asks, () => new URL(`https://${storage.host}/blob`));
    const files = { caFile: authority.pem, certFile: ours.pem, keyFile: ours.keyPem };
    assert.equal(await (await clientOf(test, host, files).send(get)).body.text(), 'bytes');
    assert.deepEqual([clients, storage.clients], [['Waybill'], [undefined]]);
  });

  it('is never left for plain HTTP, not even where the registry redirects to it', async (test) => {
    const { host } = await startTls(test, {}, () => new URL('http://127.0.0.1:1/blob'));
    for (const more of [{}, { plainHttp: false }]) {
      const sending = clientOf(test, host, { caFile: authority.pem }, more).send(get);
      await assert.rejects(sending, { code: 'REDIRECT_REFUSED', message: /not https/ });
    }
  });

  it('says which file cannot be read, and nothing of what is in one', () => {
    const registry = { name: 'a', host: 'r.example', certFile: '/nonexistent/cert', keyFile: '/nonexistent/key' };
    assert.throws(() => createRegistryClient(registry), { code: 'REGISTRY_UNTRUSTED', message: /certFile of registry a .*ENOENT/ });
  });
});
