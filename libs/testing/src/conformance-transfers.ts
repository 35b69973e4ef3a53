import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { digestOf, findBlobSize, openBlob, readBlob, uploadBlob } from '@waybill/oci';
import { request, type Dispatcher } from 'undici';
import type { UnderTest } from './under-test.ts';

const blobOf = (bytes: Buffer) => ({ mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes: bytes.byteLength });
type Headers = Dispatcher.ResponseData['headers'];
type Sent = { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: Buffer };

const octets = { 'content-type': 'application/octet-stream' };

/** As a client without any cleverness would send it. */
function plainly(under: UnderTest) {
  const origin = (): string => `http://${under.host()}`;
  const send = async (at: string | URL, options: Sent = {}): Promise<{ status: number; headers: Headers; bytes: Buffer }> => {
    const { statusCode, headers, body } = await request(new URL(at, origin()), options as Parameters<typeof request>[1]);
    return { status: statusCode, headers, bytes: Buffer.from(await body.arrayBuffer()) };
  };
  const locationOf = (headers: Headers): URL => new URL(String(headers['location']), origin());
  const begin = async (repository: string): Promise<URL> =>
    locationOf((await send(`/v2/${repository}/blobs/uploads/`, { method: 'POST' })).headers);
  return { send, locationOf, begin };
}

/** What a download that broke off needs to go on. */
export function partRules(under: UnderTest): void {
  const { signal } = under;
  const { send } = plainly(under);
  it('gives the rest of a blob after an offset, and says which part it is', async () => {
    const bytes = randomBytes(5_000);
    const descriptor = blobOf(bytes);
    await uploadBlob(under.client(), { repository: 'parts/one', descriptor }, async () => bytes, signal);
    const at = `/v2/parts/one/blobs/${descriptor.digest}`;
    const rest = await send(at, { headers: { range: 'bytes=1234-' } });
    assert.deepEqual([rest.status, rest.headers['content-range']], [206, 'bytes 1234-4999/5000']);
    assert.deepEqual(rest.bytes, bytes.subarray(1_234));
    const middle = await send(at, { headers: { range: 'bytes=10-19' } });
    assert.deepEqual([middle.status, middle.headers['content-range'], middle.bytes], [206, 'bytes 10-19/5000', bytes.subarray(10, 20)]);
  });

  it('refuses a part that lies behind the end of a blob, and says how long it is', async () => {
    const bytes = randomBytes(100);
    const descriptor = blobOf(bytes);
    await uploadBlob(under.client(), { repository: 'parts/end', descriptor }, async () => bytes, signal);
    const { status, headers } = await send(`/v2/parts/end/blobs/${descriptor.digest}`, { headers: { range: 'bytes=100-' } });
    assert.deepEqual([status, headers['content-range']], [416, 'bytes */100']);
  });

  it('says of a blob by HEAD what it says by GET', async () => {
    const bytes = randomBytes(3_000);
    const descriptor = blobOf(bytes);
    await uploadBlob(under.client(), { repository: 'parts/head', descriptor }, async () => bytes, signal);
    const at = `/v2/parts/head/blobs/${descriptor.digest}`;
    const [head, get] = [await send(at, { method: 'HEAD' }), await send(at)];
    for (const name of ['content-length', 'content-type', 'docker-content-digest'])
      assert.equal(head.headers[name], get.headers[name], name);
    assert.deepEqual([head.status, head.headers['content-length'], head.bytes.byteLength], [200, '3000', 0]);
  });
}

/** What an upload that broke off needs to go on, or to end. */
export function resumptionRules(under: UnderTest): void {
  const { signal } = under;
  const { send, locationOf, begin } = plainly(under);
  it('says how much of an upload it has, and lets it go on from there', async () => {
    const bytes = randomBytes(2_000);
    const first = { ...octets, 'content-range': '0-999' };
    const at = await begin('parts/resumed');
    await send(at, { method: 'PATCH', headers: first, body: bytes.subarray(0, 1_000) });
    const status = await send(at);
    assert.deepEqual([status.status, status.headers['range']], [204, '0-999']);
    const second = { ...octets, 'content-range': '1000-1999' };
    const patched = await send(locationOf(status.headers), { method: 'PATCH', headers: second, body: bytes.subarray(1_000) });
    assert.deepEqual([patched.status, patched.headers['range']], [202, '0-1999']);
    const end = locationOf(patched.headers);
    end.searchParams.set('digest', digestOf(bytes));
    assert.equal((await send(end, { method: 'PUT' })).status, 201);
    assert.deepEqual(await readBlob(under.client(), { repository: 'parts/resumed', descriptor: blobOf(bytes) }, 10_000, signal), bytes);
  });

  it('forgets an upload that is cancelled', async () => {
    const at = await begin('parts/cancelled');
    assert.equal((await send(at, { method: 'DELETE' })).status, 204);
    const { status, bytes } = await send(at);
    assert.deepEqual([status, errorCodeOf(bytes)], [404, 'BLOB_UPLOAD_UNKNOWN']);
  });

  it('takes a blob in pieces from a stream', async () => {
    const bytes = randomBytes(10_000);
    const descriptor = blobOf(bytes);
    await uploadBlob(under.client(), { repository: 'parts/source', descriptor }, async () => bytes, signal);
    const query = { repository: 'parts/pieces', descriptor, chunkBytes: 3_000 };
    const open = () => openBlob(under.client(), { repository: 'parts/source', descriptor }, signal);
    assert.deepEqual(await uploadBlob(under.client(), query, open, signal), { mounted: false, bytesSent: 10_000 });
    assert.equal(await findBlobSize(under.client(), query, signal), 10_000);
    assert.deepEqual(await readBlob(under.client(), query, 10_000, signal), bytes);
  });

  it('says in its errors what is not there', async () => {
    const missing = digestOf('nowhere');
    const blob = await send(`/v2/parts/one/blobs/${missing}`);
    const manifest = await send(`/v2/parts/one/manifests/${missing}`);
    const upload = await send('/v2/parts/one/blobs/uploads/00000000-0000-4000-8000-000000000000');
    const found = [blob, manifest, upload].map(({ status, bytes }) => `${status} ${errorCodeOf(bytes)}`);
    assert.deepEqual(found, ['404 BLOB_UNKNOWN', '404 MANIFEST_UNKNOWN', '404 BLOB_UPLOAD_UNKNOWN']);
  });
}

const errorCodeOf = (bytes: Buffer): string | undefined =>
  (JSON.parse(bytes.toString('utf8')) as { errors: readonly { readonly code: string }[] }).errors[0]?.code;
