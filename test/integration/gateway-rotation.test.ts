// Goal: secrets, sources and certificates of a running gateway are changed without a restart, and never for worse.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { issue, type Issued } from '@waybill/webhook-sources/testing';
import { eventually } from '../support/read-log.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-rotation-'));
const path = (name: string): string => join(dir, name);
const write = (name: string, text: string): void => writeFileSync(path(name), text, { mode: 0o600 });
const secretOf = (letter: string): string => `rotation-${letter.repeat(20)}`;
const ca = issue({ commonName: 'ca', isCa: true });
const server = (): Issued => issue({ commonName: 'gateway', issuer: ca, dnsNames: ['localhost'] });
const client = issue({ commonName: 'ci', issuer: ca, dnsNames: ['ci.example'] });
const [first, second] = [server(), server()];

const source = (name: string, auth: string): string => `  - { name: ${name}, kind: distribution, auth: { ${auth} } }\n`;
const bearer = "scheme: bearer, secretFiles: ['${SECRETS_DIR}/now/secret']";
let gateway: ChildProcess;
let output = '';
let [port, opsPort] = [0, 0];

before(async () => {
  mkdirSync(path('v1'));
  write('v1/secret', secretOf('a'));
  symlinkSync('v1', path('now'));
  write('sources.yaml', `sources:\n${source('one', bearer)}${source('tls', "scheme: mtls, names: ['DNS:ci.example']")}`);
  write('cert', first.pem);
  write('key', first.keyPem);
  write('ca', ca.pem);
  // Without Kafka: the spool takes what is let in.
  const env = {
    ...{ PATH: process.env['PATH'], KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1', SPOOL_DIR: path('spool') },
    ...{ CONFIG_DIR: dir, SECRETS_DIR: dir, HTTP_PORT: '0', OPS_PORT: '0', SOURCES_CHECK_MS: '3600000' },
    ...{ HTTP_TLS_CERT_FILE: path('cert'), HTTP_TLS_KEY_FILE: path('key'), HTTP_TLS_CLIENT_CA_FILE: path('ca') },
  };
  gateway = spawn(process.execPath, [join(import.meta.dirname, '../../apps/gateway/src/main.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [gateway.stdout!, gateway.stderr!]) stream.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  await eventually(
    () => Promise.resolve(output),
    (text) => text.includes('listening') || gateway.exitCode !== null,
    30_000,
  );
  const listening = /"url":"https:[^"]+:(\d+)","opsPort":(\d+)/.exec(output);
  assert.ok(listening, output);
  [port, opsPort] = [Number(listening[1]), Number(listening[2])];
});
after(async () => {
  if (gateway.exitCode === null) {
    gateway.kill('SIGTERM');
    await once(gateway, 'exit');
  }
  rmSync(dir, { recursive: true });
});

type Answer = { readonly status: number; readonly certificate: string };
const send = (endpoint: string, secret: string, cert?: Issued): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const own = cert === undefined ? {} : { cert: cert.pem, key: cert.keyPem };
    const options = {
      host: '127.0.0.1',
      port,
      path: `/v1/webhooks/${endpoint}`,
      method: 'POST',
      ca: ca.pem,
      servername: 'localhost',
      agent: false,
      ...own,
    };
    request({ ...options, headers: { authorization: `Bearer ${secret}` } })
      .on('error', reject)
      .on('response', (response) => {
        const certificate = (response.socket as TLSSocket).getPeerCertificate().fingerprint256;
        response.resume().on('end', () => resolve({ status: response.statusCode!, certificate }));
      })
      .end('{"events":[]}');
  });
const metric = async (name: string): Promise<string | undefined> => {
  const text = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.split(' ')
    .at(-1);
};
/** Tells the gateway to look, and waits until it has. */
async function hangUp(isDone: () => Promise<boolean>): Promise<void> {
  gateway.kill('SIGHUP');
  assert.ok(await eventually(isDone, (done) => done, 15_000));
}
const opens = async (secret: string): Promise<boolean> => (await send('one', secret)).status === 202;

describe('a gateway that runs', () => {
  it('takes the secret behind a symlink that is turned, and no longer the one before', async () => {
    assert.ok(await opens(secretOf('a')));
    mkdirSync(path('v2'));
    write('v2/secret', secretOf('b'));
    symlinkSync('v2', path('next'));
    renameSync(path('next'), path('now'));
    assert.ok(!(await opens(secretOf('b'))), 'it has not been told to look');
    await hangUp(() => opens(secretOf('b')));
    assert.ok(!(await opens(secretOf('a'))));
  });

  it('goes on with what it had where the new one cannot be used, and says so without saying it', async () => {
    write('v2/secret', 'short-one');
    await hangUp(async () => (await metric('waybill_gateway_sources_stale')) === '1');
    assert.ok(await opens(secretOf('b')));
    write('v2/secret', secretOf('c'));
    await hangUp(() => opens(secretOf('c')));
    assert.equal(await metric('waybill_gateway_sources_stale'), '0');
    assert.match(output, /CONFIG_INVALID/);
    assert.doesNotMatch(output, /short-one|rotation-[abc]{20}/);
  });

  it('shows a new certificate to new connections, and the old one where the new cannot be used', async () => {
    const isShown = async (own: Issued): Promise<boolean> => (await send('one', 'x')).certificate === own.certificate.fingerprint256;
    assert.ok(await isShown(first));
    write('cert', second.pem);
    gateway.kill('SIGHUP'); // With the key of the first.
    await eventually(
      () => Promise.resolve(output),
      (text) => text.includes('TLS files have changed and cannot be used'),
      15_000,
    );
    assert.ok(await isShown(first));
    write('key', second.keyPem);
    await hangUp(() => isShown(second));
  });

  it('lets in who has a certificate of the client CA, by name', async () => {
    assert.equal((await send('tls', '', client)).status, 202);
    assert.equal((await send('tls', '', issue({ commonName: 'x', issuer: ca, dnsNames: ['x.example'] }))).status, 403);
    assert.equal((await send('tls', '')).status, 401);
  });
});
