import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Digest } from '@waybill/domain';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { digestOf } from '../descriptor/digest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { readImageConfig } from './image-config.ts';
import { findManifestDescriptor, getManifest, putManifest } from './manifest.ts';

describe('what a tag or digest stands for', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(60_000);
  const repository = 'team/app';
  const image = randomImage();
  const { descriptor, bytes } = image.manifest;
  const sha512 = `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
  const find = (reference: string) => findManifestDescriptor(client, { repository, reference }, signal);
  const answer = (headers: Readonly<Record<string, string>>) =>
    registry.fail({ method: 'HEAD', path: /manifests/, kind: 'answer', status: 200, headers });

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
    await pushImage({ client, repository, tag: 'v1' }, image);
  });
  afterEach(() => registry.heal());
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('is refused by sha512 with what to do, where a registry takes none', async () => {
    const refuse = (code: string) =>
      registry.fail({ method: 'PUT', path: /manifests/, kind: 'answer', status: 400, body: JSON.stringify({ errors: [{ code }] }) });
    const put = (reference: string) => putManifest(client, { repository, reference }, image.manifest, signal);
    refuse('DIGEST_INVALID');
    await assert.rejects(put(sha512), {
      code: 'REGISTRY_UNSUPPORTED',
      retry: false,
      message: /by its sha512 .*: copy the image under a tag/,
    });
    for (const [reference, code] of [[descriptor.digest, 'DIGEST_INVALID'] as const, [sha512, 'MANIFEST_INVALID'] as const]) {
      refuse(code);
      await assert.rejects(put(reference), { code: 'REGISTRY_REJECTED' });
    }
  });

  it('is told by one request without its bytes', async () => {
    const before = registry.requests.length;
    for (const reference of ['v1', descriptor.digest]) assert.deepEqual(await find(reference), descriptor);
    assert.equal(await find('v2'), undefined);
    assert.deepEqual([...new Set(registry.requests.slice(before).map((request) => request.split(' ')[0]))], ['HEAD']);
  });

  it('is never another digest than was asked for', async () => {
    const more = { 'content-type': mediaTypes.ociManifest, 'content-length': '7' };
    answer({ ...more, 'docker-content-digest': digestOf('other') });
    await assert.rejects(find(descriptor.digest), (error) => error instanceof OciError && error.code === 'CONTENT_DIGEST_MISMATCH');
    answer({ ...more, 'docker-content-digest': 'sha256:none' });
    assert.equal((await find(descriptor.digest))?.digest, descriptor.digest);
    answer(more);
    assert.equal((await find(descriptor.digest))?.digest, descriptor.digest);
  });

  it('may have a digest of sha512', async () => {
    await putManifest(client, { repository, reference: sha512 }, image.manifest, signal);
    assert.equal((await find(sha512))?.digest, sha512);
    assert.deepEqual((await getManifest(client, { repository, reference: sha512 }, signal)).bytes, bytes);
    answer({ 'content-type': mediaTypes.ociManifest, 'content-length': '7', 'docker-content-digest': descriptor.digest });
    assert.equal((await find(sha512))?.digest, sha512);
    registry.fail({ method: 'GET', path: /manifests/, kind: 'corrupt' });
    const read = getManifest(client, { repository, reference: sha512 }, signal);
    await assert.rejects(read, (error) => error instanceof OciError && error.code === 'CONTENT_DIGEST_MISMATCH');
  });

  it('has its config at hand where the descriptor carries it', async () => {
    const config = image.blobs[0]!;
    const before = registry.requests.length;
    const read = (bytes: Buffer) =>
      readImageConfig(client, { repository, descriptor: { ...config.descriptor, data: bytes.toString('base64') } }, signal);
    assert.equal((await read(config.bytes)).architecture, 'amd64');
    assert.equal(registry.requests.length, before);
    await assert.rejects(read(Buffer.from('{}')), (error) => error instanceof OciError && error.code === 'MANIFEST_INVALID');
  });

  it('is at hand itself where the descriptor carries it, and is what that says', async () => {
    const before = registry.requests.length;
    const { mediaType, digest, sizeBytes } = descriptor;
    const query = { repository, reference: digest, mediaType, sizeBytes };
    const read = (data: Buffer, more = {}) => getManifest(client, { ...query, ...more, data: data.toString('base64') }, signal);
    assert.deepEqual((await read(bytes)).bytes, bytes);
    await assert.rejects(read(Buffer.from('{}')), (error) => error instanceof OciError && error.code === 'MANIFEST_INVALID');
    await assert.rejects(
      read(bytes, { mediaType: mediaTypes.ociIndex }),
      (error) => error instanceof OciError && error.code === 'MANIFEST_INVALID',
    );
    assert.equal(registry.requests.length, before);
  });
});
