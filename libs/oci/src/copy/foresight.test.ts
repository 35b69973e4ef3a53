import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pushImage, pushIndex, randomImage } from '@waybill/testing';
import { digestOf } from '../descriptor/digest.ts';
import { getManifest, putManifest } from '../manifest/manifest.ts';
import { createCopier } from './copier.ts';
import type { CopyReport, CopyRequest } from './copy-request.ts';
import { outcomesOf, pushDigestTag, pushSigned, useEnds } from './copy.fixture.ts';

/** What two reports of the same move have in common. */
const movesOf = ({ digest, manifests, blobs, tags, bytesSent }: CopyReport) => {
  const sorted = <T extends { readonly digest: string }>(parts: readonly T[]): readonly T[] =>
    parts.toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
  return {
    digest,
    manifests: sorted(manifests),
    tags: sorted(tags),
    bytesSent,
    blobs: sorted(blobs.map((blob) => ({ ...blob, durationMs: 0 }))),
  };
};

describe('a dry run', () => {
  const ends = useEnds();
  const foresees = async (request: CopyRequest) => {
    const { target } = ends();
    const start = target.requests.length;
    const held = () =>
      [...target.repositories].map(([name, { blobs, manifests, tags }]) => [name, ...blobs.keys(), ...manifests.keys(), ...tags]);
    const before = held();
    const foreseen = await createCopier().copy({ ...request, dryRun: true });
    assert.deepEqual(held(), before);
    assert.ok(target.requests.slice(start).every((line) => /^(GET|HEAD) /.test(line)));
    assert.deepEqual([foreseen.dryRun, foreseen.verified], [true, null]);
    const done = await createCopier().copy(request);
    assert.deepEqual(movesOf(foreseen), movesOf(done));
    return done;
  };

  it('says what is moved to where nothing is', async () => {
    const { fresh, from, request } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await pushDigestTag(from, repository, digest, 'sig');
    const { bytesSent } = await foresees(request(repository, 'v1'));
    assert.ok(bytesSent > 0);
  });

  it('says what is moved to where some of it is', async () => {
    const { copy, fresh, from, request, target } = ends();
    const repository = fresh();
    const images = [randomImage({ layerBytes: 2_000_000 }), randomImage({ architecture: 's390x' }), randomImage({ architecture: 'arm64' })];
    await pushIndex({ client: from, repository, tag: 'v1' }, images.slice(0, 2));
    await copy(repository, 'v1');
    await pushIndex({ client: from, repository, tag: 'v1' }, images);
    target.repositories.get(repository)!.manifests.delete(images[0]!.manifest.descriptor.digest);
    const { manifests, blobs } = await foresees(request(repository, 'v1'));
    assert.deepEqual(outcomesOf(manifests), { copied: 3, present: 1 });
    assert.deepEqual(outcomesOf(blobs), { present: 2, copied: 2 });
  });

  it('says that nothing is moved where all of it is', async () => {
    const { copy, fresh, from, request } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await pushDigestTag(from, repository, digest, 'sig');
    await copy(repository, 'v1');
    const { manifests, tags } = await foresees(request(repository, 'v1'));
    assert.deepEqual([outcomesOf(manifests), outcomesOf(tags)], [{ present: 7 }, { present: 2 }]);
  });

  it('says what is mounted within a registry', async () => {
    const { fresh, to, request } = ends();
    const [from, into] = [fresh(), fresh()];
    await pushImage({ client: to, repository: from, tag: 'v1' }, randomImage({ layersCount: 3 }));
    const within = { source: { client: to, repository: from }, target: { client: to, repository: into } };
    const { blobs, bytesSent } = await foresees(request(from, 'v1', within));
    assert.deepEqual([outcomesOf(blobs), bytesSent], [{ mounted: 4 }, 0]);
  });
});

describe('a copy of some platforms', () => {
  const ends = useEnds();
  const pushMany = async () => {
    const { fresh, from } = ends();
    const repository = fresh();
    const images = ['amd64', 'arm64', 's390x'].map((architecture) => randomImage({ architecture }));
    const { digest } = await pushIndex({ client: from, repository, tag: 'v1' }, images);
    return { repository, digest, digests: images.map(({ manifest }) => manifest.descriptor.digest) };
  };

  it('is the manifest itself where there is one', async () => {
    const { copy, to, tagAt } = ends();
    const { repository, digests } = await pushMany();
    const report = await copy(repository, 'v1', { platforms: ['linux/arm64/v8'] });
    assert.deepEqual([report.digest, await tagAt(to, repository)], [digests[1], digests[1]]);
    assert.equal('movedTo' in report, false);
  });

  it('is another index where there are several, which holds those and no others', async () => {
    const { copy, to, tagAt, signal } = ends();
    const { repository, digest, digests } = await pushMany();
    const platforms = ['linux/amd64', 'linux/s390x'];
    const report = await copy(repository, 'v1', { platforms });
    assert.notEqual(report.digest, digest);
    assert.equal(await tagAt(to, repository), report.digest);
    const { document, kind } = await getManifest(to, { repository, reference: 'v1' }, signal);
    assert.deepEqual(kind === 'index' && document.manifests.map((child) => child.digest), [digests[0], digests[2]]);
    assert.equal(report.manifests.length, 3);
    assert.deepEqual(outcomesOf((await copy(repository, 'v1', { platforms })).tags), { present: 1 });
  });

  it('keeps the digest where all of them are wanted', async () => {
    const { copy, from, signal } = ends();
    const { repository } = await pushMany();
    const { document, descriptor } = await getManifest(from, { repository, reference: 'v1' }, signal);
    const bytes = Buffer.from(JSON.stringify(document, null, 2)); // Not as we would write it.
    const spaced = { descriptor: { ...descriptor, digest: digestOf(bytes), sizeBytes: bytes.byteLength }, bytes };
    await putManifest(from, { repository, reference: 'v1' }, spaced, signal);
    const platforms = ['linux/amd64', 'linux/arm64', 'linux/s390x'];
    assert.equal((await copy(repository, 'v1', { platforms })).digest, spaced.descriptor.digest);
  });

  it('takes along what is attached to those, and not what is attached to the whole', async () => {
    const { copy, fresh, from, target } = ends();
    const repository = fresh();
    const { child, sbom } = await pushSigned(from, repository);
    const { manifests } = await copy(repository, 'v1', { platforms: ['linux/amd64'] });
    assert.equal(manifests.length, 3);
    assert.deepEqual(
      [child, sbom].map((digest) => target.repositories.get(repository)!.manifests.has(digest)),
      [true, true],
    );
  });

  it('is refused where the image is not for one of them, with what it is for', async () => {
    const { copy, fresh, from } = ends();
    const { repository } = await pushMany();
    const wanted = { platforms: ['linux/amd64', 'windows/amd64'] };
    await assert.rejects(copy(repository, 'v1', wanted), {
      code: 'CONTENT_NOT_FOUND',
      message: /windows\/amd64, but for linux\/amd64, linux\/arm64/,
    });
    const plain = fresh();
    await pushImage({ client: from, repository: plain, tag: 'v1' }, randomImage());
    await assert.rejects(copy(plain, 'v1', { platforms: ['linux/arm64'] }), { code: 'CONTENT_NOT_FOUND', message: /but for linux\/amd64/ });
    assert.equal((await copy(plain, 'v1', { platforms: ['linux/amd64'] })).manifests.length, 1);
    await assert.rejects(copy(plain, 'v1', { platforms: ['amd64'] }), { code: 'PLATFORM_INVALID' });
  });
});
