import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { startFakeRegistry, type Fault, type FakeRegistry } from '@waybill/testing';
import { blobSource, openBlob, type BlobQuery } from './blob.ts';
import { uploadBlob } from './upload.ts';
import { digestOf } from '../descriptor/digest.ts';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';

const bytes = randomBytes(100_000);
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes: bytes.byteLength };
const triesMax = 4;
const hasty = { triesMax, random: () => 0 };
const query: BlobQuery = { repository: 'team/app', descriptor };
const at = `GET /v2/team/app/blobs/${descriptor.digest}`;

describe('a download', () => {
  let registry: FakeRegistry;
  let storage: FakeRegistry;
  let [client, impatient]: RegistryClient[] = [];
  const signal = AbortSignal.timeout(60_000);
  const fail = (...faults: readonly Partial<Fault>[]) =>
    faults.forEach((fault) => registry.fail({ method: 'GET', path: /blobs/, ...fault } as Fault));
  /** What a reader gets, and what it ends with. */
  const read = async (offsetBytes = 0, by = client!, ended = signal): Promise<{ readonly got: Buffer; readonly error: unknown }> => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of await blobSource(by, query, ended)(offsetBytes)) chunks.push(chunk as Buffer);
      return { got: Buffer.concat(chunks), error: undefined };
    } catch (error) {
      return { got: Buffer.concat(chunks), error };
    }
  };
  const failsAs = async (code: string): Promise<void> => {
    const { got, error } = await read();
    assert.equal((error as { code?: string } | undefined)?.code, code, String(error));
    assert.ok(got.byteLength < bytes.byteLength, 'it was handed on whole');
  };

  before(async () => {
    [registry, storage] = [await startFakeRegistry(), await startFakeRegistry()];
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true }, hasty);
    impatient = createRegistryClient(client.registry, { idleMs: 150, ...hasty });
    await uploadBlob(client, query, async () => bytes, signal);
  });
  afterEach(() => registry.heal());
  after(async () => {
    await Promise.all([client!.close(), impatient!.close()]);
    await Promise.all([registry.close(), storage.close()]);
  });

  it('that breaks off goes on from where it was', async () => {
    fail({ kind: 'cut', atBytes: 30_000 }, { kind: 'cut', atBytes: 20_000 });
    const asked = registry.requests.length;
    assert.deepEqual(await read(), { got: bytes, error: undefined });
    assert.deepEqual(registry.requests.slice(asked), [at, at, at]);
  });

  it('that falls silent goes on', async () => {
    fail({ kind: 'stall', atBytes: 70_000 });
    assert.deepEqual(await read(0, impatient), { got: bytes, error: undefined });
  });

  it('goes on where the registry gives no parts, only all of it', async () => {
    const whole = await startFakeRegistry({ ranges: false });
    const other = createRegistryClient({ name: 'w', host: whole.host, plainHttp: true }, hasty);
    await uploadBlob(other, query, async () => bytes, signal);
    whole.fail({ method: 'GET', path: /blobs/, kind: 'cut', atBytes: 60_000 });
    const got = await (await openBlob(other, query, signal)).toArray();
    assert.deepEqual(Buffer.concat(got as Buffer[]), bytes);
    await other.close();
    await whole.close();
  });

  it('asks the registry again and not the storage that it was sent to: signed addresses expire', async () => {
    const store = createRegistryClient({ name: 's', host: storage.host, plainHttp: true });
    await uploadBlob(store, query, async () => bytes, signal);
    await store.close();
    const redirect = (signature: string) =>
      fail({
        kind: 'answer',
        status: 307,
        headers: { location: `${storage.url}/v2/team/app/blobs/${descriptor.digest}?sig=${signature}` },
      });
    redirect('one');
    redirect('two');
    storage.fail({ method: 'GET', path: /blobs/, kind: 'cut', atBytes: 1_000 });
    const asked = registry.requests.length;
    assert.deepEqual(await read(), { got: bytes, error: undefined });
    assert.deepEqual(registry.requests.slice(asked), [at, at]);
    assert.deepEqual(
      storage.requests.slice(-2).map((request) => request.slice(-3)),
      ['one', 'two'],
    );
  });

  it('fails once it has broken off too often without getting on', async () => {
    fail({ kind: 'cut', atBytes: 0, times: Infinity });
    const asked = registry.requests.length;
    await failsAs('REGISTRY_UNAVAILABLE');
    assert.equal(registry.requests.length - asked, triesMax);
  });

  it('fails when the rest is of another blob, or of another place in it', async () => {
    const cut = { kind: 'cut', atBytes: 40_000 } as const;
    fail(cut, { kind: 'answer', status: 416 });
    await failsAs('CONTENT_SIZE_MISMATCH');
    fail(cut, { kind: 'headers', headers: { 'content-range': 'bytes 40000-99998/99999' } });
    await failsAs('CONTENT_SIZE_MISMATCH');
    fail(cut, { kind: 'headers', headers: { 'content-range': 'bytes 39999-99999/100000' } });
    await failsAs('REGISTRY_PROTOCOL');
    fail(cut, { kind: 'headers', headers: { 'content-range': 'none of it' } });
    await failsAs('REGISTRY_PROTOCOL');
    fail({ kind: 'headers', headers: { 'content-length': '99999' } });
    await failsAs('CONTENT_SIZE_MISMATCH');
  });

  it('is never handed on whole when the part that came later is wrong', async () => {
    fail({ kind: 'cut', atBytes: 40_000 }, { kind: 'corrupt' });
    await failsAs('CONTENT_DIGEST_MISMATCH');
  });

  it('may begin at any offset, and is verified whole', async () => {
    assert.deepEqual(await read(99_999), { got: bytes.subarray(99_999), error: undefined });
    fail({ kind: 'cut', atBytes: 80_000 }, { kind: 'cut', atBytes: 10_000 });
    assert.deepEqual(await read(50_000), { got: bytes.subarray(50_000), error: undefined });
  });

  it('ends with the reason of its signal, also while it waits', async () => {
    const reason = new Error('revoked');
    fail({ kind: 'stall', atBytes: 10_000, times: Infinity });
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    assert.equal((await read(0, impatient, controller.signal)).error, reason);
  });

  it('lets its connection go when its reader goes', async () => {
    const stream = await openBlob(client!, query, signal);
    for await (const _ of stream) break;
    assert.equal(stream.destroyed, true);
    (await openBlob(client!, query, signal)).destroy();
    assert.deepEqual(await read(), { got: bytes, error: undefined });
  });
});
