import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { getManifest, OciError } from '@waybill/oci';
import { startFakeRegistry } from '@waybill/testing';
import { issue } from '@waybill/webhook-sources/testing';
import { CliError } from '../exit.ts';
import { asCliError } from './failure.ts';
import { openRegistries, registryOf } from './open-registries.ts';

const none = { plainHttp: [], caFile: undefined };

describe('how a host is spoken to', () => {
  it('with TLS, unless it is of this machine or is named', () => {
    for (const host of ['localhost:5000', 'localhost', '127.0.0.1', '127.9.9.9:1', '[::1]:5000'])
      assert.equal(registryOf(host, [], none).plainHttp, true, host);
    for (const host of ['localhost.example', '127.0.0.1.example:5000', '10.0.0.1:5000', 'docker.io', '[::2]'])
      assert.equal(registryOf(host, [], none).plainHttp, undefined, host);
    assert.equal(registryOf('r.lan:5000', [], { ...none, plainHttp: ['r.lan:5000'] }).plainHttp, true);
    assert.equal(registryOf('r.lan', [], { ...none, plainHttp: ['r.lan:5000'] }).plainHttp, undefined);
    assert.deepEqual(registryOf('localhost:5000', [], { ...none, caFile: 'ca.pem' }), {
      name: 'localhost:5000',
      host: 'localhost:5000',
      credentials: { kind: 'docker' },
      caFile: 'ca.pem',
    });
  });

  it('is what its entry says, which the command line only adds to', () => {
    const entry = { name: 'a', host: '127.0.0.1:5000', caFile: 'own.pem', username: 'robot', passwordFile: 'secret' };
    assert.deepEqual(registryOf(entry.host, [entry], { ...none, caFile: 'other.pem' }), entry);
    assert.equal(registryOf(entry.host, [entry], { ...none, plainHttp: [entry.host] }).plainHttp, true);
  });

  it('finds the API of Docker Hub, which is not where its name says', () =>
    assert.equal(registryOf('docker.io', [], none).apiHost, 'registry-1.docker.io'));

  it('is wrong use with a file that is none, or is not as it must be', async () => {
    for (const registriesPath of ['/nowhere/registries.yaml', 'package.json'])
      await assert.rejects(
        openRegistries({ ...none, registriesPath, env: {} }),
        (error: unknown) => error instanceof CliError && error.exitCode === 2 && /--registries/.test(error.next),
      );
  });

  it('is trusted by the authority that the command line names, and by no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waybill-ca-'));
    const authority = issue({ commonName: 'An authority', isCa: true });
    const { pem, keyPem } = issue({ commonName: 'A registry', issuer: authority, dnsNames: ['localhost'] });
    const registry = await startFakeRegistry({ tls: { cert: pem, key: keyPem } });
    const failureWith = async (ca: string): Promise<unknown> => {
      const caFile = join(folder, 'ca.pem');
      writeFileSync(caFile, ca);
      const { forHost, close } = await openRegistries({ ...none, caFile, registriesPath: undefined, env: { DOCKER_CONFIG: folder } });
      const query = { repository: 'app', reference: 'v1' };
      return getManifest(forHost(registry.host), query, AbortSignal.timeout(10_000)).catch(asCliError).finally(close);
    };
    try {
      assert.match(String(await failureWith(authority.pem)), /404/);
      const refusal = await failureWith(issue({ commonName: 'Another one', isCa: true }).pem);
      assert.ok(refusal instanceof CliError && refusal.exitCode === 3, String(refusal));
      assert.match(refusal.message, /authority that is not known here .*: name .* by --ca-file/);
    } finally {
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('takes what `docker login` left, and tells nobody what that is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waybill-docker-'));
    const auth = Buffer.from('robot:open-sesame').toString('base64');
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="test"' } };
    const registry = await startFakeRegistry({
      guard: ({ headers }) => (headers.authorization === `Basic ${auth}` ? undefined : challenge),
    });
    const codeAt = async (entry: object): Promise<string> => {
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { [registry.host]: entry } }));
      const { forHost, close } = await openRegistries({ ...none, registriesPath: undefined, env: { DOCKER_CONFIG: folder } });
      const query = { repository: 'app', reference: 'v1' };
      const error: unknown = await getManifest(forHost(registry.host), query, AbortSignal.timeout(10_000)).catch(
        (reason: unknown) => reason,
      );
      await close();
      assert.ok(error instanceof OciError);
      assert.doesNotMatch(inspect(error, { depth: 5 }), /sesame/);
      return error.code;
    };
    try {
      assert.equal(await codeAt({ auth }), 'CONTENT_NOT_FOUND');
      assert.equal(await codeAt({ auth: Buffer.from('robot:sesame').toString('base64') }), 'REGISTRY_UNAUTHORIZED');
    } finally {
      await registry.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('is one client per host', async () => {
    const { forHost, close } = await openRegistries({ ...none, registriesPath: undefined, env: {} });
    assert.equal(forHost('localhost:1'), forHost('localhost:1'));
    assert.notEqual(forHost('localhost:1'), forHost('localhost:2'));
    await close();
  });
});
