import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { Readable } from 'node:stream';
import { startFakeRegistry, type Fault, type FakeRegistry, type FakeRegistryOptions } from '@waybill/testing';
import { uploadBlob, type OpenBytes, type UploadQuery } from './upload.ts';
import { digestOf } from '../descriptor/digest.ts';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';

const bytes = randomBytes(100_000);
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes: bytes.byteLength };
const triesMax = 4;
const hasty = { triesMax, random: () => 0 };
const query: UploadQuery = { repository: 'team/app', descriptor };
const chunked = (from: number): Readable =>
  Readable.from(
    (function* () {
      for (let at = from; at < bytes.byteLength; at += 7_000) yield bytes.subarray(at, at + 7_000);
    })(),
    { objectMode: false },
  );

describe('an upload', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  let offsets: number[] = [];
  const signal = AbortSignal.timeout(60_000);
  const open: OpenBytes = async (offsetBytes) => {
    offsets.push(offsetBytes);
    return chunked(offsetBytes);
  };
  const fail = (method: string, ...faults: readonly Partial<Fault>[]) =>
    faults.forEach((fault) => registry.fail({ method, path: /blobs/, ...fault } as Fault));
  const stored = () => registry.repositories.get('team/app')?.blobs.get(descriptor.digest);
  const openUploads = () => registry.repositories.get('team/app')?.uploads.size ?? 0;
  /** The methods of the requests that it took. */
  const upload = async (more: Partial<UploadQuery> = {}, from: OpenBytes = open): Promise<string> => {
    const before = registry.requests.length;
    await uploadBlob(client, { ...query, ...more }, from, signal);
    assert.deepEqual(stored(), bytes);
    assert.equal(openUploads(), 0);
    return registry.requests
      .slice(before)
      .map((request) => request.split(' ')[0])
      .join(' ');
  };
  const withRegistry = async (options: FakeRegistryOptions, run: () => Promise<void>): Promise<void> => {
    const [usual, usualClient] = [registry, client];
    registry = await startFakeRegistry(options);
    client = createRegistryClient({ name: 'o', host: registry.host, plainHttp: true }, hasty);
    try {
      await run();
    } finally {
      await client.close();
      await registry.close();
      [registry, client] = [usual, usualClient];
    }
  };

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true }, hasty);
  });
  afterEach(() => {
    registry.heal();
    registry.repositories.get('team/app')?.blobs.clear();
    offsets = [];
  });
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('takes two requests', async () => {
    assert.equal(await upload(), 'POST PUT');
    assert.equal(await upload({}, async () => bytes), 'POST PUT');
  });

  it('that breaks off goes on from where the registry is', async () => {
    fail('PUT', { kind: 'cut-request', atBytes: 30_001 });
    fail('PATCH', { kind: 'cut-request', atBytes: 20_000 });
    assert.equal(await upload(), 'POST PUT GET PATCH GET PATCH PUT');
    assert.deepEqual(offsets, [0, 30_001, 50_001]);
  });

  it('begins again where the registry has kept nothing', async () => {
    fail('PUT', { kind: 'cut-request', atBytes: 30_000, isKept: false });
    assert.equal(await upload(), 'POST PUT GET PUT');
  });

  it('begins anew where the registry has forgotten it', async () => {
    fail('PUT', { kind: 'cut-request', atBytes: 30_000, isKept: false });
    fail('GET', { kind: 'answer', status: 404 });
    registry.repositories.get('team/app')!.uploads.clear();
    await uploadBlob(client, query, open, signal);
    assert.deepEqual(stored(), bytes);
    assert.deepEqual(offsets, [0, 0]);
    registry.repositories.get('team/app')!.uploads.clear();
  });

  it('goes on with a new token when its own has expired, once', async () => {
    fail('PUT', { kind: 'answer', status: 401 });
    assert.equal(await upload(), 'POST PUT GET PUT');
    registry.repositories.get('team/app')!.blobs.clear();
    fail('PUT', { kind: 'answer', status: 401, times: 2 });
    await assert.rejects(uploadBlob(client, query, open, signal), { code: 'REGISTRY_UNAUTHORIZED' });
    assert.equal(openUploads(), 0);
  });

  it('is over where only its answer was lost', async () => {
    fail('PUT', { kind: 'lose-answer' });
    assert.equal(await upload(), 'POST PUT GET HEAD');
  });

  it('asks again where the registry is elsewhere than it said', async () => {
    for (const range of ['0-59999', '0-9999']) {
      fail('PUT', { kind: 'cut-request', atBytes: 30_000 });
      fail('GET', { kind: 'headers', headers: { range } });
      assert.equal(await upload(), 'POST PUT GET PATCH GET PATCH PUT');
      registry.repositories.get('team/app')!.blobs.clear();
    }
  });

  it('begins anew where the registry has other bytes than were sent', async () => {
    fail('PUT', { kind: 'cut-request', atBytes: 30_000 });
    const spoil: OpenBytes = async (offsetBytes) => {
      const { uploads } = registry.repositories.get('team/app')!;
      if (offsetBytes > 0) for (const session of uploads.keys()) uploads.set(session, randomBytes(offsetBytes));
      return chunked(offsetBytes);
    };
    assert.equal(await upload({}, spoil), 'POST PUT GET PATCH PUT GET DELETE POST PUT');
  });

  it('goes in pieces when asked to, and no smaller ones than the registry wants', async () => {
    assert.equal(await upload({ chunkBytes: 40_000 }), 'POST PATCH PATCH PATCH PUT');
    assert.equal(await upload({ chunkBytes: 40_000 }, async () => bytes), 'POST PATCH PATCH PATCH PUT');
    await withRegistry({ chunkBytesMin: 50_000 }, async () => assert.equal(await upload({ chunkBytes: 10 }), 'POST PATCH PATCH PUT'));
  });

  it('goes in pieces where the whole is too large for the registry, and in smaller ones where those are', async () => {
    const large = randomBytes(5 * 1_048_576);
    const wanted = { ...query, descriptor: { ...descriptor, digest: digestOf(large), sizeBytes: large.byteLength } };
    await withRegistry({ requestBytesMax: 1_100_000 }, async () => {
      await uploadBlob(client, wanted, async () => large, signal);
      assert.deepEqual(registry.repositories.get('team/app')!.blobs.get(wanted.descriptor.digest), large);
    });
    await withRegistry({ requestBytesMax: 1_000_000 }, async () => {
      await assert.rejects(
        uploadBlob(client, wanted, async () => large, signal),
        { code: 'REGISTRY_REJECTED', status: 413 },
      );
      assert.equal(openUploads(), 0);
    });
  });

  it('fails once it has broken off too often, and is cancelled', async () => {
    fail('PUT', { kind: 'cut-request', atBytes: 10, isKept: false, times: Infinity });
    await assert.rejects(uploadBlob(client, query, open, signal), { code: 'REGISTRY_UNAVAILABLE' });
    assert.equal(offsets.length, triesMax);
    assert.equal(openUploads(), 0);
  });

  it('is cancelled when the registry does not take it', async () => {
    fail('PUT', { kind: 'answer', status: 403 });
    await assert.rejects(uploadBlob(client, query, open, signal), { code: 'REGISTRY_DENIED' });
    await assert.rejects(
      uploadBlob(client, query, async () => randomBytes(100_000), signal),
      { registryCode: 'DIGEST_INVALID' },
    );
    assert.deepEqual([openUploads(), stored()], [0, undefined]);
  });

  it('fails with what its source fails with, and is cancelled', async () => {
    const failure = new Error('the disk is gone');
    async function* broken(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, 50_000);
      throw failure;
    }
    const sources: readonly OpenBytes[] = [async () => Readable.from(broken(), { objectMode: false }), () => Promise.reject(failure)];
    for (const source of sources) {
      await assert.rejects(uploadBlob(client, query, source, signal), (error) => error === failure);
      await assert.rejects(uploadBlob(client, { ...query, chunkBytes: 9_000 }, source, signal), (error) => error === failure);
    }
    await assert.rejects(
      uploadBlob(client, query, async () => Readable.from([bytes.subarray(1)]), signal),
      /ended 1 bytes early/,
    );
    assert.deepEqual([openUploads(), stored()], [0, undefined]);
  });

  it('ends with the reason of its signal, and is cancelled', async () => {
    const reason = new Error('revoked');
    fail('PUT', { kind: 'hang' });
    const controller = new AbortController();
    const uploading = uploadBlob(client, query, open, controller.signal);
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(uploading, (error) => error === reason);
    assert.deepEqual([openUploads(), stored()], [0, undefined]);
  });

  it('is cancelled though the registry still takes in what was under way to it', async () => {
    fail('PUT', { kind: 'answer', status: 403 });
    fail('DELETE', { kind: 'answer', status: 416, times: 3 });
    await assert.rejects(uploadBlob(client, query, open, signal), { code: 'REGISTRY_DENIED' });
    assert.equal(openUploads(), 0);
  });

  it('that ends before it is known where it goes on is cancelled too', async () => {
    const reason = new Error('revoked');
    fail('POST', { kind: 'slow', delayMs: 50 });
    const controller = new AbortController();
    const before = registry.requests.length;
    const uploading = uploadBlob(client, query, open, controller.signal);
    while (registry.requests.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort(reason);
    await assert.rejects(uploading, (error) => error === reason);
    assert.deepEqual([openUploads(), offsets], [0, []]);
    const asked = registry.requests.length;
    assert.equal(registry.requests.at(-1)?.split(' ')[0], 'DELETE');
    await assert.rejects(uploadBlob(client, query, open, AbortSignal.abort(reason)), (error) => error === reason);
    assert.equal(registry.requests.length, asked, 'nothing is begun any more');
  });

  it('tells what has left, and what has to leave again', async () => {
    const told: number[] = [];
    fail('PUT', { kind: 'cut-request', atBytes: 30_000 });
    const { bytesSent } = await uploadBlob(client, { ...query, onBytes: (count) => told.push(count) }, open, signal);
    assert.equal(
      told.reduce((sum, count) => sum + count, 0),
      100_000,
    );
    const sent = told.filter((count) => count > 0).reduce((sum, count) => sum + count, 0);
    assert.ok(sent === bytesSent && sent > 100_000, `${sent} of ${bytesSent}`);
  });
});
