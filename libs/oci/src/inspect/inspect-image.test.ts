import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pushImage, pushIndex, pushReferrer, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { uploadBlob } from '../blob/upload.ts';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import { digestOf } from '../descriptor/digest.ts';
import { inspectImage } from './inspect-image.ts';
import { putManifest } from '../manifest/manifest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';

describe('inspecting', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(30_000);
  const repository = 'team/app';
  const inspect = (reference: string) => inspectImage(client, { repository, reference }, signal);
  const document = (descriptor: Descriptor) => ({ mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.sizeBytes });

  /** Pushes any manifest, with a blob per text that it names. @returns its descriptor */
  async function push(tag: string, value: object, blobs: readonly Buffer[] = []): Promise<Descriptor> {
    for (const bytes of blobs) await uploadBlob(client, { repository, descriptor: describeBlob(bytes, 'x') }, async () => bytes, signal);
    const bytes = Buffer.from(JSON.stringify(value));
    const mediaType = 'manifests' in value ? mediaTypes.ociIndex : mediaTypes.ociManifest;
    const descriptor = describeBlob(bytes, mediaType);
    await putManifest(client, { repository, reference: tag }, { descriptor, bytes }, signal);
    return descriptor;
  }
  const describeBlob = (bytes: Buffer, mediaType: string): Descriptor => ({
    mediaType,
    digest: digestOf(bytes),
    sizeBytes: bytes.byteLength,
  });

  /** Pushes an index that names what is not there by then. */
  async function pushHollow(
    tag: string,
    manifests: readonly (Readonly<Record<string, unknown>> & { readonly digest: string })[],
  ): Promise<void> {
    const held = registry.repositories.get(repository)!.manifests;
    const absent = manifests.map(({ digest }) => digest).filter((digest) => !held.has(digest));
    for (const digest of absent) held.set(digest, { mediaType: mediaTypes.ociManifest, bytes: Buffer.from('{}') });
    await push(tag, { schemaVersion: 2, manifests });
    for (const digest of absent) held.delete(digest);
  }

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
  });
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('tells of an image its platform, labels, layers, sizes and annotations', async () => {
    const image = randomImage({ labels: { team: 'core' }, annotations: { note: 'x' }, layersCount: 2 });
    const descriptor = await pushImage({ client, repository, tag: 'one' }, image);
    const [config, ...layers] = image.blobs.map((blob) => blob.descriptor);
    const facts = await inspect('one');
    const totalBytes = image.blobs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    assert.deepEqual(facts, {
      ...descriptor,
      kind: 'image',
      artifactType: null,
      subject: null,
      platforms: [
        {
          ...descriptor,
          os: 'linux',
          architecture: 'amd64',
          variant: null,
          configDigest: config!.digest,
          createdAt: facts.platforms[0]!.createdAt,
          labels: { team: 'core' },
          layers,
          totalBytes,
        },
      ],
      annotations: { note: 'x' },
      labels: { team: 'core' },
      totalBytes,
      referrers: [],
      predicateTypes: [],
    });
  });

  it('folds the children of an index into one image; where labels differ the first platform wins', async () => {
    const amd64 = randomImage({ labels: { team: 'core', stage: 'first' } });
    const arm64 = randomImage({ architecture: 'arm64', labels: { stage: 'second', only: 'arm' } });
    await pushIndex({ client, repository, tag: 'index' }, [amd64, arm64]);
    const facts = await inspect('index');
    assert.equal(facts.kind, 'index');
    assert.deepEqual(
      facts.platforms.map(({ architecture, digest }) => [architecture, digest]),
      [
        ['amd64', amd64.manifest.descriptor.digest],
        ['arm64', arm64.manifest.descriptor.digest],
      ],
    );
    assert.deepEqual(facts.labels, { team: 'core', stage: 'first', only: 'arm' });
    const bytes = [...amd64.blobs, ...arm64.blobs].reduce((sum, blob) => sum + blob.bytes.byteLength, 0);
    assert.equal(facts.totalBytes, bytes);
  });

  it('says of a platform what its index says, or the index around that: who chooses from it sees nothing else', async () => {
    const config = Buffer.from('{"os":"linux","architecture":"arm","variant":"v6","config":{}}');
    const manifest = { schemaVersion: 2, config: document(describeBlob(config, mediaTypes.dockerConfig)), layers: [] };
    const child = document(await push('arm', manifest, [config]));
    const within = document(await push('within', { schemaVersion: 2, manifests: [child] }));
    const platform = { os: 'linux', architecture: 'arm' };
    const named = async (reference: string) => (await inspect(reference)).platforms.map(({ variant }) => variant);
    await push('said', { schemaVersion: 2, manifests: [{ ...child, platform }] });
    await push('around', { schemaVersion: 2, manifests: [{ ...within, platform }] });
    assert.deepEqual([await named('said'), await named('around'), await named('within')], [[null], [null], ['v6']]);
  });

  it('counts a blob that platforms share once', async () => {
    const image = randomImage();
    const child = await pushImage({ client, repository }, image);
    const twin = { ...document(child), platform: { os: 'linux', architecture: 'arm64' } };
    await push('twins', { schemaVersion: 2, manifests: [document(child), twin] });
    const facts = await inspect('twins');
    assert.equal(facts.platforms.length, 1);
    assert.equal(facts.totalBytes, facts.platforms[0]!.totalBytes);
  });

  it('leaves attestations out of the platforms', async () => {
    const image = await pushImage({ client, repository }, randomImage());
    const attestation = {
      ...document(await pushImage({ client, repository }, randomImage({ os: 'unknown', architecture: 'unknown' }))),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': image.digest },
    };
    await push('attested', { schemaVersion: 2, manifests: [document(image), attestation] });
    assert.deepEqual(
      (await inspect('attested')).platforms.map(({ digest }) => digest),
      [image.digest],
    );
  });

  it('takes nothing that a runtime could run for something that needs no scan', async () => {
    const image = randomImage();
    const plain = await pushImage({ client, repository }, randomImage());
    const odd = Buffer.from('odd');
    const { config, layers } = JSON.parse(image.manifest.bytes.toString()) as { config: object; layers: readonly object[] };
    await pushImage({ client, repository }, image);
    const dressedUp = { schemaVersion: 2, config, layers: [...layers, document(describeBlob(odd, 'application/x-odd'))] };
    const hidden = document(await push('dressed-up', dressedUp, [odd]));
    const annotated = {
      ...document(await pushImage({ client, repository }, randomImage())),
      platform: { os: 'linux', architecture: 'amd64' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    };
    await push('decoy', { schemaVersion: 2, manifests: [hidden, annotated, document(plain)] });
    assert.deepEqual(
      (await inspect('decoy')).platforms.map(({ digest }) => digest),
      [hidden.digest, annotated.digest, plain.digest],
    );
    assert.equal((await inspect('dressed-up')).kind, 'image');
  });

  it('knows a signature, a chart and an index of such as artifacts, whatever their config claims to be', async () => {
    const payload = Buffer.from('{}');
    const config = (mediaType: string) => document(describeBlob(payload, mediaType));
    const cosign = { config: config(mediaTypes.ociConfig), layers: [config('application/vnd.dev.cosign.simplesigning.v1+json')] };
    const chart = {
      config: config('application/vnd.cncf.helm.config.v1+json'),
      layers: [config('application/vnd.cncf.helm.chart.content.v1.tar+gzip')],
    };
    const signature = await push('sha256-00.sig', { schemaVersion: 2, ...cosign }, [payload]);
    await push('chart', { schemaVersion: 2, ...chart }, [payload]);
    await push('signatures', { schemaVersion: 2, manifests: [document(signature)] });
    const kinds = await Promise.all(['sha256-00.sig', 'chart', 'signatures'].map(inspect));
    assert.deepEqual(
      kinds.map(({ kind, artifactType, platforms }) => [kind, artifactType, platforms.length]),
      [
        ['artifact', 'application/vnd.dev.cosign.simplesigning.v1+json', 0],
        ['artifact', 'application/vnd.cncf.helm.config.v1+json', 0],
        ['artifact', null, 0],
      ],
    );
  });

  it('fails where a platform cannot be read, and does not ask for what is attested to one', async () => {
    const image = document(await pushImage({ client, repository }, randomImage()));
    const absent = { ...image, digest: digestOf('absent') };
    await pushHollow('part', [image, absent]);
    await assert.rejects(inspect('part'), { code: 'CONTENT_NOT_FOUND' });
    await pushHollow('unattested', [image, { ...absent, platform: { os: 'unknown', architecture: 'unknown' } }]);
    assert.equal((await inspect('unattested')).platforms.length, 1);
  });

  it('names what refers to it, and what it refers to', async () => {
    const subject = await pushImage({ client, repository, tag: 'signed' }, randomImage());
    const referrer = await pushReferrer({ client, repository }, { subject, artifactType: 'application/vnd.test.sbom', payload: 'sbom' });
    assert.deepEqual((await inspect('signed')).referrers, [{ ...referrer, artifactType: 'application/vnd.test.sbom' }]);
    const attached = await inspect(referrer.digest);
    assert.deepEqual([attached.subject, attached.artifactType], [subject.digest, 'application/vnd.test.sbom']);
  });

  it('takes the nulls that Go writes for what is not there', async () => {
    const config = Buffer.from('{"os":"linux","architecture":"arm","variant":"","config":{"Labels":null}}');
    const manifest = { schemaVersion: 2, config: document(describeBlob(config, mediaTypes.dockerConfig)), layers: [] };
    await push('nulls', manifest, [config]);
    const [platform] = (await inspect('nulls')).platforms;
    assert.deepEqual([platform?.architecture, platform?.variant, platform?.labels, platform?.createdAt], ['arm', null, {}, null]);
  });

  it('refuses a config that is none, and facts too large for an event', async () => {
    const config = Buffer.from('[1]');
    await push('config', { schemaVersion: 2, config: document(describeBlob(config, mediaTypes.ociConfig)), layers: [] }, [config]);
    await assert.rejects(inspect('config'), { code: 'MANIFEST_INVALID', retry: false });
    await pushImage({ client, repository, tag: 'huge' }, randomImage({ labels: { huge: 'x'.repeat(600_000) } }));
    await assert.rejects(inspect('huge'), { code: 'CONTENT_TOO_LARGE', retry: false });
  });

  it('refuses an index that holds more than any image has, before reading what it names', async () => {
    const child = document(await pushImage({ client, repository }, randomImage()));
    const children = Array.from({ length: 256 }, (_, index) => ({ ...child, digest: digestOf(`child ${index}`) }));
    await pushHollow('flood', children);
    const before = registry.requests.length;
    await assert.rejects(inspect('flood'), { code: 'CONTENT_TOO_LARGE' });
    assert.equal(registry.requests.length, before + 1);
    let nested = child;
    for (let level = 0; level < 4; level++) nested = document(await push(`level${level}`, { schemaVersion: 2, manifests: [nested] }));
    await assert.rejects(inspect('level3'), { code: 'CONTENT_TOO_LARGE' });
    assert.equal((await inspect('level2')).platforms.length, 1);
  });
});
