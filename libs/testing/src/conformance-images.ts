import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { findManifestDigest, getManifest, listReferrers, mediaTypes, OciError, putManifest } from '@waybill/oci';
import type { UnderTest } from './under-test.ts';
import { pushImage, pushIndex, pushReferrer, randomImage } from './random-image.ts';

/** Manifests, and what refers to what. */
export function imageRules(under: UnderTest): void {
  const { signal } = under;
  it('gives back a manifest byte for byte, by tag and by digest', async () => {
    const image = randomImage();
    const { digest } = await pushImage({ client: under.client(), repository: 'images/one', tag: 'v1' }, image, signal);
    for (const reference of ['v1', digest]) {
      const { bytes, descriptor } = await getManifest(under.client(), { repository: 'images/one', reference }, signal);
      assert.deepEqual(bytes, image.manifest.bytes);
      assert.deepEqual(descriptor, image.manifest.descriptor);
    }
    assert.equal(await findManifestDigest(under.client(), { repository: 'images/one', reference: 'v1' }, signal), digest);
    assert.equal(await findManifestDigest(under.client(), { repository: 'images/one', reference: 'v2' }, signal), undefined);
  });

  it('refuses a manifest whose blobs it does not have', async () => {
    const push = pushImage({ client: under.client(), repository: 'images/incomplete', tag: 'v1' }, { ...randomImage(), blobs: [] }, signal);
    await assert.rejects(push, (error) => error instanceof OciError && error.code === 'REGISTRY_REJECTED');
  });

  it('takes a manifest by its sha512, or is known not to', async () => {
    const repository = 'images/sha512';
    const image = randomImage();
    const { manifest } = image;
    await pushImage({ client: under.client(), repository }, image, signal);
    const reference = `sha512:${createHash('sha512').update(manifest.bytes).digest('hex')}`;
    const refusal = await putManifest(under.client(), { repository, reference }, manifest, signal).then(
      () => undefined,
      (error: OciError) => error,
    );
    assert.ok(refusal === undefined || refusal.code === 'REGISTRY_UNSUPPORTED', refusal);
    if (refusal) assert.match(refusal.message, /takes no manifest .* by its sha512 .*: copy the image under a tag/);
    else assert.deepEqual((await getManifest(under.client(), { repository, reference }, signal)).bytes, manifest.bytes);
  });

  it('lists what refers to a manifest, by its API or by the tag that clients keep', async () => {
    const target = { client: under.client(), repository: 'images/signed', tag: 'v1' };
    const subject = await pushIndex(target, [randomImage(), randomImage({ architecture: 'arm64' })], signal);
    assert.deepEqual(await listReferrers(under.client(), { repository: target.repository, digest: subject.digest }, signal), []);
    const signature = await pushReferrer(target, { subject, artifactType: 'application/vnd.test.signature', payload: 'signed' }, signal);
    const listed = await listReferrers(under.client(), { repository: target.repository, digest: subject.digest }, signal);
    assert.deepEqual(
      listed.map(({ digest, artifactType, mediaType }) => ({ digest, artifactType, mediaType })),
      [{ digest: signature.digest, artifactType: 'application/vnd.test.signature', mediaType: mediaTypes.ociManifest }],
    );
  });

  it('lists what refers to a manifest by its type', async () => {
    const target = { client: under.client(), repository: 'images/typed', tag: 'v1' };
    const subject = await pushImage(target, randomImage(), signal);
    for (const artifactType of ['application/vnd.test.sbom+json', 'application/vnd.test.signature'])
      await pushReferrer(target, { subject, artifactType, payload: artifactType }, signal);
    const query = { repository: target.repository, digest: subject.digest, artifactType: 'application/vnd.test.sbom+json' };
    assert.deepEqual(
      (await listReferrers(under.client(), query, signal)).map(({ artifactType }) => artifactType),
      [query.artifactType],
    );
  });
}
