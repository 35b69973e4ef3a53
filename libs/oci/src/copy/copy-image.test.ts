import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Digest } from '@waybill/domain';
import { pushImage, pushIndex, pushReferrer, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { createCopier } from './copier.ts';
import type { CopyReport, CopyRequest } from './copy-request.ts';
import { findManifestDigest } from '../manifest/manifest.ts';
import { listReferrers } from '../referrer/referrers.ts';

const countsOf = ({ manifests, blobs, bytesSent, verified }: CopyReport) => ({
  manifestsCopied: manifests.filter(({ outcome }) => outcome === 'copied').length,
  referrersCopied: manifests.filter(({ outcome, refers }) => refers && outcome === 'copied').length,
  blobsCopied: blobs.filter(({ outcome }) => outcome !== 'present').length,
  blobsSkipped: blobs.filter(({ outcome }) => outcome === 'present').length,
  bytesCopied: bytesSent,
  verified: verified !== null,
});

describe('a copy', () => {
  let registries: readonly [FakeRegistry, FakeRegistry, FakeRegistry];
  let [a, b, old]: RegistryClient[] = [];
  let repositoriesCount = 0;
  const signal = AbortSignal.timeout(30_000);
  const fresh = (): string => `team/app${repositoriesCount++}`;
  const copy = (repository: string, digest: Digest, more: Partial<CopyRequest> = {}) =>
    createCopier()
      .copy({ source: { client: a!, repository }, target: { client: b!, repository }, reference: digest, tag: 'v1', signal, ...more })
      .then(countsOf);
  const tagAt = (client: RegistryClient | undefined, repository: string) =>
    findManifestDigest(client!, { repository, reference: 'v1' }, signal);

  before(async () => {
    registries = [await startFakeRegistry(), await startFakeRegistry(), await startFakeRegistry({ referrersApi: false })];
    [a, b, old] = registries.map(({ host }) =>
      createRegistryClient({ name: `r${host.split(':')[1]}`, host, plainHttp: true }, { answerMs: 500, idleMs: 500 }),
    );
  });
  afterEach(() => registries.forEach((registry) => registry.heal()));
  after(async () => {
    await Promise.all([a!, b!, old!].map((client) => client.close()));
    await Promise.all(registries.map((registry) => registry.close()));
  });

  /** An index of two platforms, signed, with a signed SBOM on one platform. */
  async function pushSigned(client: RegistryClient, repository: string): Promise<{ digest: Digest; child: Digest; sbom: Digest }> {
    const images = [randomImage(), randomImage({ architecture: 'arm64' })];
    const index = await pushIndex({ client, repository, tag: 'v1' }, images);
    const child = images[0]!.manifest.descriptor;
    await pushReferrer({ client, repository }, { subject: index, artifactType: 'application/vnd.test.signature', payload: 'index' });
    const sbom = await pushReferrer({ client, repository }, { subject: child, artifactType: 'application/vnd.test.sbom', payload: 'sbom' });
    await pushReferrer({ client, repository }, { subject: sbom, artifactType: 'application/vnd.test.signature', payload: 'on the sbom' });
    return { digest: index.digest, child: child.digest, sbom: sbom.digest };
  }

  it('holds all platforms and all that refers to them, byte for byte', async () => {
    const repository = fresh();
    const { digest, child, sbom } = await pushSigned(a!, repository);
    const counts = await copy(repository, digest);
    const [source, target] = [registries[0].repositories.get(repository)!, registries[1].repositories.get(repository)!];
    assert.deepEqual(target.manifests, source.manifests);
    assert.deepEqual(new Map([...target.blobs].sort()), new Map([...source.blobs].sort()));
    assert.deepEqual(target.tags, new Map([['v1', digest]]));
    const bytesCopied = [...source.blobs.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
    assert.deepEqual(counts, { manifestsCopied: 6, referrersCopied: 3, blobsCopied: 8, blobsSkipped: 0, bytesCopied, verified: true });
    for (const subject of [digest, child, sbom]) assert.equal((await listReferrers(b!, { repository, digest: subject }, signal)).length, 1);
  });

  it('sets its tag after everything else', async () => {
    const repository = fresh();
    const { digest } = await pushSigned(a!, repository);
    const before = registries[1].requests.length;
    await copy(repository, digest);
    const writes = registries[1].requests.slice(before).filter((request) => /^PUT /.test(request));
    assert.equal(writes.at(-1), `PUT /v2/${repository}/manifests/v1`);
    assert.equal(writes.filter((request) => request.endsWith('/manifests/v1')).length, 1);
  });

  it('brings along what cosign keeps in tags, before the tag of the image', async () => {
    const repository = fresh();
    const { digest, child } = await pushSigned(a!, repository);
    const tagOf = (subject: Digest, ending: string): string => `${subject.replace(':', '-')}.${ending}`;
    const target = { client: a!, repository };
    const signature = await pushImage({ ...target, tag: tagOf(digest, 'sig') }, randomImage());
    const attestation = await pushImage({ ...target, tag: tagOf(child, 'att') }, randomImage());
    await pushImage({ ...target, tag: tagOf(signature.digest, 'sig') }, randomImage()); // Nobody looks for signatures of signatures there.
    const { referrersCopied } = await copy(repository, digest);
    const tags = [...registries[1].repositories.get(repository)!.tags];
    assert.deepEqual(tags, [
      [tagOf(child, 'att'), attestation.digest],
      [tagOf(digest, 'sig'), signature.digest],
      ['v1', digest],
    ]);
    assert.equal(referrersCopied, 5);
  });

  it('made again transfers nothing and sets no tag', async () => {
    const repository = fresh();
    const { digest } = await pushSigned(a!, repository);
    await copy(repository, digest);
    const before = registries[1].requests.length;
    const counts = await copy(repository, digest);
    assert.deepEqual(counts, { manifestsCopied: 0, referrersCopied: 0, blobsCopied: 0, blobsSkipped: 8, bytesCopied: 0, verified: true });
    assert.deepEqual(
      registries[1].requests.slice(before).filter((request) => !/^(GET|HEAD) /.test(request)),
      [],
    );
  });

  it('between registries without the referrers API keeps the links as tags', async () => {
    const repository = fresh();
    const { digest, child, sbom } = await pushSigned(old!, repository);
    const there = { client: a!, repository };
    await copy(repository, digest, { source: { client: old!, repository }, target: there });
    const back = fresh();
    const counts = await copy(back, digest, { source: there, target: { client: old!, repository: back } });
    assert.equal(counts.referrersCopied, 3);
    for (const subject of [digest, child, sbom])
      assert.equal((await listReferrers(old!, { repository: back, digest: subject }, signal)).length, 1);
    await copy(back, digest, { source: there, target: { client: old!, repository: back } });
    assert.equal((await listReferrers(old!, { repository: back, digest }, signal)).length, 1);
  });

  it('within one registry mounts the blobs', async () => {
    const [from, to] = [fresh(), fresh()];
    const { digest } = await pushImage({ client: a!, repository: from, tag: 'v1' }, randomImage());
    const counts = await copy(from, digest, { target: { client: a!, repository: to } });
    assert.deepEqual([counts.blobsCopied, counts.bytesCopied], [2, 0]);
    assert.equal(await tagAt(a, to), digest);
  });

  it('goes on where an earlier one broke off', async () => {
    const repository = fresh();
    const { digest } = await pushImage({ client: a!, repository, tag: 'v1' }, randomImage({ layersCount: 3 }));
    registries[1].fail({ method: 'PUT', path: new RegExp(`${repository}/manifests`), kind: 'answer', status: 503, times: 5 });
    await assert.rejects(copy(repository, digest), { code: 'REGISTRY_UNAVAILABLE', retry: true });
    assert.equal(await tagAt(b, repository), undefined);
    const { blobsSkipped, blobsCopied } = await copy(repository, digest);
    assert.deepEqual([blobsSkipped, blobsCopied], [4, 0]);
  });

  it('never tags an image of which something is wrong at the source', async () => {
    for (const kind of ['cut', 'corrupt'] as const) {
      const repository = fresh();
      const image = randomImage({ layerBytes: 200_000 });
      const { digest } = await pushImage({ client: a!, repository, tag: 'v1' }, image);
      const layer = image.blobs[1]!.descriptor.digest;
      registries[0].fail({ method: 'GET', path: new RegExp(layer), kind, times: kind === 'cut' ? Infinity : 1 });
      await assert.rejects(copy(repository, digest), {
        code: kind === 'cut' ? 'REGISTRY_UNAVAILABLE' : 'CONTENT_DIGEST_MISMATCH',
        retry: true,
      });
      assert.equal(await tagAt(b, repository), undefined);
      assert.equal(registries[1].repositories.get(repository)?.blobs.has(layer), false);
      registries[0].heal();
      assert.equal((await copy(repository, digest)).verified, true);
    }
  });

  it('does not count before it was read back', async () => {
    const repository = fresh();
    const image = randomImage();
    const { digest } = await pushImage({ client: a!, repository, tag: 'v1' }, image);
    await copy(repository, digest);
    const target = registries[1].repositories.get(repository)!;
    // The target says it has the blob when asked, and no longer when it is read back: a garbage collection at the wrong moment.
    const layer = image.blobs[1]!.descriptor;
    const there = { 'content-length': String(layer.sizeBytes) };
    target.blobs.delete(layer.digest);
    registries[1].fail({ method: 'HEAD', path: new RegExp(layer.digest), kind: 'answer', status: 200, headers: there });
    await assert.rejects(copy(repository, digest), { code: 'COPY_UNVERIFIED', retry: true });
    assert.equal((await copy(repository, digest)).blobsCopied, 1);
    registries[1].fail({ method: 'GET', path: new RegExp(`manifests/${digest}`), kind: 'answer', status: 404 });
    await assert.rejects(copy(repository, digest), { code: 'COPY_UNVERIFIED' });
  });

  it('leaves nothing tagged when it is aborted, and ends with the reason', async () => {
    const repository = fresh();
    const { digest } = await pushImage({ client: a!, repository, tag: 'v1' }, randomImage({ layersCount: 3 }));
    const reason = new Error('revoked');
    const controller = new AbortController();
    registries[1].fail({ method: 'PUT', path: /blobs\/uploads/, kind: 'hang', times: Infinity });
    const copying = copy(repository, digest, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(copying, (error) => error === reason);
    assert.equal(await tagAt(b, repository), undefined);
  });

  it('moves a tag to another digest', async () => {
    const repository = fresh();
    const first = await pushImage({ client: a!, repository, tag: 'v1' }, randomImage());
    const second = await pushImage({ client: a!, repository, tag: 'v1' }, randomImage());
    await copy(repository, first.digest);
    await copy(repository, second.digest);
    assert.equal(await tagAt(b, repository), second.digest);
  });
});
