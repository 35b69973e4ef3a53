import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { uploadBlob } from '../blob/upload.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import { digestOf } from '../descriptor/digest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { putManifest } from '../manifest/manifest.ts';
import { inspectImage } from './inspect-image.ts';

const spdx = 'https://spdx.dev/Document';
const provenance = 'https://slsa.dev/provenance/v1';

describe('what is attested', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(30_000);
  const repository = 'team/attested';
  const typesAt = async (reference: string) => (await inspectImage(client, { repository, reference }, signal)).predicateTypes;
  const named = ({ mediaType, digest, sizeBytes }: Descriptor) => ({ mediaType, digest, size: sizeBytes });
  const pushPlatform = () => pushImage({ client, repository }, randomImage());

  async function push(reference: string | undefined, value: object): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(value));
    const mediaType = 'manifests' in value ? mediaTypes.ociIndex : mediaTypes.ociManifest;
    const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
    await putManifest(client, { repository, reference: reference ?? descriptor.digest }, { descriptor, bytes }, signal);
    return descriptor;
  }
  let texts = 0;
  /** A manifest of statements; each layer says what it attests in the way of whoever made it. */
  async function pushStatements(
    tag: string | undefined,
    name: string,
    types: readonly string[],
    annotations: object = {},
  ): Promise<Descriptor> {
    const upload = async (mediaType: string, text: string) => {
      const bytes = Buffer.from(text);
      const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
      await uploadBlob(client, { repository, descriptor }, async () => bytes, signal);
      return named(descriptor);
    };
    const layers: object[] = [];
    for (const type of types)
      layers.push({ ...(await upload('application/vnd.in-toto+json', `"${texts++}"`)), annotations: { [name]: type } });
    const config = await upload(mediaTypes.ociConfig, '{}');
    return push(tag, { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, annotations });
  }
  const beside = (attestation: Descriptor, subject: Descriptor, more: object = {}) => ({
    ...named(attestation),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': subject.digest },
    ...more,
  });
  const buildkit = 'in-toto.io/predicate-type';

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
  });
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('in an index, as BuildKit does it, is what every platform has', async () => {
    const [amd64, arm64] = [await pushPlatform(), await pushPlatform()];
    const both = await pushStatements(undefined, buildkit, [provenance, spdx]);
    const one = await pushStatements(undefined, buildkit, [provenance]);
    const manifests = [named(amd64), named(arm64)];
    await push('both', { schemaVersion: 2, manifests: [...manifests, beside(both, amd64), beside(both, arm64)] });
    await push('one', { schemaVersion: 2, manifests: [...manifests, beside(both, amd64), beside(one, arm64)] });
    await push('none', { schemaVersion: 2, manifests });
    assert.deepEqual([await typesAt('both'), await typesAt('one'), await typesAt('none')], [[provenance, spdx], [provenance], []]);
  });

  it('is nothing where the attestation is of something else, or is none', async () => {
    const [image, other] = [await pushPlatform(), await pushPlatform()];
    const statements = await pushStatements(undefined, buildkit, [spdx]);
    await push('other', { schemaVersion: 2, manifests: [named(image), beside(statements, other)] });
    await push('unsaid', {
      schemaVersion: 2,
      manifests: [named(image), beside(statements, image, { annotations: { 'vnd.docker.reference.digest': image.digest } })],
    });
    assert.deepEqual([await typesAt('other'), await typesAt('unsaid')], [[], []]);
  });

  it('is nothing where the attestation is gone, and asked for again where the registry does not answer', async () => {
    const image = await pushPlatform();
    const statements = await pushStatements(undefined, buildkit, [spdx]);
    await push('here', { schemaVersion: 2, manifests: [named(image), beside(statements, image)] });
    const path = new RegExp(`manifests/${statements.digest}`);
    registry.fail({ path, kind: 'answer', status: 429, headers: { 'retry-after': '60' } });
    await assert.rejects(typesAt('here'), { code: 'REGISTRY_RATE_LIMITED' });
    registry.fail({ path, kind: 'answer', status: 404 });
    assert.deepEqual(await typesAt('here'), []);
    assert.deepEqual(await typesAt('here'), [spdx]);
  });

  it('is not asked for in an index of more attestations than any has', async () => {
    const image = await pushPlatform();
    const statements = await pushStatements(undefined, buildkit, [spdx]);
    const many = Array.from({ length: 65 }, () => beside(statements, image));
    await push('many', { schemaVersion: 2, manifests: [named(image), ...many] });
    assert.deepEqual(await typesAt('many'), []);
  });

  it('by an artifact is what its layers say, or its bundle does', async () => {
    await pushStatements('att', 'predicateType', [spdx, provenance, spdx]);
    await pushStatements('bundle', 'x', ['y'], { 'dev.sigstore.bundle.predicateType': spdx });
    await pushStatements('long', 'predicateType', ['x'.repeat(201)]);
    assert.deepEqual([await typesAt('att'), await typesAt('bundle'), await typesAt('long')], [[provenance, spdx], [spdx], []]);
  });
});
