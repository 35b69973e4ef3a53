import assert from 'node:assert/strict';
import { createServer, type ServerOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, it, type TestContext } from 'node:test';
import { issue } from '@waybill/webhook-sources/testing';
import { pushImage, randomImage, startFakeRegistry } from '@waybill/testing';
import { secretsFolder } from '../auth/cloud.fixture.ts';
import { createCopier } from '../copy/copier.ts';
import { asOciError, createRegistryClient } from './client.ts';
import type { OciError } from './errors.ts';
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
    const refusal = { code: 'REGISTRY_UNTRUSTED', retry: false, message: /an authority that is not known here .* caFile .* --ca-file/ };
    await assert.rejects(clientOf(test, host, {}).send(get), refusal);
    const other = issue({ commonName: 'Another authority', isCa: true }).pem;
    await assert.rejects(clientOf(test, host, { caFile: other }).send(get), refusal);
  });

  it('says what is wrong with a certificate, and what to do', async (test) => {
    const of = (wish: object) => issue({ commonName: 'A registry', issuer: authority, dnsNames: ['localhost'], ...wish });
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ to: new Date('2021-01-01T00:00:00Z') }, /not valid at this time .*: have it renewed/],
      [{ from: new Date('2048-01-01T00:00:00Z') }, /not valid at this time .*: have it renewed/],
      [{ dnsNames: ['r.example'] }, /for another name .*: reach it by a name/],
    ];
    for (const [wish, message] of wrong) {
      const { pem, keyPem } = of(wish);
      const { host } = await startTls(test, { cert: pem, key: keyPem });
      await assert.rejects(clientOf(test, host, { caFile: authority.pem }).send(get), {
        code: 'REGISTRY_UNTRUSTED',
        retry: false,
        message,
      });
    }
  });

  it('shows our certificate to a registry that asks for one', async (test) => {
    const { host, clients } = await startTls(test, { ca: authority.pem, requestCert: true, rejectUnauthorized: true });
    const files = { caFile: authority.pem, certFile: ours.pem, keyFile: ours.keyPem };
    assert.equal((await clientOf(test, host, files).send(get)).status, 200);
    assert.deepEqual(clients, ['Waybill']);
    // By TLS 1.3 the registry says no when the handshake is over for us: the connection may break before that has come.
    await assert.rejects(clientOf(test, host, { caFile: authority.pem }).send(get), { code: /REGISTRY_(UNTRUSTED|UNAVAILABLE)/ });
  });

  it('says that a registry wants another certificate of ours', async (test) => {
    const asks = { ca: authority.pem, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' } as const;
    const { host } = await startTls(test, asks);
    const message = /wants a certificate of ours.*certFile and keyFile/;
    await assert.rejects(clientOf(test, host, { caFile: authority.pem }).send(get), { code: 'REGISTRY_UNTRUSTED', retry: false, message });
    // As servers in Go say it.
    for (const code of [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    ]) {
      const error = asOciError(Object.assign(new Error(), { code }), get, { host }) as OciError;
      assert.match(error.message, message, code);
    }
  });

  it('holds for all that a copy asks, at both ends', async (test) => {
    const certificate = { cert: own.pem, key: own.keyPem };
    const source = await startFakeRegistry({ tls: certificate });
    const target = await startFakeRegistry({ tls: { ...certificate, ca: authority.pem, requestCert: true, rejectUnauthorized: true } });
    test.after(() => Promise.all([source.close(), target.close()]));
    const from = clientOf(test, source.host, { caFile: authority.pem });
    const to = clientOf(test, target.host, { caFile: authority.pem, certFile: ours.pem, keyFile: ours.keyPem });
    const image = randomImage({ layerBytes: 2_000_000 });
    const { digest } = await pushImage({ client: from, repository: 'team/app', tag: 'v1' }, image);
    const places = { source: { client: from, repository: 'team/app' }, target: { client: to, repository: 'team/app' } };
    await createCopier().copy({ ...places, reference: 'v1', tag: 'v1', verify: 'read', signal });
    assert.equal(target.repositories.get('team/app')?.tags.get('v1'), digest);
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
