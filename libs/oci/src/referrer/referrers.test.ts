import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { digestOf } from '../descriptor/digest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';
import { putManifest } from '../manifest/manifest.ts';
import { addToReferrersTag, keepInReferrersTag, listReferrers, listReferrersByTag, referrersTag } from './referrers.ts';

const repository = 'team/app';
const subject = digestOf('subject');
const tag = referrersTag(subject);

describe('referrers', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(60_000);
  const path = new RegExp(`manifests/${tag}`);
  const index = (manifests: readonly object[]) => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
    return { descriptor: { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), sizeBytes: bytes.byteLength }, bytes };
  };
  const listed = async () => (await listReferrersByTag(client, { repository, digest: subject }, signal)).map(({ digest }) => digest).sort();
  const add = (...added: Parameters<typeof addToReferrersTag>[2]) =>
    addToReferrersTag(client, { repository, digest: subject }, added, signal);
  /** An index under the fallback tag, of manifests that need not be there. */
  const pushListed = async (manifests: readonly { readonly digest: string }[]) => {
    const held = registry.repositories.get(repository)!.manifests;
    for (const { digest } of manifests) held.set(digest, { mediaType: mediaTypes.ociManifest, bytes: Buffer.from('{}') });
    await putManifest(client, { repository, reference: tag }, index(manifests), signal);
  };
  const referrer = async () => {
    const { digest, sizeBytes, mediaType } = await pushImage({ client, repository }, randomImage(), signal);
    return { digest, size: sizeBytes, mediaType };
  };
  const page = (link: string) => ({
    path: /referrers/,
    ...({ kind: 'answer', status: 200, body: index([]).bytes.toString(), times: Infinity } as const),
    headers: { 'content-type': mediaTypes.ociIndex, link },
  });

  before(async () => {
    registry = await startFakeRegistry({ referrersApi: false });
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true }, { repeatMsMax: 0 });
  });
  afterEach(() => {
    registry.heal();
    registry.repositories.get(repository)?.tags.clear();
  });
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('are all in the fallback tag after writers that wrote at once', async () => {
    const added = await Promise.all(Array.from({ length: 8 }, referrer));
    const before = registry.requests.length;
    await Promise.all(added.map((descriptor) => add(descriptor)));
    assert.deepEqual(await listed(), added.map(({ digest }) => digest).sort());
    const writes = registry.requests.slice(before).filter((request) => request.startsWith('PUT '));
    assert.equal(writes.length, added.length, 'they did not take turns');
  });

  it('are written again to the fallback tag when another writer has replaced it', async () => {
    const [ours, theirs] = [await referrer(), await referrer()];
    await putManifest(client, { repository, reference: tag }, index([theirs]), signal);
    // As if theirs had come after both of these: it was not there yet when ours was written, and ours is gone when it is read again.
    registry.fail({ method: 'HEAD', path, kind: 'answer', status: 404 });
    registry.fail({ method: 'PUT', path, kind: 'answer', status: 201 });
    await add(ours);
    assert.deepEqual(await listed(), [ours.digest, theirs.digest].sort());
  });

  it('are all there in the end where two processes write the fallback tag, in whatever order their requests come', async () => {
    const added = [[await referrer(), await referrer()], [await referrer()]] as const;
    const order = fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 10 });
    const holds = fc.asyncProperty(order, async (turns) => {
      registry.repositories.get(repository)?.tags.clear();
      const { writer, end } = inTurns(client, turns);
      const both = async (write: (by: RegistryClient, theirs: (typeof added)[number]) => Promise<unknown>) => {
        const writers = added.map((theirs, index) => write(writer(index), theirs).finally(() => end(index)));
        await Promise.all(writers);
      };
      await both((by, theirs) => addToReferrersTag(by, { repository, digest: subject }, theirs, signal));
      await both((by, theirs) => keepInReferrersTag(by, { repository, digest: subject }, theirs, signal));
      assert.deepEqual(
        await listed(),
        added
          .flat()
          .map(({ digest }) => digest)
          .sort(),
      );
    });
    // The second has read the tag before the first one begins, and writes it when that one has seen what it wrote.
    await fc.assert(holds, { numRuns: 60, examples: [[[1, 0, 0, 0, 1]], [[0, 1, 1, 1, 0]]] });
  });

  it('fail with a typed error when the fallback tag does not keep what is written, and the next writer has its turn', async () => {
    const descriptor = await referrer();
    registry.fail({ method: 'PUT', path, kind: 'answer', status: 201, times: Infinity });
    await assert.rejects(add(descriptor), { code: 'COPY_UNVERIFIED' });
    registry.heal();
    await add(descriptor);
    assert.deepEqual(await listed(), [descriptor.digest]);
  });

  it('are not asked for at another host, and not in a circle or without an end', async () => {
    const listing = () => listReferrers(client, { repository, digest: subject }, signal);
    registry.fail(page('<http://127.0.0.1:1/v2/team/app/referrers/x>; rel="next"'));
    await assert.rejects(listing(), { code: 'REDIRECT_REFUSED', message: /correct its external URL/ });
    registry.heal();
    registry.fail(page(`</v2/${repository}/referrers/${subject}?again>; rel="next"`));
    await assert.rejects(listing(), { code: 'REGISTRY_PROTOCOL', message: /circle/ });
    registry.heal();
    for (let next = 0; next < 60; next++) {
      registry.fail({ ...page(`</v2/${repository}/referrers/${subject}?page=${next}>; title="more"; rel=next`), times: 1 });
    }
    await assert.rejects(listing(), { code: 'CONTENT_TOO_LARGE', message: /50 pages/ });
  });

  it('of one type are those of that type, whoever filters', async () => {
    const [sbom, signature] = ['application/vnd.test.sbom+json', 'application/vnd.test.signature'].map((artifactType) => ({
      ...{ mediaType: mediaTypes.ociManifest, digest: digestOf(artifactType), size: 1, artifactType },
    }));
    const { artifactType } = sbom!;
    const list = () => listReferrers(client, { repository, digest: subject, artifactType }, signal);
    const answer = (manifests: readonly object[], headers = {}) =>
      registry.fail({
        ...page(''),
        times: 1,
        body: index(manifests).bytes.toString(),
        headers: { 'content-type': mediaTypes.ociIndex, ...headers },
      });
    answer([sbom!, signature!]);
    assert.deepEqual(await list(), [sbom], 'the registry did not');
    const { artifactType: _, ...silent } = sbom!;
    answer([silent], { 'oci-filters-applied': 'artifactType' });
    assert.deepEqual(await list(), [silent], 'the registry did, and knows best');
    assert.match(registry.requests.at(-1)!, /\?artifactType=application%2Fvnd\.test\.sbom%2Bjson$/);
    await pushListed([sbom!, signature!]);
    assert.deepEqual(await list(), [sbom], 'there is only the fallback tag');
  });
});

/**
 * The client for several processes, whose requests go one by one: whose is next is in `turns`; then as they come. Who has ended is passed
 * over.
 */
function inTurns(client: RegistryClient, turns: readonly number[]) {
  const waiting = new Map<number, () => void>();
  const ended = new Set<number>();
  let left = turns;
  let isBusy = false;
  const next = (): void => {
    while (left.length > 0 && ended.has(left[0]!)) left = left.slice(1);
    const index = left[0] ?? waiting.keys().next().value;
    const go = index === undefined ? undefined : waiting.get(index);
    if (!go || isBusy) return;
    [isBusy, left] = [true, left.slice(1)];
    waiting.delete(index!);
    go();
  };
  const writer = (index: number): RegistryClient => {
    ended.delete(index);
    return {
      ...client,
      registry: { ...client.registry },
      async send(request) {
        await new Promise<void>((resolve) => {
          waiting.set(index, resolve);
          next();
        });
        try {
          return await client.send(request);
        } finally {
          isBusy = false;
          next();
        }
      },
    };
  };
  return { writer, end: (index: number) => (ended.add(index), next()) };
}
