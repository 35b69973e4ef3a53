import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { it } from 'node:test';
import type { Digest } from '@waybill/domain';
import { digestOf, findBlobSize, OciError, readBlob, uploadBlob } from '@waybill/oci';
import { request } from 'undici';
import type { UnderTest } from './under-test.ts';

const blobOf = (bytes: Buffer) => ({ mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes: bytes.byteLength });

/** Whole blobs, in and out. */
export function blobRules(under: UnderTest): void {
  const { signal } = under;
  it('gives back a blob that was pushed at once', async () => {
    const bytes = randomBytes(100_000);
    const query = { repository: 'blobs/one', descriptor: blobOf(bytes) };
    assert.equal(await findBlobSize(under.client(), query, signal), undefined);
    assert.equal((await uploadBlob(under.client(), query, async () => bytes, signal)).mounted, false);
    assert.equal(await findBlobSize(under.client(), query, signal), 100_000);
    assert.deepEqual(await readBlob(under.client(), query, 1_000_000, signal), bytes);
  });

  it('takes a blob by its sha512', async () => {
    const bytes = randomBytes(1_000);
    const digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
    const query = { repository: 'blobs/sha512', descriptor: { ...blobOf(bytes), digest } };
    await uploadBlob(under.client(), query, async () => bytes, signal);
    assert.equal(await findBlobSize(under.client(), query, signal), 1_000);
    assert.deepEqual(await readBlob(under.client(), query, 10_000, signal), bytes);
  });

  it('takes an empty blob', async () => {
    const query = { repository: 'blobs/empty', descriptor: blobOf(Buffer.alloc(0)) };
    await uploadBlob(under.client(), query, async () => Buffer.alloc(0), signal);
    assert.equal(await findBlobSize(under.client(), query, signal), 0);
  });

  it('refuses a blob whose bytes are not those of its digest', async () => {
    const descriptor = blobOf(randomBytes(1_000));
    const upload = uploadBlob(under.client(), { repository: 'blobs/wrong', descriptor }, async () => randomBytes(1_000), signal);
    await assert.rejects(
      upload,
      (error) => error instanceof OciError && error.code === 'REGISTRY_REJECTED' && error.registryCode === 'DIGEST_INVALID',
    );
    assert.equal(await findBlobSize(under.client(), { repository: 'blobs/wrong', descriptor }, signal), undefined);
  });
}

/** Other ways for a blob to come in: in chunks, and from another repository. */
export function uploadRules(under: UnderTest): void {
  const { signal } = under;
  it('takes a blob in chunks', async () => {
    const bytes = randomBytes(2_000);
    const origin = `http://${under.host()}`;
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
    assert.deepEqual(await readBlob(under.client(), { repository: 'blobs/chunked', descriptor: blobOf(bytes) }, 10_000, signal), bytes);
  });

  it('refuses a chunk that does not follow the one before', async () => {
    const origin = `http://${under.host()}`;
    const started = await request(`${origin}/v2/blobs/chunked/blobs/uploads/`, { method: 'POST' });
    await started.body.dump();
    const headers = { 'content-type': 'application/octet-stream', 'content-range': '500-999' };
    const location = new URL(String(started.headers['location']), origin);
    const answer = await request(location, { method: 'PATCH', headers, body: randomBytes(500) });
    await answer.body.dump();
    assert.equal(answer.statusCode, 416);
  });

  it('mounts a blob from another repository without its bytes', async () => {
    const bytes = randomBytes(1_000);
    await uploadBlob(under.client(), { repository: 'mount/from', descriptor: blobOf(bytes) }, async () => bytes, signal);
    const query = { repository: 'mount/to', descriptor: blobOf(bytes), mountFrom: 'mount/from' };
    const neverSent = async (): Promise<Buffer> => assert.fail('bytes were asked for');
    assert.deepEqual(await uploadBlob(under.client(), query, neverSent, signal), { mounted: true, bytesSent: 0 });
    assert.equal(await findBlobSize(under.client(), query, signal), 1_000);
  });

  it('falls back to an upload where the blob to mount is not there', async () => {
    const bytes = randomBytes(1_000);
    const query = { repository: 'mount/none', descriptor: blobOf(bytes), mountFrom: 'mount/nowhere' };
    assert.equal((await uploadBlob(under.client(), query, async () => bytes, signal)).mounted, false);
  });
}
