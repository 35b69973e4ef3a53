import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  createRegistryClient,
  digestOf,
  findBlobSize,
  findManifestDigest,
  getManifest,
  listReferrers,
  mediaTypes,
  OciError,
  readBlob,
  uploadBlob,
  type RegistryClient,
} from '@waybill/oci';
import { request, type Dispatcher } from 'undici';
import { pushImage, pushIndex, pushReferrer, randomImage } from './random-image.ts';

export type RegistryUnderTest = { readonly host: string; readonly close: () => Promise<unknown> };

/**
 * What we rely on a registry for, after OCI distribution spec 1.1. Run against the fake registry and against real ones, so that what is
 * tested with the fake holds with them.
 */
export function registryConformance(name: string, start: () => Promise<RegistryUnderTest>): void {
  describe(`${name} as an OCI registry`, () => {
    let registry: RegistryUnderTest;
    let client: RegistryClient;
    const signal = AbortSignal.timeout(60_000);
    const blobOf = (bytes: Buffer) => ({ mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes: bytes.byteLength });

    before(async () => {
      registry = await start();
      client = createRegistryClient({ name: 'under-test', host: registry.host, plainHttp: true });
    });
    after(async () => {
      await client?.close();
      await registry?.close();
    });

    it('gives back a blob that was pushed at once', async () => {
      const bytes = randomBytes(100_000);
      const query = { repository: 'blobs/one', descriptor: blobOf(bytes) };
      assert.equal(await findBlobSize(client, query, signal), undefined);
      assert.deepEqual(await uploadBlob(client, query, async () => bytes, signal), { mounted: false });
      assert.equal(await findBlobSize(client, query, signal), 100_000);
      assert.deepEqual(await readBlob(client, query, 1_000_000, signal), bytes);
    });

    it('takes an empty blob', async () => {
      const query = { repository: 'blobs/empty', descriptor: blobOf(Buffer.alloc(0)) };
      await uploadBlob(client, query, async () => Buffer.alloc(0), signal);
      assert.equal(await findBlobSize(client, query, signal), 0);
    });

    it('takes a blob in chunks', async () => {
      const bytes = randomBytes(2_000);
      const origin = `http://${registry.host}`;
      const started = await request(`${origin}/v2/blobs/chunked/blobs/uploads/`, { method: 'POST' });
      let location = new URL(String(started.headers['location']), origin);
      await started.body.dump();
      for (const start of [0, 1_000]) {
        const chunk = bytes.subarray(start, start + 1_000);
        const headers = { 'content-type': 'application/octet-stream', 'content-range': `${start}-${start + 999}` };
        const answer = await request(location, { method: 'PATCH', headers, body: chunk });
        assert.equal(answer.statusCode, 202);
        location = new URL(String(answer.headers['location']), origin);
        await answer.body.dump();
      }
      location.searchParams.set('digest', digestOf(bytes));
      const ended = await request(location, { method: 'PUT' });
      assert.equal(ended.statusCode, 201);
      await ended.body.dump();
      assert.deepEqual(await readBlob(client, { repository: 'blobs/chunked', descriptor: blobOf(bytes) }, 10_000, signal), bytes);
    });

    it('refuses a chunk that does not follow the one before', async () => {
      const origin = `http://${registry.host}`;
      const started = await request(`${origin}/v2/blobs/chunked/blobs/uploads/`, { method: 'POST' });
      await started.body.dump();
      const headers = { 'content-type': 'application/octet-stream', 'content-range': '500-999' };
      const location = new URL(String(started.headers['location']), origin);
      const answer = await request(location, { method: 'PATCH', headers, body: randomBytes(500) });
      await answer.body.dump();
      assert.equal(answer.statusCode, 416);
    });

    it('refuses a blob whose bytes are not those of its digest', async () => {
      const descriptor = blobOf(randomBytes(1_000));
      const upload = uploadBlob(client, { repository: 'blobs/wrong', descriptor }, async () => randomBytes(1_000), signal);
      await assert.rejects(
        upload,
        (error) => error instanceof OciError && error.code === 'REGISTRY_REJECTED' && error.registryCode === 'DIGEST_INVALID',
      );
      assert.equal(await findBlobSize(client, { repository: 'blobs/wrong', descriptor }, signal), undefined);
    });

    it('mounts a blob from another repository without its bytes', async () => {
      const bytes = randomBytes(1_000);
      await uploadBlob(client, { repository: 'mount/from', descriptor: blobOf(bytes) }, async () => bytes, signal);
      const query = { repository: 'mount/to', descriptor: blobOf(bytes), mountFrom: 'mount/from' };
      const neverSent = async (): Promise<Buffer> => assert.fail('bytes were asked for');
      assert.deepEqual(await uploadBlob(client, query, neverSent, signal), { mounted: true });
      assert.equal(await findBlobSize(client, query, signal), 1_000);
    });

    it('falls back to an upload where the blob to mount is not there', async () => {
      const bytes = randomBytes(1_000);
      const query = { repository: 'mount/none', descriptor: blobOf(bytes), mountFrom: 'mount/nowhere' };
      assert.deepEqual(await uploadBlob(client, query, async () => bytes, signal), { mounted: false });
    });

    it('gives back a manifest byte for byte, by tag and by digest', async () => {
      const image = randomImage();
      const { digest } = await pushImage({ client, repository: 'images/one', tag: 'v1' }, image, signal);
      for (const reference of ['v1', digest]) {
        const { bytes, descriptor } = await getManifest(client, { repository: 'images/one', reference }, signal);
        assert.deepEqual(bytes, image.manifest.bytes);
        assert.deepEqual(descriptor, image.manifest.descriptor);
      }
      assert.equal(await findManifestDigest(client, { repository: 'images/one', reference: 'v1' }, signal), digest);
      assert.equal(await findManifestDigest(client, { repository: 'images/one', reference: 'v2' }, signal), undefined);
    });

    it('refuses a manifest whose blobs it does not have', async () => {
      const push = pushImage({ client, repository: 'images/incomplete', tag: 'v1' }, { ...randomImage(), blobs: [] }, signal);
      await assert.rejects(push, (error) => error instanceof OciError && error.code === 'REGISTRY_REJECTED');
    });

    it('lists tags page by page', async () => {
      const image = randomImage();
      for (const tag of ['v3', 'v1', 'v2']) await pushImage({ client, repository: 'images/tagged', tag }, image, signal);
      const found: string[] = [];
      let at: string | undefined = '/v2/images/tagged/tags/list?n=2';
      for (let pages = 0; at !== undefined && pages < 5; pages++) {
        const answer: Dispatcher.ResponseData = await request(new URL(at, `http://${registry.host}`));
        found.push(...((await answer.body.json()) as { tags: readonly string[] }).tags);
        at = /<([^>]+)>/.exec(String(answer.headers['link'] ?? ''))?.[1];
      }
      assert.deepEqual(found, ['v1', 'v2', 'v3']);
    });

    it('forgets a deleted manifest and its tags', async () => {
      const repository = 'images/deleted';
      const { digest } = await pushImage({ client, repository, tag: 'v1' }, randomImage(), signal);
      const answer = await request(`http://${registry.host}/v2/${repository}/manifests/${digest}`, { method: 'DELETE' });
      await answer.body.dump();
      assert.equal(answer.statusCode, 202);
      for (const reference of ['v1', digest]) assert.equal(await findManifestDigest(client, { repository, reference }, signal), undefined);
    });

    it('lists what refers to a manifest, by its API or by the tag that clients keep', async () => {
      const target = { client, repository: 'images/signed', tag: 'v1' };
      const subject = await pushIndex(target, [randomImage(), randomImage({ architecture: 'arm64' })], signal);
      assert.deepEqual(await listReferrers(client, { repository: target.repository, digest: subject.digest }, signal), []);
      const signature = await pushReferrer(target, { subject, artifactType: 'application/vnd.test.signature', payload: 'signed' }, signal);
      const listed = await listReferrers(client, { repository: target.repository, digest: subject.digest }, signal);
      assert.deepEqual(
        listed.map(({ digest, artifactType, mediaType }) => ({ digest, artifactType, mediaType })),
        [{ digest: signature.digest, artifactType: 'application/vnd.test.signature', mediaType: mediaTypes.ociManifest }],
      );
    });
  });
}
