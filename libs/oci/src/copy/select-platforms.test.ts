import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pushImage, randomImage, type TestImage } from '@waybill/testing';
import type { DescriptorDocument } from '../descriptor/descriptor.ts';
import { digestOf } from '../descriptor/digest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';
import { getManifest, putManifest } from '../manifest/manifest.ts';
import { useEnds } from './copy.fixture.ts';

type Named = Omit<DescriptorDocument, 'platform'> & { readonly platform?: DescriptorDocument['platform'] };

describe('one platform of an image', () => {
  const ends = useEnds();

  const push = async (repository: string, image: TestImage): Promise<Named> => {
    const { digest, mediaType, sizeBytes } = await pushImage({ client: ends().from, repository }, image);
    return { mediaType, digest, size: sizeBytes };
  };
  const pushPlatform = async (repository: string, architecture: string): Promise<Named> => ({
    ...(await push(repository, randomImage({ architecture }))),
    platform: { os: 'linux', architecture },
  });
  const attests = ({ digest }: Named) => ({
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': digest,
  });
  /** What BuildKit puts beside an image in its index. */
  const pushAttestation = async (repository: string, of: Named): Promise<Named> => ({
    ...(await push(repository, randomImage())),
    annotations: attests(of),
    platform: { os: 'unknown', architecture: 'unknown' },
  });
  const pushIndexOf = async (repository: string, manifests: readonly Named[], reference?: string): Promise<Named> => {
    const { from, signal } = ends();
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, null, 2));
    const descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), sizeBytes: bytes.byteLength };
    await putManifest(from, { repository, reference: reference ?? descriptor.digest }, { descriptor, bytes }, signal);
    return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: bytes.byteLength };
  };
  const childrenAt = async (repository: string): Promise<readonly Named[] | 'an image'> => {
    const { to, signal } = ends();
    const { kind, document } = await getManifest(to, { repository, reference: 'v1' }, signal);
    return kind === 'index' ? document.manifests : 'an image';
  };
  const digestsOf = (children: readonly Named[] | 'an image') =>
    children === 'an image' ? children : children.map(({ digest }) => digest);

  it('is found in an index within the index', async () => {
    const { copy, fresh } = ends();
    const repository = fresh();
    const [amd64, arm64] = [await pushPlatform(repository, 'amd64'), await pushPlatform(repository, 'arm64')];
    const nested = await pushIndexOf(repository, [await pushIndexOf(repository, [arm64])]);
    await pushIndexOf(repository, [amd64, nested], 'v1');
    assert.equal((await copy(repository, 'v1', { platforms: ['linux/arm64'] })).digest, arm64.digest);
    await assert.rejects(copy(repository, 'v1', { platforms: ['linux/s390x'] }), { message: /but for linux\/amd64, linux\/arm64/ });
  });

  it('is that of the index within, where the image in it says none', async () => {
    const { copy, fresh } = ends();
    const repository = fresh();
    const [amd64, arm64] = [await pushPlatform(repository, 'amd64'), await pushPlatform(repository, 'arm64')];
    const { platform, ...silent } = arm64;
    await pushIndexOf(
      repository,
      [amd64, { ...(await pushIndexOf(repository, [silent])), platform }, await pushPlatform(repository, 's390x')],
      'v1',
    );
    assert.equal((await copy(repository, 'v1', { platforms: ['linux/arm64'] })).digest, arm64.digest);
    await copy(repository, 'v1', { platforms: ['linux/amd64', 'linux/arm64'] });
    assert.deepEqual(await childrenAt(repository), [amd64, arm64], 'the new index is flat, and says of each what it is for');
  });

  it('is not looked for in an index that is for another one', async () => {
    const { copy, fresh, source } = ends();
    const repository = fresh();
    const amd64 = await pushPlatform(repository, 'amd64');
    const other = await pushIndexOf(repository, [await pushPlatform(repository, 'arm64')]);
    await pushIndexOf(repository, [amd64, { ...other, platform: { os: 'linux', architecture: 'arm64' } }], 'v1');
    const start = source.requests.length;
    await copy(repository, 'v1', { platforms: ['linux/amd64'] });
    assert.equal(
      source.requests.slice(start).some((request) => request.includes(other.digest)),
      false,
    );
  });

  it('of indexes without end is refused', async () => {
    const { copy, fresh } = ends();
    const repository = fresh();
    const amd64 = await pushPlatform(repository, 'amd64');
    const nested = await pushIndexOf(repository, [amd64]);
    let deep = nested;
    for (let level = 0; level < 10; level++) deep = await pushIndexOf(repository, [deep]);
    await pushIndexOf(repository, [deep], 'v1');
    await assert.rejects(copy(repository, 'v1', { platforms: ['linux/amd64'] }), { code: 'CONTENT_TOO_LARGE' });
    await pushIndexOf(
      repository,
      Array.from({ length: 100 }, () => nested),
      'v1',
    );
    await assert.rejects(copy(repository, 'v1', { platforms: ['linux/amd64'] }), { code: 'CONTENT_TOO_LARGE' });
  });

  it('keeps what BuildKit attests to it, and to no other, in an index as BuildKit writes it', async () => {
    const { copy, fresh, target } = ends();
    const repository = fresh();
    const [amd64, arm64] = [await pushPlatform(repository, 'amd64'), await pushPlatform(repository, 'arm64')];
    const [attested, other] = [await pushAttestation(repository, amd64), await pushAttestation(repository, arm64)];
    await pushIndexOf(repository, [amd64, arm64, attested, other], 'v1');
    await copy(repository, 'v1', { platforms: ['linux/amd64'] });
    assert.deepEqual(await childrenAt(repository), [amd64, attested]);
    assert.equal(target.repositories.get(repository)!.manifests.has(other.digest), false);
  });

  it('is the whole index, with its digest, where there is no other platform', async () => {
    const { copy, fresh } = ends();
    const repository = fresh();
    const amd64 = await pushPlatform(repository, 'amd64');
    const { digest } = await pushIndexOf(repository, [amd64, await pushAttestation(repository, amd64)], 'v1');
    assert.equal((await copy(repository, 'v1', { platforms: ['linux/amd64'] })).digest, digest);
  });

  it('is the manifest alone where what refers to it is left behind', async () => {
    const { copy, fresh } = ends();
    const repository = fresh();
    const amd64 = await pushPlatform(repository, 'amd64');
    await pushIndexOf(repository, [amd64, await pushAttestation(repository, amd64)], 'v1');
    await copy(repository, 'v1', { platforms: ['linux/amd64'], referrers: false });
    assert.equal(digestsOf(await childrenAt(repository)), 'an image');
  });

  it('takes along no image that only claims to attest to it', async () => {
    const { copy, fresh } = ends();
    const repository = fresh();
    const amd64 = await pushPlatform(repository, 'amd64');
    await pushIndexOf(repository, [amd64, { ...(await pushPlatform(repository, 'arm64')), annotations: attests(amd64) }], 'v1');
    assert.equal((await copy(repository, 'v1', { platforms: ['linux/amd64'] })).digest, amd64.digest);
  });
});
