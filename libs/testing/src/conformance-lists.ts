import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  deleteBlob,
  deleteManifest,
  deleteTag,
  findBlobSize,
  findManifestDescriptor,
  findManifestDigest,
  listRepositories,
  listTags,
  OciError,
} from '@waybill/oci';
import { pushImage, randomImage } from './random-image.ts';
import type { UnderTest } from './under-test.ts';

/** Tags of a repository, and repositories of a registry. */
export function listRules(under: UnderTest): void {
  const { signal } = under;
  it('lists tags page by page, in order', async () => {
    const image = randomImage();
    const repository = 'lists/tagged';
    const client = under.client();
    for (const tag of ['v3', 'v1', 'latest', 'v2', '_x']) await pushImage({ client, repository, tag }, image, signal);
    const tags = ['_x', 'latest', 'v1', 'v2', 'v3'];
    for (const pageSize of [1, 2, 4, 1_000]) assert.deepEqual(await listTags(client, { repository, pageSize }, signal), tags);
    assert.deepEqual(await listTags(client, { repository, after: 'v1', pageSize: 1 }, signal), ['v2', 'v3']);
    assert.deepEqual(await listTags(client, { repository, after: 'v3' }, signal), []);
  });

  it('says that there is no such repository', async () => {
    const listing = listTags(under.client(), { repository: 'lists/none' }, signal);
    await assert.rejects(listing, (error) => error instanceof OciError && error.code === 'CONTENT_NOT_FOUND');
  });

  it('lists its repositories page by page', async () => {
    const client = under.client();
    const repositories = ['catalog/a', 'catalog/b', 'catalog/b/c'];
    for (const repository of repositories) await pushImage({ client, repository, tag: 'v1' }, randomImage(), signal);
    for (const pageSize of [2, 1_000]) {
      const found = await listRepositories(client, { pageSize, after: 'catalog' }, signal);
      assert.deepEqual(
        found.filter((repository) => repository.startsWith('catalog/')),
        repositories,
      );
    }
    assert.ok(!(await listRepositories(client, { after: 'catalog/b' }, signal)).includes('catalog/a'));
  });
}

/** What is deleted is gone, and nothing else. */
export function deletionRules(under: UnderTest): void {
  const { signal } = under;
  it('forgets a deleted manifest and its tags', async () => {
    const client = under.client();
    const repository = 'deleted/manifest';
    const kept = await pushImage({ client, repository, tag: 'kept' }, randomImage(), signal);
    const { digest } = await pushImage({ client, repository, tag: 'v1' }, randomImage(), signal);
    assert.equal(await deleteManifest(client, { repository, digest }, signal), true);
    for (const reference of ['v1', digest]) assert.equal(await findManifestDigest(client, { repository, reference }, signal), undefined);
    assert.deepEqual(await findManifestDescriptor(client, { repository, reference: 'kept' }, signal), kept);
    assert.deepEqual(await listTags(client, { repository }, signal), ['kept']);
    assert.equal(await deleteManifest(client, { repository, digest }, signal), false);
  });

  it('forgets a deleted tag, and keeps what it pointed to', async () => {
    const client = under.client();
    const repository = 'deleted/tag';
    const image = randomImage();
    for (const tag of ['v1', 'v2']) await pushImage({ client, repository, tag }, image, signal);
    assert.equal(await deleteTag(client, { repository, tag: 'v1' }, signal), true);
    assert.equal(await findManifestDescriptor(client, { repository, reference: 'v1' }, signal), undefined);
    for (const reference of ['v2', image.manifest.descriptor.digest])
      assert.deepEqual(await findManifestDescriptor(client, { repository, reference }, signal), image.manifest.descriptor);
    assert.equal(await deleteTag(client, { repository, tag: 'v1' }, signal), false);
  });

  it('forgets a deleted blob', async () => {
    const client = under.client();
    const repository = 'deleted/blob';
    const image = randomImage();
    await pushImage({ client, repository, tag: 'v1' }, image, signal);
    const [config, layer] = image.blobs.map(({ descriptor }) => descriptor);
    assert.equal(await deleteBlob(client, { repository, digest: layer!.digest }, signal), true);
    assert.equal(await findBlobSize(client, { repository, descriptor: layer! }, signal), undefined);
    assert.equal(await findBlobSize(client, { repository, descriptor: config! }, signal), config!.sizeBytes);
    assert.equal(await deleteBlob(client, { repository, digest: layer!.digest }, signal), false);
  });
}
