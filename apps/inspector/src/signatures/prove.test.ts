import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createRegistryClients, digestOf, mediaTypes, putManifest, uploadBlob, type Descriptor, type RegistryClients } from '@waybill/oci';
import { JobError } from '@waybill/stream';
import { pushImage, pushIndex, pushReferrer, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createInspect, type InspectPayload } from '../inspect.ts';
import { createProve } from './prove.ts';
import { carrierBounds } from './read-carriers.ts';
import { bundleByKey, bundleType, newKey, payloadOf, signSimply, trusted, type SimpleSigning } from './signing.fixture.ts';
import { createTrust } from './trust.ts';

const nowMs = Date.UTC(2026, 0, 1);
const [ours, second] = [newKey(), newKey()];
const trust = createTrust([trusted(ours), trusted(second)], undefined);
const byOurs = { issuer: null, subject: null, key: trusted(ours).id, verifiedAtMs: nowMs };
const soon = () => AbortSignal.timeout(10_000);

describe('who signed an image, or what a signature proves', () => {
  let registry: FakeRegistry;
  let clients: RegistryClients;
  let repositories = 0;
  let target: { readonly client: ReturnType<RegistryClients['forName']>; readonly repository: string };

  before(async () => {
    registry = await startFakeRegistry();
    clients = createRegistryClients([{ name: 'a', host: registry.host, plainHttp: true }]);
  });
  after(async () => {
    await clients.close();
    await registry.close();
  });
  beforeEach(() => {
    registry.heal();
    target = { client: clients.forName('a'), repository: `team/app-${++repositories}` };
  });

  const inspect = (payload: Partial<InspectPayload>, attempt = 3, prove = createProve(trust, () => nowMs)) =>
    createInspect(clients, prove)(
      { registry: registry.host, repository: target.repository, tags: [], digest: null, pushEventId: 'p', ...payload },
      { signal: soon(), attempt, correlationId: 'c' },
    );
  const push = () => pushImage(target, randomImage());
  const pushBundle = (subject: Descriptor, payload = bundleByKey(ours, subject.digest)) =>
    pushReferrer(target, { subject, artifactType: bundleType, payload: payload.toString() });
  const sigTag = (digest: string): string => `${digest.replace(':', '-')}.sig`;

  /** As cosign did before version 3: one manifest, a layer for each signature. */
  async function pushTag(digest: string, signatures: readonly SimpleSigning[], tag = sigTag(digest)): Promise<string> {
    const { client, repository } = target;
    const upload = async (mediaType: string, bytes: Buffer) => {
      const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
      await uploadBlob(client, { repository, descriptor }, async () => bytes, soon());
      return { mediaType, digest: descriptor.digest, size: bytes.length };
    };
    const config = await upload(
      mediaTypes.ociConfig,
      Buffer.from('{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'),
    );
    const layers = await Promise.all(
      signatures.map(async ({ payload, annotations }) => ({
        ...(await upload('application/vnd.dev.cosign.simplesigning.v1+json', payload)),
        annotations,
      })),
    );
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }));
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), sizeBytes: bytes.length };
    await putManifest(client, { repository, reference: tag }, { descriptor, bytes }, soon());
    return descriptor.digest;
  }

  it('is nobody where none signed, which is known then', async () => {
    const { signatures, refusedSignatures, trustSha256 } = await inspect({ digest: (await push()).digest });
    assert.deepEqual({ signatures, refusedSignatures, trustSha256 }, { signatures: [], refusedSignatures: [], trustSha256: trust.sha256 });
  });

  it('is not known where nobody is to look', async () => {
    const image = await push();
    await pushBundle(image);
    const { signatures, subjectSignatures, trustSha256 } = await inspect({ digest: image.digest }, 3, undefined);
    assert.deepEqual(signatures, [{ ...byOurs, digest: signatures?.[0]?.digest }]); // The default of the argument.
    const unasked = await createInspect(clients)(
      { registry: registry.host, repository: target.repository, tags: [], digest: image.digest, pushEventId: 'p' },
      { signal: soon(), attempt: 1, correlationId: 'c' },
    );
    assert.deepEqual([unasked.signatures, unasked.trustSha256], [null, null]);
    assert.deepEqual([subjectSignatures, trustSha256], [[], trust.sha256]);
  });

  it('is read from a bundle that refers to it, and from the tag of its digest', async () => {
    const image = await push();
    const bundle = await pushBundle(image);
    const tagged = await pushTag(image.digest, [signSimply(second, payloadOf(image.digest))]);
    const { signatures } = await inspect({ digest: image.digest });
    assert.deepEqual(signatures, [
      { ...byOurs, key: trusted(second).id, digest: tagged },
      { ...byOurs, digest: bundle.digest },
    ]);
  });

  it('is told once, however often they signed', async () => {
    const image = await push();
    for (const at of [1, 2]) await pushBundle(image, Buffer.from(`${bundleByKey(ours, image.digest).toString()}${' '.repeat(at)}`));
    assert.equal((await inspect({ digest: image.digest })).signatures?.length, 1);
  });

  it('is of an index what signs the index, not what signs one of its platforms', async () => {
    const platform = randomImage();
    const index = await pushIndex(target, [platform, randomImage()]);
    await pushBundle(platform.manifest.descriptor);
    assert.deepEqual((await inspect({ digest: index.digest })).signatures, []);
    const { digest } = await pushBundle(index);
    assert.deepEqual((await inspect({ digest: index.digest })).signatures, [{ ...byOurs, digest }]);
  });

  it('is proven of its subject by a bundle that is pushed later', async () => {
    const image = await push();
    const { digest } = await pushBundle(image);
    const { kind, subject, signatures, subjectSignatures } = await inspect({ digest });
    assert.deepEqual([kind, subject, signatures, subjectSignatures], ['artifact', image.digest, [], [{ ...byOurs, digest }]]);
  });

  it('is proven of what its tag names by signatures that are pushed later', async () => {
    const image = await push();
    const digest = await pushTag(image.digest, [signSimply(newKey(), payloadOf(image.digest)), signSimply(ours, payloadOf(image.digest))]);
    const { subject, subjectSignatures, refusedSignatures } = await inspect({ digest, tags: [sigTag(image.digest)] });
    assert.deepEqual([subject, subjectSignatures], [image.digest, [{ ...byOurs, digest }]]);
    assert.deepEqual(
      refusedSignatures.map(({ digest: carrier, code }) => [carrier, code]),
      [[digest, 'SIGNATURE_INVALID']],
    );
  });

  it('is not proven of another image that a tag is moved to', async () => {
    const [image, another] = [await push(), await push()];
    const digest = await pushTag(another.digest, [signSimply(ours, payloadOf(image.digest))]);
    const moved = await inspect({ digest, tags: [sigTag(another.digest)] });
    assert.deepEqual([moved.subjectSignatures, moved.refusedSignatures[0]?.code], [[], 'SIGNATURE_OF_ANOTHER_IMAGE']);
    const { signatures, refusedSignatures } = await inspect({ digest: another.digest });
    assert.deepEqual([signatures, refusedSignatures[0]?.code], [[], 'SIGNATURE_OF_ANOTHER_IMAGE']);
  });

  it('is no attachment what can be run, whatever its tag says', async () => {
    const [image, runnable] = [await push(), randomImage()];
    const tag = sigTag(image.digest);
    const { digest } = await pushImage({ ...target, tag }, runnable);
    const { kind, subject } = await inspect({ digest, tags: [tag] });
    assert.deepEqual([kind, subject], ['image', null]);
  });

  it('leaves out what attests something else, without a word', async () => {
    const image = await push();
    await pushReferrer(target, { subject: image, artifactType: 'application/spdx+json', payload: '{}' });
    const { signatures, refusedSignatures } = await inspect({ digest: image.digest });
    assert.deepEqual([signatures, refusedSignatures], [[], []]);
  });

  const damages: Readonly<Record<string, [payload: Buffer, code: string]>> = {
    'is no bundle': [Buffer.from('{}'), 'SIGNATURE_MALFORMED'],
    'is no JSON': [Buffer.from('\u0000garbage'), 'SIGNATURE_MALFORMED'],
    'is larger than any bundle': [Buffer.alloc(carrierBounds.bundleBytesMax + 1, 'a'), 'SIGNATURE_UNREADABLE'],
  };
  for (const [what, [payload, code]] of Object.entries(damages))
    it(`is told, with its reason, where a bundle ${what}; those beside it count`, async () => {
      const image = await push();
      const [good, bad] = [await pushBundle(image), await pushBundle(image, payload)];
      const { signatures, refusedSignatures } = await inspect({ digest: image.digest });
      assert.deepEqual(signatures, [{ ...byOurs, digest: good.digest }]);
      assert.deepEqual(
        refusedSignatures.map(({ digest, code: refused }) => [digest, refused]),
        [[bad.digest, code]],
      );
    });

  it('is looked for again while a signature cannot be read, and never taken for nobody', async () => {
    const image = await push();
    const { digest } = await pushBundle(image);
    for (const path of [new RegExp(`manifests/${digest}`), /blobs/, /\.sig/, /referrers/]) {
      registry.fail({ path, kind: 'answer', status: 429, headers: { 'retry-after': '60' }, times: Infinity });
      await assert.rejects(inspect({ digest: image.digest }), (error) => error instanceof JobError && error.retry);
      registry.heal();
    }
  });

  it('is looked for again while a part of a signature is not there yet, and refused when it does not come', async () => {
    const image = await push();
    const { digest } = await pushBundle(image);
    const isGone = () => registry.fail({ path: new RegExp(`manifests/${digest}`), kind: 'answer', status: 404, times: Infinity });
    isGone();
    await assert.rejects(inspect({ digest: image.digest }, 2), (error) => error instanceof JobError && error.retry);
    const { signatures, refusedSignatures } = await inspect({ digest: image.digest }, 3);
    assert.deepEqual([signatures, refusedSignatures[0]?.code], [[], 'SIGNATURE_UNREADABLE']);
  });

  it('ends with its time, when the registry falls silent', async () => {
    const image = await push();
    const { digest } = await pushBundle(image);
    registry.fail({ path: new RegExp(`manifests/${digest}`), kind: 'hang', times: Infinity });
    const ended = new AbortController();
    const inspecting = createInspect(
      clients,
      createProve(trust, () => nowMs),
    )(
      { registry: registry.host, repository: target.repository, tags: [], digest: image.digest, pushEventId: 'p' },
      { signal: ended.signal, attempt: 3, correlationId: 'c' },
    );
    while (!registry.requests.some((request) => request.endsWith(`${target.repository}/manifests/${digest}`) && request.startsWith('GET')))
      await new Promise((resolve) => setImmediate(resolve));
    ended.abort(new Error('its time is over'));
    await assert.rejects(inspecting);
  });

  it('is looked for in so many places and no more, which is told', async () => {
    const image = await push();
    const bundles = Array.from({ length: carrierBounds.carriersMax + 20 }, (_, at) => Buffer.from(`{"at":${at}}`));
    for (const bundle of bundles) await pushBundle(image, bundle);
    const before = registry.requests.length;
    const { signatures, refusedSignatures } = await inspect({ digest: image.digest });
    assert.deepEqual(signatures, []);
    assert.ok(registry.requests.length - before < 2 * carrierBounds.carriersMax + 10);
    assert.equal(refusedSignatures.length, 50);
    assert.equal(refusedSignatures[0]?.code, 'SIGNATURES_TOO_MANY');
  });

  it('is read from the newest of too many signatures of one tag', async () => {
    const image = await push();
    const stranger = newKey();
    const many = Array.from({ length: carrierBounds.layersMax + 5 }, () => signSimply(stranger, payloadOf(image.digest)));
    const digest = await pushTag(image.digest, [...many, signSimply(ours, payloadOf(image.digest))]);
    const { signatures, refusedSignatures } = await inspect({ digest: image.digest });
    assert.deepEqual(signatures, [{ ...byOurs, digest }]);
    assert.equal(refusedSignatures[0]?.code, 'SIGNATURES_TOO_MANY');
  });
});
