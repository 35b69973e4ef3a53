import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDigest, type Digest } from '@waybill/domain';
import { pushImage, pushIndex, randomImage } from '@waybill/testing';
import { findBlobSize } from '../blob/blob.ts';
import { toDescriptor } from '../descriptor/descriptor.ts';
import type { RegistryClient } from '../host/client.ts';
import { getManifest } from '../manifest/manifest.ts';
import { listReferrers } from '../referrer/referrers.ts';
import { createCopier } from './copier.ts';
import { outcomesOf, pushDigestTag, pushSigned, useEnds } from './copy.fixture.ts';

/** Reads all below a tag, as whoever runs the image would. @returns undefined where the tag is not there */
async function readWhole(client: RegistryClient, repository: string, reference: string, signal: AbortSignal): Promise<Digest | undefined> {
  const manifest = await getManifest(client, { repository, reference }, signal).catch((error: { code?: string }) => {
    if (error.code === 'CONTENT_NOT_FOUND' && !isDigest(reference)) return undefined;
    throw error;
  });
  if (!manifest) return undefined;
  const { document, descriptor, kind } = manifest;
  if (kind === 'index') for (const child of document.manifests) await readWhole(client, repository, child.digest, signal);
  for (const blob of kind === 'index' ? [] : [document.config, ...document.layers])
    assert.equal(await findBlobSize(client, { repository, descriptor: toDescriptor(blob) }, signal), blob.size);
  return descriptor.digest;
}

/** The client, with a look at each of its requests before it goes out. */
const watched = (client: RegistryClient, onSend: () => void): RegistryClient => ({
  ...client,
  send(request) {
    onSend();
    return client.send(request);
  },
  ownedBy: (owner) => watched(client.ownedBy(owner), onSend),
});

describe('a copy that others look at or end', () => {
  const ends = useEnds();

  it('is never seen by half: whoever finds the tag finds all below it, and what is attached', async () => {
    const { copy, fresh, from, to, target, signal } = ends();
    for (const attaches of [false, true]) {
      const repository = fresh();
      target.fail({ method: 'PUT', path: /manifests\/sha256:/, kind: 'slow', delayMs: 40, times: Infinity }); // Time to look.
      const images = [randomImage({ layersCount: 4 }), randomImage({ architecture: 'arm64', layersCount: 3 })];
      const { digest } = attaches ? await pushSigned(from, repository) : await pushIndex({ client: from, repository, tag: 'v1' }, images);
      let isOver = false;
      const copying = copy(repository, 'v1').finally(() => (isOver = true));
      let looks = 0;
      let found: Digest | undefined;
      while (!isOver || found === undefined) {
        found = await readWhole(to, repository, 'v1', signal);
        if (found !== undefined) assert.equal((await listReferrers(to, { repository, digest }, signal)).length, attaches ? 1 : 0);
        looks++;
      }
      await copying;
      assert.equal(found, digest);
      assert.ok(looks > 1);
    }
  });

  it('ended at any of its requests leaves nothing by half, nothing behind, and the next one goes on', async () => {
    const { fresh, from, to, request, tagAt, signal } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await pushDigestTag(from, repository, digest, 'sig');
    let requestsMax = Infinity;
    for (let endsAt = 1; endsAt <= requestsMax; endsAt++) {
      const place = fresh();
      const reason = new Error(`ended at ${endsAt}`);
      const controller = new AbortController();
      let sentCount = 0;
      const onSend = () => void (++sentCount === endsAt && controller.abort(reason));
      const [watchedFrom, watchedTo] = [watched(from, onSend), watched(to, onSend)];
      const where = { source: { client: watchedFrom, repository }, target: { client: watchedTo, repository: place } };
      const copying = createCopier().copy(request(repository, 'v1', { ...where, signal: controller.signal }));
      if (
        requestsMax === Infinity &&
        (await copying.then(
          () => true,
          () => false,
        ))
      )
        requestsMax = endsAt;
      else await assert.rejects(copying, (error) => error === reason);
      const sentBefore = sentCount;
      if (endsAt === requestsMax) break;
      await sleep(2);
      assert.equal(sentCount, sentBefore, `something goes on after ${reason.message}`);
      if ((await tagAt(to, place)) !== undefined) await readWhole(to, place, 'v1', signal);
      if (endsAt % 7 !== 0) continue;
      await createCopier().copy(request(repository, 'v1', { target: { client: to, repository: place } }));
      assert.equal(await readWhole(to, place, 'v1', signal), digest);
    }
    assert.ok(requestsMax > 40, `${requestsMax} requests`);
  });

  it('ended while its bytes are on the way ends with the reason', async () => {
    const { copy, fresh, from, to, target, tagAt } = ends();
    const repository = fresh();
    await pushImage({ client: from, repository, tag: 'v1' }, randomImage({ layersCount: 3 }));
    const reason = new Error('revoked');
    const controller = new AbortController();
    target.fail({ method: 'PUT', path: /blobs\/uploads/, kind: 'hang', times: Infinity });
    const onProgress = () => void setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(copy(repository, 'v1', { signal: controller.signal, onProgress }), (error) => error === reason);
    assert.equal(await tagAt(to, repository), undefined);
  });

  it('never tags an image of which something is wrong at the source', async () => {
    const { copy, fresh, from, to, source, target, tagAt } = ends();
    for (const layerBytes of [20_000, 2_000_000]) {
      const repository = fresh();
      const image = randomImage({ layerBytes });
      const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, image);
      const layer = image.blobs[1]!.descriptor.digest;
      source.fail({ method: 'GET', path: new RegExp(layer), kind: 'corrupt', times: Infinity });
      await assert.rejects(copy(repository, digest), { code: 'CONTENT_DIGEST_MISMATCH', retry: true });
      assert.equal(await tagAt(to, repository), undefined);
      assert.equal(target.repositories.get(repository)?.blobs.has(layer), false);
      source.heal();
      assert.equal((await copy(repository, digest)).digest, digest);
    }
  });
});

describe('copies at the same time', () => {
  const ends = useEnds();

  it('fetch a blob that they share once, and mount it or find it after that', async () => {
    const { fresh, from, to, request, source } = ends();
    const shared = randomImage({ layersCount: 3 });
    const repositories = Array.from({ length: 6 }, fresh);
    for (const repository of repositories) await pushImage({ client: from, repository, tag: 'v1' }, shared);
    const start = source.requests.length;
    const copier = createCopier();
    const all = repositories.flatMap((repository) => ['v1', 'v2'].map((tag) => copier.copy(request(repository, 'v1', { tag }))));
    const reports = await Promise.all(all);
    const fetched = source.requests.slice(start).filter((line) => /^GET .*blobs/.test(line));
    assert.equal(fetched.length, shared.blobs.length);
    assert.deepEqual(outcomesOf(reports.flatMap(({ blobs }) => blobs)), { copied: 4, mounted: 20, present: 24 });
    for (const repository of repositories) await readWhole(to, repository, 'v2', AbortSignal.timeout(10_000));
  });

  it('share an answer about what is attached, unless it was asked for before they were', async () => {
    const { fresh, from, request, source } = ends();
    const repository = fresh();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    const copier = createCopier();
    const lists = () => source.requests.filter((line) => line.includes(`${repository}/tags/list`)).length;
    await Promise.all(['a', 'b', 'c', 'd'].map((tag) => copier.copy(request(repository, 'v1', { tag }))));
    assert.equal(lists(), 1);
    await pushDigestTag(from, repository, digest, 'sig');
    assert.equal((await copier.copy(request(repository, 'v1'))).tags.length, 2);
    assert.equal(lists(), 2);
  });

  it('do not wait for one that fails or ends: another one brings the blob', async () => {
    const { fresh, from, request, source, target } = ends();
    const image = randomImage({ layerBytes: 2_000_000 });
    const repositories = [fresh(), fresh()];
    for (const repository of repositories) await pushImage({ client: from, repository, tag: 'v1' }, image);
    const layer = new RegExp(image.blobs[1]!.descriptor.digest);
    source.fail({ method: 'GET', path: layer, kind: 'stall' });
    const controller = new AbortController();
    const reason = new Error('ended');
    const copier = createCopier();
    const first = copier.copy(request(repositories[0]!, 'v1', { signal: controller.signal }));
    while (!source.requests.some((line) => layer.test(line))) await sleep(1);
    const second = copier.copy(request(repositories[1]!, 'v1'));
    while (!target.requests.some((line) => line.includes(`${repositories[1]!}/blobs/uploads`))) await sleep(1);
    controller.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    assert.equal((await second).blobs.find(({ digest }) => layer.test(digest))?.outcome, 'copied');
  });

  it('take turns: an image of a thousand layers does not hold up one of three', async () => {
    const { fresh, from, request, target } = ends();
    const [large, small] = [fresh(), fresh()];
    const layers = Array.from({ length: 50 }, () => randomImage({ layersCount: 20 }));
    const blobs = [layers[0]!.blobs[0]!, ...layers.flatMap((image) => image.blobs.slice(1))];
    const document = { ...(JSON.parse(layers[0]!.manifest.bytes.toString()) as object) };
    const named = blobs.slice(1).map(({ descriptor: { sizeBytes, ...rest } }) => ({ ...rest, size: sizeBytes }));
    const bytes = Buffer.from(JSON.stringify({ ...document, layers: named }));
    const { descriptor } = layers[0]!.manifest;
    await pushImage({ client: from, repository: large, tag: 'v1' }, { ...layers[0]!, blobs, manifest: { descriptor, bytes } });
    await pushImage({ client: from, repository: small, tag: 'v1' }, randomImage({ layersCount: 3 }));
    const copier = createCopier();
    const controller = new AbortController();
    const copying = copier.copy(request(large, 'v1', { signal: controller.signal }));
    const puts = (repository: string) => target.requests.filter((line) => line.startsWith(`PUT /v2/${repository}/`)).length;
    while (puts(large) < 10) await sleep(1);
    await copier.copy(request(small, 'v1'));
    const before = puts(large);
    controller.abort(new Error('seen enough'));
    await assert.rejects(copying);
    assert.ok(before < 150, `${before} of a thousand went first`);
  });

  it('are no more than so many at once', async () => {
    const { fresh, from, request } = ends();
    const repository = fresh();
    await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    const copier = createCopier({ imagesAtOnceMax: 2 });
    let inside = 0;
    let insideMax = 0;
    const copy = async (tag: string) => {
      let isInside = false;
      const onProgress = () => {
        if (!isInside) insideMax = Math.max(insideMax, ++inside);
        isInside = true;
      };
      await copier.copy(request(repository, 'v1', { tag, onProgress }));
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, (_, index) => copy(`t${index}`)));
    assert.ok(insideMax <= 2, `${insideMax}`);
  });
});
