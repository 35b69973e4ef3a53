import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { targetAt } from '@waybill/domain/testing';
import { createCopier, createRegistryClients, findManifestDigest, type RegistryClients } from '@waybill/oci';
import { JobError } from '@waybill/stream';
import { pushImage, pushIndex, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createCopy, type CopyPayload } from './copy.ts';

describe('the copy job', () => {
  let registries: readonly FakeRegistry[];
  let clients: RegistryClients;
  let clockMs = 0;
  const copy = (payload: CopyPayload) =>
    createCopy(createCopier(), clients, () => clockMs++)(payload, { signal: AbortSignal.timeout(10_000), attempt: 1, correlationId: 'c' });
  const payloadOf = (digest: string, target = 'b'): CopyPayload => ({
    ...{ registry: registries[0]!.host, repository: 'team/app', tag: 'v1', digest, decisionEventId: 'd1' },
    target: targetAt(target, 'mirror/app', 'prod'),
  });

  before(async () => {
    registries = [await startFakeRegistry(), await startFakeRegistry()];
    clients = createRegistryClients(registries.map(({ host }, index) => ({ name: 'ab'[index]!, host, plainHttp: true })));
  });
  after(async () => {
    await clients.close();
    for (const registry of registries) await registry.close();
  });

  it('copies what was decided about, also when its tag has moved on', async () => {
    const target = { client: clients.forName('a'), repository: 'team/app', tag: 'v1' };
    const decided = await pushImage(target, randomImage());
    await pushImage(target, randomImage());
    const { verified, finishedAtMs, startedAtMs } = await copy(payloadOf(decided.digest));
    assert.deepEqual([verified, finishedAtMs - startedAtMs], [true, 1]);
    const query = { repository: 'mirror/app', reference: 'prod' };
    assert.equal(await findManifestDigest(clients.forName('b'), query, AbortSignal.timeout(5_000)), decided.digest);
  });

  it('of some platforms says under which digest they are there, and how large that is; the second one moves nothing', async () => {
    const images = ['amd64', 'arm64'].map((architecture) => randomImage({ architecture }));
    const { digest } = await pushIndex({ client: clients.forName('a'), repository: 'team/app', tag: 'v1' }, images);
    const { descriptor } = images[1]!.manifest;
    const sizeBytes = [images[1]!.manifest, ...images[1]!.blobs].reduce((sum, part) => sum + part.bytes.byteLength, 0);
    const payload = payloadOf(digest);
    const part = { ...payload, target: { ...payload.target, platforms: ['linux/arm64'] } };
    const first = await copy(part);
    const second = await copy(part);
    assert.deepEqual([first.copiedDigest, first.imageBytes, first.verified], [descriptor.digest, sizeBytes, true]);
    assert.deepEqual([second.copiedDigest, second.imageBytes, second.bytesCopied], [descriptor.digest, sizeBytes, 0]);
    const { platforms: _, ...ofEarlierVersion } = payload.target;
    assert.equal((await copy({ ...payload, target: ofEarlierVersion })).copiedDigest, digest);
  });

  it('fails for good where a registry is not configured, and for now where one is in trouble', async () => {
    const { digest } = await pushImage({ client: clients.forName('a'), repository: 'team/app' }, randomImage());
    const unknown = (error: unknown) => error instanceof JobError && error.code === 'REGISTRY_NOT_CONFIGURED' && !error.retry;
    await assert.rejects(copy(payloadOf(digest, 'nowhere')), unknown);
    registries[1]!.fail({ path: /blobs/, kind: 'answer', status: 503, times: Infinity });
    const inTrouble = (error: unknown) => error instanceof JobError && error.code === 'REGISTRY_UNAVAILABLE' && error.retry;
    await assert.rejects(copy(payloadOf(digest)), inTrouble);
  });
});
