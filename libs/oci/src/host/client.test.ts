import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from './client.ts';
import { OciError } from './errors.ts';
import { findManifestDigest, getManifest } from '../manifest/manifest.ts';
import { readBlob } from '../blob/blob.ts';

describe('a registry client', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(30_000);
  const image = randomImage();
  const query = { repository: 'team/app', reference: 'v1' };
  const blob = { repository: 'team/app', descriptor: image.blobs[1]!.descriptor };
  const failsAs =
    (code: string, more: Partial<OciError> = {}) =>
    (error: unknown) => {
      assert.ok(error instanceof OciError, String(error));
      assert.deepEqual({ ...more, code: error.code }, { ...pick(error, Object.keys(more)), code });
      return true;
    };
  const pick = (error: OciError, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, error[name as keyof OciError]]));

  before(async () => {
    registry = await startFakeRegistry();
    // What repetition makes of these failures is in repeat.test.ts.
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true }, { repeatMsMax: 0 });
    await pushImage({ client, repository: 'team/app', tag: 'v1' }, image);
  });
  afterEach(() => registry.heal());
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('says how long a rate limit asks to wait', async () => {
    const body = JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'secret=hunter2' }] });
    registry.fail({ path: /manifests/, kind: 'answer', status: 429, headers: { 'retry-after': '7' }, body });
    const expected = { retry: true, retryAfterMs: 7_000, status: 429, registryCode: 'TOOMANYREQUESTS', repository: 'team/app' };
    await assert.rejects(getManifest(client, query, signal), failsAs('REGISTRY_RATE_LIMITED', expected));
  });

  it('never waits longer than an hour because a registry says so', async () => {
    registry.fail({ path: /manifests/, kind: 'answer', status: 503, headers: { 'retry-after': '999999999' } });
    await assert.rejects(getManifest(client, query, signal), failsAs('REGISTRY_UNAVAILABLE', { retry: true, retryAfterMs: 3_600_000 }));
  });

  it('tries again what may pass, and not what will not', async () => {
    const answers = { 401: ['REGISTRY_UNAUTHORIZED', false], 403: ['REGISTRY_DENIED', false], 404: ['CONTENT_NOT_FOUND', false] } as const;
    const more = { 400: ['REGISTRY_REJECTED', false], 500: ['REGISTRY_UNAVAILABLE', true], 204: ['REGISTRY_PROTOCOL', false] } as const;
    for (const [status, [code, retry]] of Object.entries({ ...answers, ...more })) {
      registry.fail({ path: /manifests/, kind: 'answer', status: Number(status) });
      await assert.rejects(getManifest(client, query, signal), failsAs(code, { retry }));
    }
  });

  it('does not quote what a registry says, which may be anything', async () => {
    registry.fail({
      path: /manifests/,
      kind: 'answer',
      status: 500,
      body: JSON.stringify({ errors: [{ code: 'hunter2 <b>', message: 'hunter2' }] }),
    });
    await assert.rejects(getManifest(client, query, signal), (error: Error) => !JSON.stringify([error, error.message]).includes('hunter2'));
  });

  it('notices a cut, a changed and a missing answer', async () => {
    registry.fail({ path: /manifests/, kind: 'cut' });
    await assert.rejects(getManifest(client, query, signal), failsAs('REGISTRY_UNAVAILABLE', { retry: true }));
    registry.fail({ path: /blobs/, kind: 'corrupt' });
    await assert.rejects(readBlob(client, blob, 1_000_000, signal), failsAs('CONTENT_DIGEST_MISMATCH', { retry: true }));
    registry.fail({ path: /manifests/, kind: 'corrupt' });
    await assert.rejects(getManifest(client, query, signal), failsAs('CONTENT_DIGEST_MISMATCH'));
    const impatient = createRegistryClient(client.registry, { answerMs: 100, repeatMsMax: 0 });
    registry.fail({ path: /manifests/, kind: 'hang' });
    await assert.rejects(getManifest(impatient, query, signal), failsAs('REGISTRY_TIMEOUT', { retry: true }));
    await impatient.close();
  });

  it('says so when nobody listens', async () => {
    const nobody = createRegistryClient({ name: 'n', host: '127.0.0.1:1', plainHttp: true }, { repeatMsMax: 0 });
    await assert.rejects(getManifest(nobody, query, signal), failsAs('REGISTRY_UNAVAILABLE', { host: '127.0.0.1:1' }));
    await nobody.close();
  });

  it('reads no manifest above 4 MiB and no blob above its bound', async () => {
    registry.fail({ path: /manifests/, kind: 'answer', status: 200, body: ' '.repeat(4 * 1_024 * 1_024 + 1) });
    await assert.rejects(getManifest(client, query, signal), failsAs('CONTENT_TOO_LARGE', { retry: false }));
    await assert.rejects(readBlob(client, blob, 10, signal), failsAs('CONTENT_TOO_LARGE'));
  });

  it('ends with the reason of its signal', async () => {
    registry.fail({ path: /manifests/, kind: 'hang' });
    const reason = new Error('revoked');
    await assert.rejects(getManifest(client, query, AbortSignal.abort(reason)), (error) => error === reason);
    const controller = new AbortController();
    const reading = getManifest(client, query, controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(reading, (error) => error === reason);
  });

  it('counts the requests of each owner, with those that a redirect or a challenge takes', async () => {
    const counts = { mine: 0, theirs: 0 };
    const mine = client.ownedBy({ onRequest: () => void counts.mine++ });
    const theirs = client.ownedBy({ onRequest: () => void counts.theirs++ });
    const location = `/v2/team/app/manifests/${image.manifest.descriptor.digest}`;
    registry.fail({ path: /manifests\/v1/, kind: 'answer', status: 307, headers: { location } });
    await getManifest(mine, query, signal);
    await getManifest(theirs, query, signal);
    assert.deepEqual(counts, { mine: 2, theirs: 1 });
  });

  it('finds out the digest where the registry does not tell it', async () => {
    registry.fail({ method: 'HEAD', path: /manifests/, kind: 'answer', status: 200 });
    assert.equal(await findManifestDigest(client, query, signal), image.manifest.descriptor.digest);
  });

  it('follows redirects to storage, within a bound and never from TLS to none', async () => {
    const location = `/v2/team/app/manifests/${image.manifest.descriptor.digest}`;
    const redirect = { path: /manifests\/v1/, kind: 'answer', status: 307 } as const;
    registry.fail({ ...redirect, headers: { location } });
    assert.deepEqual((await getManifest(client, query, signal)).bytes, image.manifest.bytes);
    registry.fail({ ...redirect, headers: { location: '/v2/team/app/manifests/v1' }, times: 6 });
    await assert.rejects(getManifest(client, query, signal), failsAs('REDIRECT_REFUSED'));
    registry.heal();
    registry.fail({ ...redirect, headers: { location: 'file:///etc/passwd' } });
    await assert.rejects(getManifest(client, query, signal), failsAs('REDIRECT_REFUSED'));
    registry.fail({ ...redirect, headers: { location: 'http://user:pw@127.0.0.1:1/' } });
    await assert.rejects(getManifest(client, query, signal), failsAs('REDIRECT_REFUSED'));
    registry.fail(redirect);
    await assert.rejects(getManifest(client, query, signal), failsAs('REDIRECT_REFUSED'));
  });
});
