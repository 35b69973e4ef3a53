import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pushImage, randomImage } from '@waybill/testing';
import { digestOf } from '../descriptor/digest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';
import { getManifest, putManifest } from '../manifest/manifest.ts';
import { useEnds } from './copy.fixture.ts';

describe('a copy of what lies in its descriptor', () => {
  const ends = useEnds();

  const push = async (repository: string, document: object, reference?: string) => {
    const { from, signal } = ends();
    const mediaType = 'manifests' in document ? mediaTypes.ociIndex : mediaTypes.ociManifest;
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
    const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength };
    await putManifest(from, { repository, reference: reference ?? descriptor.digest }, { descriptor, bytes }, signal);
    return { mediaType, digest: descriptor.digest, size: bytes.byteLength, data: bytes.toString('base64') };
  };
  /** An image whose config stands in its manifest. */
  const pushInlined = async (repository: string, data?: string) => {
    const image = randomImage();
    await pushImage({ client: ends().from, repository }, image);
    const [config, layer] = image.blobs.map(({ descriptor: { sizeBytes, ...rest } }) => ({ ...rest, size: sizeBytes }));
    const inlined = { ...config!, data: data ?? image.blobs[0]!.bytes.toString('base64') };
    return { config: config!.digest, child: await push(repository, { config: inlined, layers: [layer] }) };
  };

  it('asks the source for nothing of that, and puts it at the target as any other', async () => {
    const { copy, fresh, source, target } = ends();
    const repository = fresh();
    const { config, child } = await pushInlined(repository);
    await push(repository, { manifests: [child] }, 'v1');
    const start = source.requests.length;
    const { blobs } = await copy(repository, 'v1');
    const asked = source.requests.slice(start);
    assert.equal(
      asked.some((line) => line.startsWith('GET') && line.endsWith(config)),
      false,
      'the config',
    );
    assert.equal(
      asked.some((line) => line.startsWith('GET') && line.endsWith(`manifests/${child.digest}`)),
      false,
      'the manifest',
    );
    const [there, here] = [source.repositories.get(repository)!, target.repositories.get(repository)!];
    assert.deepEqual(here.blobs.get(config), there.blobs.get(config));
    assert.deepEqual(here.manifests.get(child.digest), there.manifests.get(child.digest));
    assert.equal(
      blobs.some((blob) => 'data' in blob),
      false,
      'the report is without it',
    );
  });

  it('is refused where it is something else than the descriptor says', async () => {
    const { copy, fresh, to, tagAt } = ends();
    const repository = fresh();
    const { child } = await pushInlined(repository, Buffer.from('{"os":"plan9"}').toString('base64'));
    await assert.rejects(copy(repository, child.digest), { code: 'MANIFEST_INVALID', message: /the data in the descriptor/ });
    assert.equal(await tagAt(to, repository), undefined);
  });

  it('keeps it in an index that is made of some platforms', async () => {
    const { copy, fresh, to, signal } = ends();
    const repository = fresh();
    const children = await Promise.all(
      ['amd64', 'arm64', 's390x'].map(async (architecture) => {
        const { child } = await pushInlined(repository);
        return { ...child, platform: { os: 'linux', architecture } };
      }),
    );
    await push(repository, { manifests: children }, 'v1');
    await copy(repository, 'v1', { platforms: ['linux/amd64', 'linux/s390x'] });
    const { document, kind } = await getManifest(to, { repository, reference: 'v1' }, signal);
    assert.deepEqual(kind === 'index' && document.manifests, [children[0], children[2]]);
  });
});
