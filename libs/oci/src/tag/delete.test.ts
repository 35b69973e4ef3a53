import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { findBlobSize } from '../blob/blob.ts';
import { findManifestDigest } from '../manifest/manifest.ts';
import { deleteBlob, deleteManifest, deleteTag } from './delete.ts';

describe('deletion', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(30_000);
  const repository = 'team/app';
  const image = randomImage();
  const { digest } = image.manifest.descriptor;
  const blob = image.blobs[0]!.descriptor;
  const find = (reference: string) => findManifestDigest(client, { repository, reference }, signal);
  const failsAs = (code: string, text: RegExp) => (error: unknown) =>
    error instanceof OciError && error.code === code && text.test(error.message);

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
  });
  afterEach(() => registry.heal());
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('of a tag leaves what it pointed to', async () => {
    for (const tag of ['v1', 'v2']) await pushImage({ client, repository, tag }, image);
    assert.equal(await deleteTag(client, { repository, tag: 'v1' }, signal), true);
    assert.deepEqual([await find('v1'), await find('v2'), await find(digest)], [undefined, digest, digest]);
    assert.equal(await deleteTag(client, { repository, tag: 'v1' }, signal), false);
  });

  it('of a manifest takes its tags along, and leaves its blobs', async () => {
    for (const tag of ['v1', 'v2']) await pushImage({ client, repository, tag }, image);
    assert.equal(await deleteManifest(client, { repository, digest }, signal), true);
    assert.deepEqual([await find('v1'), await find('v2'), await find(digest)], [undefined, undefined, undefined]);
    assert.equal(await findBlobSize(client, { repository, descriptor: blob }, signal), blob.sizeBytes);
    assert.equal(await deleteManifest(client, { repository, digest }, signal), false);
  });

  it('of a blob removes it', async () => {
    await pushImage({ client, repository, tag: 'v1' }, image);
    assert.equal(await deleteBlob(client, { repository, digest: blob.digest }, signal), true);
    assert.equal(await findBlobSize(client, { repository, descriptor: blob }, signal), undefined);
    assert.equal(await deleteBlob(client, { repository, digest: blob.digest }, signal), false);
  });

  it('that the registry does not do says so, and what to do', async () => {
    const attempts = {
      tag: () => deleteTag(client, { repository, tag: 'v1' }, signal),
      manifest: () => deleteManifest(client, { repository, digest }, signal),
      blob: () => deleteBlob(client, { repository, digest: blob.digest }, signal),
    };
    for (const [what, attempt] of Object.entries(attempts)) {
      for (const status of [405, 501]) {
        registry.fail({ method: 'DELETE', path: /./, kind: 'answer', status });
        await assert.rejects(attempt(), failsAs('REGISTRY_UNSUPPORTED', /does not delete .* allow deletion/), what);
      }
      const body = JSON.stringify({ errors: [{ code: 'UNSUPPORTED' }] });
      registry.fail({ method: 'DELETE', path: /./, kind: 'answer', status: 400, body });
      await assert.rejects(attempt(), failsAs('REGISTRY_UNSUPPORTED', /does not delete/), what);
    }
    registry.fail({ method: 'DELETE', path: /./, kind: 'answer', status: 400 });
    await assert.rejects(attempts.tag(), failsAs('REGISTRY_UNSUPPORTED', /delete the manifest by its digest/));
    registry.fail({ method: 'DELETE', path: /./, kind: 'answer', status: 400 });
    await assert.rejects(attempts.manifest(), failsAs('REGISTRY_REJECTED', /./));
    registry.fail({ method: 'DELETE', path: /./, kind: 'answer', status: 403 });
    await assert.rejects(attempts.manifest(), failsAs('REGISTRY_DENIED', /needs more rights/));
  });

  it('is never repeated by itself: what was pushed meanwhile is not what was meant', async () => {
    await pushImage({ client, repository, tag: 'v1' }, image);
    const before = registry.requests.length;
    registry.fail({ method: 'DELETE', path: /./, kind: 'answer', status: 503 });
    await assert.rejects(deleteTag(client, { repository, tag: 'v1' }, signal), failsAs('REGISTRY_UNAVAILABLE', /./));
    assert.equal(registry.requests.length - before, 1);
  });
});
