import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pushImage, randomImage } from '@waybill/testing';
import { digestOf } from '../descriptor/digest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';
import type { RegistryClient } from '../host/client.ts';
import { putManifest } from '../manifest/manifest.ts';
import { listReferrers, referrersTag } from '../referrer/referrers.ts';
import { createCopier } from './copier.ts';
import { outcomesOf, pushSigned, useEnds } from './copy.fixture.ts';

describe('a target that does not keep what it took', () => {
  const ends = useEnds();
  const pushed = async () => {
    const { fresh, from } = ends();
    const repository = fresh();
    const image = randomImage();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, image);
    return { repository, digest, layer: image.blobs[1]!.descriptor };
  };

  it('is found out when a blob is missing, before the tag is set; the next copy brings it', async () => {
    const { copy, target, to, tagAt } = ends();
    const { repository, digest, layer } = await pushed();
    target.fail({ method: 'HEAD', path: new RegExp(layer.digest), kind: 'answer', status: 404 });
    await assert.rejects(copy(repository, digest), { code: 'COPY_UNVERIFIED', retry: true });
    assert.equal(await tagAt(to, repository), undefined);
    await copy(repository, digest);
    assert.equal(await tagAt(to, repository), digest);
  });

  it('is found out when a blob has another size', async () => {
    const { copy, target } = ends();
    const { repository, digest, layer } = await pushed();
    const headers = { 'content-length': String(layer.sizeBytes - 1) };
    target.fail({ method: 'HEAD', path: new RegExp(layer.digest), kind: 'headers', headers });
    await assert.rejects(copy(repository, digest), { code: 'COPY_UNVERIFIED', message: new RegExp(layer.digest) });
  });

  it('is found out when a blob has other bytes, where they are read back', async () => {
    const { copy, target, tagAt, to } = ends();
    const { repository, digest, layer } = await pushed();
    await copy(repository, digest, { verify: 'read', tag: 'first' });
    const { blobs } = target.repositories.get(repository)!;
    const bytes = Buffer.from(blobs.get(layer.digest)!);
    bytes[9]! ^= 1;
    blobs.set(layer.digest, bytes);
    await assert.rejects(copy(repository, digest, { verify: 'read' }), { code: 'COPY_UNVERIFIED', message: new RegExp(layer.digest) });
    assert.equal(await tagAt(to, repository), undefined);
    assert.equal((await copy(repository, digest)).digest, digest); // By HEAD nobody can tell.
  });

  it('is found out when a manifest is missing or another', async () => {
    const { copy, target } = ends();
    const other = randomImage().manifest;
    for (const answer of [{ status: 404 }, { status: 200, body: other.bytes.toString() }]) {
      const { repository, digest } = await pushed();
      const headers = { 'content-type': other.descriptor.mediaType };
      target.fail({ method: 'GET', path: new RegExp(`manifests/${digest}`), kind: 'answer', headers, ...answer });
      await assert.rejects(copy(repository, digest, { tag: undefined }), { code: 'COPY_UNVERIFIED', message: new RegExp(digest) });
    }
  });

  it('is found out when its tag is elsewhere', async () => {
    const { copy, target, to } = ends();
    const { repository, digest } = await pushed();
    const other = await pushImage({ client: to, repository }, randomImage());
    const bytes = target.repositories.get(repository)!.manifests.get(other.digest)!.bytes.toString();
    const headers = { 'content-type': other.mediaType, 'docker-content-digest': other.digest };
    target.fail({ method: 'GET', path: /manifests\/v1/, kind: 'answer', status: 200, headers, body: bytes });
    await assert.rejects(copy(repository, digest), { code: 'COPY_UNVERIFIED', message: /manifest v1/ });
  });

  it('is found out when it loses the link from an image to its signature', async () => {
    const { copy, fresh, from, target, to, tagAt } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
    const body = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}';
    target.fail({ method: 'GET', path: /referrers|manifests\/sha256-/, kind: 'answer', status: 200, headers, body, times: Infinity });
    await assert.rejects(copy(repository, digest), { code: 'COPY_UNVERIFIED', message: /does not keep the tag sha256-/ });
    assert.equal(await tagAt(to, repository), undefined);
  });

  it('is read as a whole where it is told so, and what it has lost comes again', async () => {
    const { copy, from, fresh, target, asked } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await copy(repository, digest);
    const { blobs, manifests } = target.repositories.get(repository)!;
    const [lostBlob, lostManifest] = [[...blobs.keys()][0]!, [...manifests.keys()][0]!];
    blobs.delete(lostBlob);
    manifests.delete(lostManifest);
    const since = asked();
    const report = await copy(repository, digest, { verify: 'read' });
    assert.deepEqual(
      [outcomesOf(report.blobs), outcomesOf(report.manifests)],
      [
        { present: 7, copied: 1 },
        { present: 5, copied: 1 },
      ],
    );
    assert.deepEqual([blobs.has(lostBlob), manifests.has(lostManifest)], [true, true]);
    const readBlobs = since().filter((line) => /^GET .*\/blobs\/sha256/.test(line));
    assert.equal(readBlobs.length, 8);
    assert.equal(since().filter((line) => line.endsWith('PUT /manifests/v1')).length, 0); // It pointed there already.
    assert.deepEqual(report.verified, { how: 'read', manifests: 6, blobs: 8 });
  });
});

describe('what a copier remembers', () => {
  const ends = useEnds();
  const twoThatShare = async () => {
    const { fresh, from } = ends();
    const [one, two] = [fresh(), fresh()];
    const image = randomImage({ layersCount: 2 });
    for (const repository of [one, two]) await pushImage({ client: from, repository, tag: 'v1' }, image);
    return { one, two, blobs: image.blobs.map(({ descriptor }) => descriptor.digest) };
  };

  it('is given up where the target has lost it since', async () => {
    const { request, target, to, tagAt } = ends();
    const { one, blobs } = await twoThatShare();
    const copier = createCopier();
    const { digest } = await copier.copy(request(one, 'v1'));
    const there = target.repositories.get(one)!;
    there.blobs.delete(blobs[1]!);
    there.manifests.clear();
    there.tags.clear();
    const { blobs: moved } = await copier.copy(request(one, 'v1'));
    assert.deepEqual(outcomesOf(moved), { present: 2, copied: 1 });
    assert.equal(await tagAt(to, one), digest);
  });

  it('does no harm where a blob is no longer in the repository it would be mounted from', async () => {
    const { request, target } = ends();
    const { one, two, blobs } = await twoThatShare();
    const copier = createCopier();
    await copier.copy(request(one, 'v1'));
    target.repositories.get(one)!.blobs.delete(blobs[1]!);
    assert.deepEqual(outcomesOf((await copier.copy(request(two, 'v1'))).blobs), { mounted: 2, copied: 1 });
  });

  it('does no harm where the registry refuses to mount', async () => {
    const { request, target } = ends();
    for (const status of [401, 403, 400, 405]) {
      const { one, two } = await twoThatShare();
      const copier = createCopier();
      target.fail({ method: 'POST', path: /mount=/, kind: 'answer', status, times: Infinity });
      await copier.copy(request(one, 'v1'));
      assert.deepEqual(outcomesOf((await copier.copy(request(two, 'v1'))).blobs), { copied: 3 });
      target.heal();
    }
  });

  it('spares what it has just seen: the second image of a repository asks only for its own', async () => {
    const { request, fresh, from, asked } = ends();
    const repository = fresh();
    const image = randomImage({ layersCount: 2 });
    await pushImage({ client: from, repository, tag: 'v1' }, image);
    await pushImage({ client: from, repository, tag: 'v2' }, image);
    const copier = createCopier();
    await copier.copy(request(repository, 'v1'));
    const since = asked();
    await copier.copy(request(repository, 'v2', { tag: 'v2' }));
    assert.deepEqual(
      since().map((line) => line.replace(`/v2/${repository}/`, '')),
      ['HEAD manifests/v2', 'PUT manifests/v2', 'GET manifests/v2'],
    );
  });
});

describe('a target without the referrers API', () => {
  const ends = useEnds({ target: { referrersApi: false } });

  it('has the links in the end, though another process has written them anew without ours', async () => {
    const { fresh, from, to, request, signal } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }));
    const empty = { descriptor: { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), sizeBytes: bytes.byteLength }, bytes };
    /** Another process, which read the tag before we wrote it and is slow, writes just before the image gets its tag. */
    const disturbed = (client: RegistryClient): RegistryClient => ({
      ...client,
      async send(sent) {
        if (sent.method === 'PUT' && sent.at === 'manifests/v1')
          await putManifest(to, { repository, reference: referrersTag(digest) }, empty, signal);
        return client.send(sent);
      },
      ownedBy: (owner) => disturbed(client.ownedBy(owner)),
    });
    await createCopier().copy(request(repository, 'v1', { target: { client: disturbed(to), repository } }));
    assert.equal((await listReferrers(to, { repository, digest }, signal)).length, 1);
  });
});
