import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pushIndex, pushReferrer, randomImage, startFakeRegistry, type FakeRegistry, type TestImage } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { putManifest } from '../manifest/manifest.ts';
import { referrersTag } from '../referrer/referrers.ts';
import { checkImage } from './check-image.ts';
import { platformImagesOf } from './platform-images.ts';
import { surveyImage } from './survey-image.ts';

const signal = AbortSignal.timeout(60_000);
const query = { repository: 'app', reference: 'v1', referrers: true };

describe('what belongs to an image', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  let images: readonly TestImage[];
  let [root, signature, ofSignature]: string[] = [];
  const held = () => registry.repositories.get('app')!;

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
  });
  after(async () => {
    await client.close();
    await registry.close();
  });
  beforeEach(async () => {
    registry.heal();
    (registry.repositories as Map<string, unknown>).clear();
    const target = { client, repository: 'app', tag: 'v1' };
    images = [randomImage({ layersCount: 2 }), randomImage({ architecture: 'arm64' })];
    const index = await pushIndex(target, images);
    const signed = await pushReferrer(target, { subject: index, artifactType: 'application/vnd.test.signature', payload: 'signed' });
    const again = await pushReferrer(target, { subject: signed, artifactType: 'application/vnd.test.signature', payload: 'again' });
    const reference = `${referrersTag(images[0]!.manifest.descriptor.digest)}.sig`;
    const old = randomImage();
    for (const { descriptor, bytes } of old.blobs) held().blobs.set(descriptor.digest, bytes);
    await putManifest(client, { repository: 'app', reference }, old.manifest, signal);
    [root, signature, ofSignature] = [index.digest, signed.digest, again.digest];
  });
  const survey = () => surveyImage(client, query, signal);
  const check = async (how: 'head' | 'read' = 'head') => checkImage(client, { repository: 'app', expected: await survey(), how }, signal);

  it('are its manifests and their blobs, what refers to it, what refers to that, and tags that name it by digest', async () => {
    const found = await survey();
    assert.deepEqual([found.root.descriptor.digest, found.manifests.size, found.faults], [root, 6, []]);
    assert.deepEqual(
      found.referrers.map(({ subject, descriptor }) => [subject, descriptor.digest]),
      [
        [root, signature],
        [signature, ofSignature],
      ],
    );
    assert.deepEqual(
      found.digestTags.map(({ subject }) => subject),
      [images[0]!.manifest.descriptor.digest],
    );
    for (const { descriptor } of images.flatMap(({ blobs }) => blobs)) assert.ok(found.blobs.has(descriptor.digest));
    assert.deepEqual(
      platformImagesOf(found).map(({ platform }) => platform?.architecture),
      ['amd64', 'arm64'],
    );
    assert.deepEqual(await check('read'), []);
  });

  it('without what refers to it, where that is not asked for', async () => {
    const { manifests, referrers, digestTags } = await surveyImage(client, { ...query, referrers: false }, signal);
    assert.deepEqual([manifests.size, referrers.length, digestTags.length], [3, 0, 0]);
  });

  it('is surveyed to its end where a manifest of it is missing', async () => {
    const { digest, sizeBytes } = images[0]!.manifest.descriptor;
    held().manifests.delete(digest);
    const found = await survey();
    assert.deepEqual(found.faults, [{ kind: 'manifest', name: digest, sizeBytes, namedBy: root, fault: 'missing' }]);
    assert.ok(found.manifests.has(images[1]!.manifest.descriptor.digest));
  });

  it('is not an answer where the registry fails', async () => {
    for (const path of [/referrers/, /manifests\/sha256:/]) {
      registry.fail({ kind: 'answer', status: 403, path, times: Infinity });
      await assert.rejects(survey(), (error: unknown) => error instanceof OciError && error.code === 'REGISTRY_DENIED');
      registry.heal();
    }
    await assert.rejects(
      surveyImage(client, { ...query, reference: 'v2' }, signal),
      (error: unknown) => error instanceof OciError && error.code === 'CONTENT_NOT_FOUND',
    );
  });

  it('is looked for piece by piece: blobs, links and digest tags', async () => {
    const expected = await survey();
    const [config, layer] = images[0]!.blobs.map(({ descriptor }) => descriptor.digest);
    held().blobs.delete(config!);
    held().blobs.set(layer!, Buffer.from('short'));
    held().manifests.delete(ofSignature!);
    const tag = [...held().tags.keys()].find((name) => name.endsWith('.sig'))!;
    held().tags.set(tag, root!);
    const faults = await checkImage(client, { repository: 'app', expected, how: 'head' }, signal);
    assert.deepEqual(
      new Map(faults.map(({ kind, name, fault }) => [`${kind} ${name}`, fault])),
      new Map([
        [`manifest ${ofSignature}`, 'missing'],
        [`blob ${config}`, 'missing'],
        [`blob ${layer}`, 'size'],
        [`link ${ofSignature}`, 'missing'],
        [`tag ${tag}`, 'digest'],
      ]),
    );
  });

  it('may have other bytes of the same length: that is seen where they are read', async () => {
    const { descriptor, bytes } = images[1]!.blobs[1]!;
    held().blobs.set(descriptor.digest, Buffer.alloc(bytes.byteLength));
    assert.deepEqual(await check('head'), []);
    assert.deepEqual(
      (await check('read')).map(({ kind, name, fault }) => [kind, name, fault]),
      [['blob', descriptor.digest, 'digest']],
    );
  });
});
