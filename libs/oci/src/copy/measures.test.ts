import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pushIndex, randomImage } from '@waybill/testing';
import { pushDigestTag, pushSigned, useEnds } from './copy.fixture.ts';

// Goal: a copy says how large is what is at the target because of it, whoever put it there.
describe('the size of a copy', () => {
  const ends = useEnds();
  /** Of all that the target holds of a repository that nothing else is in. */
  const heldBytes = (repository: string): number => {
    const { blobs, manifests } = ends().target.repositories.get(repository)!;
    const sizes = [...[...blobs.values()].map(({ length }) => length), ...[...manifests.values()].map(({ bytes }) => bytes.length)];
    return sizes.reduce((sum, size) => sum + size, 0);
  };

  it('is that of all that belongs to it, with what is attached, each once', async () => {
    const { copy, fresh, from } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await pushDigestTag(from, repository, digest, 'sig');
    const { imageBytes } = await copy(repository, 'v1', { measures: true });
    assert.equal(imageBytes, heldBytes(repository));
  });

  it('is the same where all of it is there already, which is read there and not at the source', async () => {
    const { copy, fresh, from, source } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await pushDigestTag(from, repository, digest, 'sig');
    const first = await copy(repository, 'v1', { measures: true });
    const start = source.requests.length;
    const again = await copy(repository, 'v1', { measures: true });
    assert.deepEqual([again.imageBytes, again.bytesSent], [first.imageBytes, 0]);
    const read = source.requests.slice(start).filter((line) => line.startsWith('GET') && line.includes('/manifests/'));
    const plain = source.requests.length;
    assert.equal((await copy(repository, 'v1')).imageBytes, null, 'where nobody asks, nothing is read for it');
    const readPlain = source.requests.slice(plain).filter((line) => line.startsWith('GET') && line.includes('/manifests/'));
    assert.deepEqual(read.toSorted(), readPlain.toSorted());
  });

  it('is that of the platforms that were copied', async () => {
    const { copy, fresh, from } = ends();
    const repository = fresh();
    const images = ['amd64', 'arm64', 's390x'].map((architecture) => randomImage({ architecture }));
    await pushIndex({ client: from, repository, tag: 'v1' }, images);
    const { imageBytes } = await copy(repository, 'v1', { platforms: ['linux/amd64', 'linux/arm64'], measures: true });
    assert.equal(imageBytes, heldBytes(repository));
  });
});
