import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { settingsOf, type AuthScheme } from '@waybill/webhook-sources';
import { issue, type Issued } from '@waybill/webhook-sources/testing';
import type { Fetched } from './auth/fetch-bounded.ts';
import { renewTls } from './auth/tls.ts';
import { memoryLog, push, startGateway } from './gateway.fixture.ts';
import type { Source } from './sources.ts';

// Over real sockets, with everything between the wire and the log; only what others publish is played.
const nowSeconds = 1_700_000_000;
const secret = 'kGf3-Zq8vX_2mLrT7wYb';
const source = (name: string, kind: Source['kind'], auth: AuthScheme): readonly [string, Source] => [
  name,
  { name, kind, settings: settingsOf(name), auth, secrets: [{ id: 'one', value: secret, notAfterMs: null }], rate: null },
];
const topic = 'arn:aws:sns:us-west-2:123456789012:ecr';
const audience = 'https://gateway.example/v1/webhooks/gar';
const jwksUrl = 'https://keys.example/certs';
const google = { issuers: ['https://accounts.google.com'], audience, jwksUrl, algorithm: 'RS256' as const, claims: {} };
const sources = new Map([
  source('bearer', 'distribution', { scheme: 'bearer' }),
  source('basic', 'ecr', { scheme: 'basic' }),
  source('header', 'distribution', { scheme: 'header', header: 'x-key' }),
  source('signed', 'distribution', { scheme: 'hmac-sha256', header: 'x-sig', prefix: 'sha256=', over: 'body' }),
  source('gar', 'gar', { scheme: 'oidc', ...google, emails: ['push@project.example'] }),
  source('sns', 'ecr', { scheme: 'sns', topicArns: [topic], signatureVersions: ['2'], certificateTrust: 'chain' }),
  source('mtls', 'distribution', { scheme: 'mtls', names: ['DNS:ci.example'] }),
]);

const provider = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const root = issue({ commonName: 'root', isCa: true });
const sns = issue({ commonName: 'sns', issuer: root, dnsNames: ['sns.amazonaws.com'] });
const certificateUrl = 'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-1.pem';
const web = { isAway: false, fetched: [] as string[] };
async function fetch(url: string): Promise<Fetched> {
  web.fetched.push(url);
  if (web.isAway) throw new Error('no route');
  const files: Readonly<Record<string, string>> = {
    [jwksUrl]: JSON.stringify({ keys: [{ ...provider.publicKey.export({ format: 'jwk' }), kid: 'a' }] }),
    [certificateUrl]: sns.pem,
  };
  return { body: Buffer.from(files[url] ?? ''), cacheControl: null };
}

type Sent = { readonly status: number; readonly body: string };
type Tls = { readonly ca: string; readonly client?: Issued };
type Headers = Readonly<Record<string, string | readonly string[]>>;
/** Header values in a list are sent as headers of their own. */
const send = (port: number, name: string, body: string, headers: Headers = {}, tls?: Tls): Promise<Sent> =>
  new Promise((resolve, reject) => {
    const raw = Object.entries({ host: 'localhost', 'content-length': String(Buffer.byteLength(body)), connection: 'close', ...headers });
    const options = {
      host: '127.0.0.1',
      port,
      path: `/v1/webhooks/${name}`,
      method: 'POST',
      headers: raw.flatMap(([key, values]) => [values].flat().flatMap((value) => [key, value])),
    };
    const client = tls?.client === undefined ? {} : { cert: tls.client.pem, key: tls.client.keyPem };
    const request =
      tls === undefined ? httpRequest(options) : httpsRequest({ ...options, ca: tls.ca, servername: 'localhost', agent: false, ...client });
    request.on('error', reject).on('response', (response) => {
      let text = '';
      response
        .on('data', (chunk: Buffer) => (text += chunk.toString()))
        .on('end', () => resolve({ status: response.statusCode!, body: text }));
    });
    request.end(body);
  });

const log = memoryLog();
const gateway = await startGateway(log.append, {}, { sources, trust: { fetch, roots: [root.certificate] } });
await gateway.app.listen({ port: 0, host: '127.0.0.1' });
const { port } = gateway.app.server.address() as AddressInfo;
after(() => gateway.app.close());
const delivery = (id: string): string => JSON.stringify({ events: [push(id)] });
const statusOf = async (...args: [name: string, body: string, headers?: Headers]): Promise<number> => (await send(port, ...args)).status;
const metric = async (text: string): Promise<string> => {
  const lines = (await gateway.registry.metrics()).split('\n');
  return (
    lines
      .find((line) => line.startsWith(text))
      ?.split(' ')
      .at(-1) ?? '0'
  );
};

describe('a proof', () => {
  it('that comes twice opens nothing, in whatever way Node would join or drop it', async () => {
    const bearer = `Bearer ${secret}`;
    assert.equal(await statusOf('bearer', delivery('1'), { authorization: bearer }), 202);
    for (const values of [
      [bearer, bearer],
      ['Bearer x', bearer],
      [bearer, ''],
    ])
      assert.ok([400, 401].includes(await statusOf('bearer', delivery('1'), { authorization: values })));
    assert.equal(await statusOf('header', delivery('1'), { 'x-key': secret }), 202);
    assert.equal(await statusOf('header', delivery('1'), { 'x-key': [secret, secret] }), 401);
    assert.equal(await statusOf('header', delivery('1'), { 'x-key': '' }), 401);
  });

  it('that fails is told to nobody, and counted by the class of its reason', async () => {
    const answers = await Promise.all([
      send(port, 'signed', delivery('1')),
      send(port, 'signed', delivery('1'), { 'x-sig': 'sha256=' }),
      send(port, 'signed', delivery('1'), { 'x-sig': `sha256=${'0'.repeat(64)}` }),
      send(port, 'signed', delivery('1'), { 'x-sig': 'sha1=00' }),
    ]);
    assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${body}`))].length, 1);
    assert.equal(answers[0]?.status, 401);
    for (const [reason, count] of Object.entries({ missing: '2', wrong: '1', malformed: '1' }))
      assert.equal(await metric(`waybill_gateway_unproven_total{endpoint="signed",reason="${reason}"}`), count);
    assert.equal(await metric('waybill_gateway_authenticated_total{endpoint="bearer",by="one"}'), '1');
    assert.ok(!gateway.logged().includes(secret));
  });
});

it('who is asked for user and password before he sends them is asked: so does SNS wait for it', async () => {
  const response = await gateway.post('basic', '{}');
  assert.deepEqual([response.statusCode, response.headers['www-authenticate']], [401, 'Basic realm="waybill"']);
  assert.equal((await gateway.post('bearer', '{}')).headers['www-authenticate'], undefined);
});

describe('a token', () => {
  const mint = (claims: object = {}): Headers => {
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const email = 'push@project.example';
    const body = { iss: google.issuers[0], aud: audience, exp: nowSeconds + 60, email, email_verified: true, ...claims };
    const text = `${encode({ alg: 'RS256', kid: 'a' })}.${encode(body)}`;
    return { authorization: `Bearer ${text}.${sign('sha256', Buffer.from(text), provider.privateKey).toString('base64url')}` };
  };
  const message = JSON.stringify({
    message: {
      data: Buffer.from(
        JSON.stringify({
          action: 'INSERT',
          digest: `us-docker.pkg.dev/p/r/app@sha256:${'a'.repeat(64)}`,
          tag: 'us-docker.pkg.dev/p/r/app:1',
        }),
      ).toString('base64'),
      messageId: '1',
      publishTime: '2024-08-06T12:00:00Z',
    },
    subscription: 's',
  });

  it('cannot be looked at without the provider’s keys: 503, and never a yes', async () => {
    web.isAway = true;
    assert.equal(await statusOf('gar', message, mint()), 503);
    web.isAway = false;
  });
  it('opens; another account’s is forbidden, one that is over is not', async () => {
    const ours = await startGateway(log.append, {}, { sources, trust: { fetch, roots: [] } });
    const ask = async (headers: Headers): Promise<number> =>
      (await ours.post('gar', message, headers as Record<string, string>)).statusCode;
    assert.equal(await ask(mint()), 202);
    assert.equal(await ask(mint({ email: 'other@project.example' })), 403);
    assert.equal(await ask(mint({ exp: nowSeconds - 60 })), 401);
    await ours.app.close();
  });
});

describe('SNS', () => {
  const signedKeys = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const signed = (body: Readonly<Record<string, string>>, key = sns.key): string => {
    const text = signedKeys.flatMap((name) => (body[name] === undefined ? [] : [`${name}\n${body[name]}\n`])).join('');
    const more = {
      SignatureVersion: '2',
      SigningCertURL: certificateUrl,
      Signature: sign('sha256', Buffer.from(text), key).toString('base64'),
    };
    return JSON.stringify({ ...body, ...more });
  };
  const subscribeUrl = `https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topic}&Token=t0ken`;
  const confirmation = (more: Readonly<Record<string, string>> = {}) => ({
    ...{ Type: 'SubscriptionConfirmation', MessageId: '1', Token: 't0ken', TopicArn: topic, Message: 'confirm' },
    ...{ SubscribeURL: subscribeUrl, Timestamp: '2024-08-06T12:00:00Z', ...more },
  });
  const ask = (body: string): Promise<number> =>
    statusOf('sns', body, { 'x-amz-sns-message-type': 'SubscriptionConfirmation', 'content-type': 'text/plain' });

  it('is confirmed once its signature is right, at its own host', async () => {
    web.fetched.length = 0;
    assert.equal(await ask(signed(confirmation())), 202);
    assert.deepEqual(web.fetched, [certificateUrl, subscribeUrl]);
    assert.ok(!gateway.logged().includes('t0ken'), 'who has the token can confirm, too');
  });
  it('is not confirmed by whoever cannot sign, for another topic, or elsewhere', async () => {
    web.fetched.length = 0;
    assert.equal(await ask(signed(confirmation({ MessageId: '2' }), root.key)), 401);
    assert.equal(await ask(signed(confirmation({ TopicArn: `${topic}2` }))), 403);
    assert.equal(await ask(signed(confirmation({ SubscribeURL: 'https://example.com/?Action=ConfirmSubscription' }))), 202);
    assert.equal(await ask(signed(confirmation({ SubscribeURL: subscribeUrl.replace('ConfirmSubscription', 'DeleteTopic') }))), 202);
    assert.deepEqual(web.fetched, []);
  });
  it('comes again where it could not be confirmed, and is then', async () => {
    web.isAway = true;
    assert.equal(await ask(signed(confirmation({ MessageId: '3' }))), 503);
    web.isAway = false;
    assert.equal(await ask(signed(confirmation({ MessageId: '3' }))), 202);
  });
});

describe('a repeat', () => {
  it('is answered like the first, appended once, and counted', async () => {
    const before = log.records().length;
    const headers = { authorization: `Bearer ${secret}` };
    const answers = [await send(port, 'bearer', delivery('again'), headers), await send(port, 'bearer', delivery('again'), headers)];
    assert.deepEqual(answers[0], answers[1]);
    assert.equal(log.records().length - before, 2, 'the delivery and its event');
    assert.equal(await metric('waybill_gateway_requests_total{endpoint="bearer",outcome="repeated"}'), '1');
  });
});

describe('over TLS', async () => {
  const own = (dnsNames: readonly string[]): Issued => issue({ commonName: 'gateway', issuer: root, dnsNames });
  const folder = mkdtempSync(join(tmpdir(), 'waybill-tls-'));
  const [first, second] = [own(['localhost']), own(['localhost'])];
  const files = {
    HTTP_TLS_CERT_FILE: join(folder, 'cert'),
    HTTP_TLS_KEY_FILE: join(folder, 'key'),
    HTTP_TLS_CLIENT_CA_FILE: join(folder, 'ca'),
  };
  const tls = { cert: Buffer.from(first.pem), key: Buffer.from(first.keyPem), ca: Buffer.from(root.pem) };
  const secure = await startGateway(log.append, {}, { sources, tls });
  await secure.app.listen({ port: 0, host: '127.0.0.1' });
  const { port: securePort } = secure.app.server.address() as AddressInfo;
  after(async () => {
    await secure.app.close();
    rmSync(folder, { recursive: true });
  });
  const ask = async (client?: Issued, name = 'mtls', headers: Headers = {}): Promise<number> =>
    (await send(securePort, name, delivery('tls'), headers, { ca: root.pem, ...(client && { client }) })).status;

  it('a client certificate of our CA opens for a name on the list', async () => {
    assert.equal(await ask(issue({ commonName: 'x', issuer: root, dnsNames: ['ci.example'] })), 202);
    assert.equal(await ask(issue({ commonName: 'x', issuer: root, dnsNames: ['other.example'] })), 403);
  });
  it('one that runs out, of another CA, or none, is no proof; endpoints of other schemes do not ask for one', async () => {
    const foreign = issue({ commonName: 'root', isCa: true });
    assert.equal(await ask(issue({ commonName: 'x', issuer: foreign, dnsNames: ['ci.example'] })), 401);
    assert.equal(await ask(issue({ commonName: 'x', issuer: root, dnsNames: ['ci.example'], to: new Date('2021-01-01T00:00:00Z') })), 401);
    assert.equal(await ask(), 401);
    assert.equal(await ask(undefined, 'bearer', { authorization: `Bearer ${secret}` }), 202);
  });
  it('without TLS there is no certificate, whatever headers say', async () =>
    assert.equal(
      await statusOf('mtls', delivery('1'), { 'x-forwarded-client-cert': 'DNS:ci.example', 'ssl-client-verify': 'SUCCESS' }),
      401,
    ));
  it('a new certificate is used without a restart; one that cannot be used is not', async () => {
    const write = (cert: string, key: string): void => {
      writeFileSync(files.HTTP_TLS_CERT_FILE, cert);
      writeFileSync(files.HTTP_TLS_KEY_FILE, key);
      writeFileSync(files.HTTP_TLS_CLIENT_CA_FILE, root.pem);
    };
    write(second.pem, second.keyPem);
    renewTls(secure.app.server, files);
    assert.equal(await ask(undefined, 'bearer', { authorization: `Bearer ${secret}` }), 202);
    write(second.pem, first.keyPem);
    assert.throws(() => renewTls(secure.app.server, files));
    assert.equal(await ask(issue({ commonName: 'x', issuer: root, dnsNames: ['ci.example'] })), 202);
  });
});
