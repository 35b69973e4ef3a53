import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pushImage, pushIndex, randomImage } from '@waybill/testing';
import { addToReferrersTag, listReferrers, referrersTag } from '../referrer/referrers.ts';
import { digestTagOf, outcomesOf, pushDigestTag, pushSigned, useEnds } from './copy.fixture.ts';

describe('a copy', () => {
  const ends = useEnds();

  it('holds all platforms and all that refers to them, byte for byte', async () => {
    const { copy, fresh, from, to, source, target, signal } = ends();
    const repository = fresh();
    const { digest, child, sbom } = await pushSigned(from, repository);
    const report = await copy(repository, digest);
    const [there, here] = [source.repositories.get(repository)!, target.repositories.get(repository)!];
    assert.deepEqual(new Map([...here.manifests].sort()), new Map([...there.manifests].sort()));
    assert.deepEqual(new Map([...here.blobs].sort()), new Map([...there.blobs].sort()));
    assert.deepEqual(here.tags, new Map([['v1', digest]]));
    for (const subject of [digest, child, sbom]) assert.equal((await listReferrers(to, { repository, digest: subject }, signal)).length, 1);
    assert.deepEqual([outcomesOf(report.manifests), outcomesOf(report.blobs)], [{ copied: 6 }, { copied: 8 }]);
    assert.equal(report.manifests.filter(({ refers }) => refers).length, 3);
    assert.deepEqual(report.verified, { how: 'head', manifests: 6, blobs: 8 });
    assert.equal(
      report.bytesSent,
      [...there.blobs.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0),
    );
  });

  it('leaves behind what refers to the image where it is told so', async () => {
    const { copy, fresh, from } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await pushDigestTag(from, repository, digest, 'sig');
    const { manifests, tags } = await copy(repository, 'v1', { referrers: false });
    assert.deepEqual([manifests.length, tags.map(({ tag }) => tag)], [3, ['v1']]);
  });

  it('sets its tag once, after everything else', async () => {
    const { copy, fresh, from, asked } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    const since = asked();
    await copy(repository, digest);
    const writes = since().filter((request) => request.startsWith('PUT '));
    assert.equal(writes.at(-1), `PUT /v2/${repository}/manifests/v1`);
    assert.equal(writes.filter((request) => request.endsWith('/manifests/v1')).length, 1);
  });

  it('is by digest alone where no tag is wanted', async () => {
    const { copy, fresh, from, target } = ends();
    const repository = fresh();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    const report = await copy(repository, 'v1', { tag: undefined });
    assert.deepEqual([report.digest, report.target.tag, report.tags], [digest, null, []]);
    assert.deepEqual([...target.repositories.get(repository)!.manifests.keys()], [digest]);
    assert.equal(target.repositories.get(repository)!.tags.size, 0);
    assert.deepEqual(outcomesOf((await copy(repository, 'v1', { tag: undefined })).manifests), { present: 1 });
  });

  it('brings along what cosign keeps in tags, before the tag of the image', async () => {
    const { copy, fresh, from, target } = ends();
    const repository = fresh();
    const { digest, child } = await pushSigned(from, repository);
    const signature = await pushDigestTag(from, repository, digest, 'sig');
    const attestation = await pushDigestTag(from, repository, child, 'att');
    await pushDigestTag(from, repository, signature, 'sig'); // Nobody looks for signatures of signatures there.
    const { manifests, tags } = await copy(repository, digest);
    const wanted = new Map([
      [digestTagOf(child, 'att'), attestation],
      [digestTagOf(digest, 'sig'), signature],
      ['v1', digest],
    ]);
    const { tags: there } = target.repositories.get(repository)!;
    assert.deepEqual([new Map([...there].sort()), [...there.keys()].at(-1)], [wanted, 'v1']);
    assert.deepEqual(new Map(tags.map(({ tag, digest: at }) => [tag, at])), wanted);
    assert.equal(manifests.filter(({ refers }) => refers).length, 5);
  });

  it('moves a digest tag that is elsewhere by now, though its manifest is there', async () => {
    const { copy, fresh, from, to, tagAt } = ends();
    const repository = fresh();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    const signatures = [randomImage(), randomImage()];
    const tag = digestTagOf(digest, 'sig');
    for (const signature of signatures) {
      await pushImage({ client: from, repository, tag }, signature);
      await copy(repository, 'v1');
    }
    await pushImage({ client: from, repository, tag }, signatures[0]!);
    const { tags, manifests } = await copy(repository, 'v1');
    assert.equal(await tagAt(to, repository, tag), signatures[0]!.manifest.descriptor.digest);
    assert.deepEqual(outcomesOf(tags), { set: 1, present: 1 });
    assert.deepEqual(outcomesOf(manifests), { present: 2 });
  });

  it('asks for no more than its record of decisions says', async () => {
    const { copy, fresh, from, source, target } = ends();
    const repository = fresh();
    await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    const starts = [source, target].map(({ requests }) => requests.length);
    await copy(repository, 'v1');
    const [atSource, atTarget] = [source, target].map(({ requests }, index) =>
      Object.entries(
        Object.groupBy(requests.slice(starts[index]), (line) =>
          line.replace(`/v2/${repository}/`, '').replace(/(sha256:|uploads\/|\?).*/, '$1'),
        ),
      )
        .map(([kind, lines]) => `${lines!.length} ${kind}`)
        .toSorted(),
    );
    assert.deepEqual(atSource, [
      '1 GET manifests/v1',
      '1 GET referrers/sha256:',
      '1 GET tags/list?',
      '1 HEAD manifests/v1',
      '2 GET blobs/sha256:',
    ]);
    assert.deepEqual(atTarget, [
      ...['1 GET manifests/v1', '1 HEAD manifests/v1', '1 PUT manifests/v1'],
      ...['2 HEAD blobs/sha256:', '2 POST blobs/uploads/', '2 PUT blobs/uploads/'],
    ]);
  });

  it('asks for what may be attached while it looks for the image', async () => {
    const { copy, fresh, from, source, target } = ends();
    const repository = fresh();
    await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    target.fail({ method: 'HEAD', path: new RegExp(`${repository}/manifests`), kind: 'hang' });
    await assert.rejects(copy(repository, 'v1'), { code: 'REGISTRY_TIMEOUT' });
    assert.ok(source.requests.includes(`GET /v2/${repository}/tags/list?n=1000`));
  });

  it('made again asks at both ends whether anything has changed, and changes nothing', async () => {
    const { copy, fresh, from, source, target } = ends();
    const repository = fresh();
    await pushImage({ client: from, repository, tag: 'v1' }, randomImage({ layersCount: 3 }));
    await copy(repository, 'v1');
    const starts = [source, target].map(({ requests }) => requests.length);
    const report = await copy(repository, 'v1');
    const [atSource, atTarget] = [source, target].map(({ requests }, index) => requests.slice(starts[index]));
    assert.deepEqual(atTarget, [`HEAD /v2/${repository}/manifests/v1`]);
    assert.deepEqual(atSource!.map((request) => request.replace(/sha256:.*/, '…')).toSorted(), [
      `GET /v2/${repository}/referrers/…`,
      `GET /v2/${repository}/tags/list?n=1000`,
      `HEAD /v2/${repository}/manifests/v1`,
    ]);
    assert.deepEqual([outcomesOf(report.manifests), report.blobs, outcomesOf(report.tags)], [{ present: 1 }, [], { present: 1 }]);
    assert.deepEqual(report.requests, { source: 3, target: 1 });
  });

  it('made again brings what was attached since', async () => {
    const { copy, fresh, from, to, signal } = ends();
    const repository = fresh();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, randomImage());
    await copy(repository, 'v1');
    const { child } = await pushSigned(from, repository); // Another image: nothing of this one.
    await pushDigestTag(from, repository, digest, 'sig');
    const second = await copy(repository, digest);
    assert.deepEqual(
      [outcomesOf(second.manifests), outcomesOf(second.tags)],
      [
        { present: 1, copied: 1 },
        { present: 1, set: 1 },
      ],
    );
    assert.deepEqual(await listReferrers(to, { repository, digest: child }, signal), []);
  });

  it('adds the platform that an index lacks, where another tool has left it out', async () => {
    const { copy, fresh, from, target } = ends();
    const repository = fresh();
    const images = [randomImage(), randomImage({ architecture: 'arm64' })];
    await pushIndex({ client: from, repository, tag: 'v1' }, images);
    await copy(repository, 'v1');
    const lost = images[1]!.manifest.descriptor.digest;
    target.repositories.get(repository)!.manifests.delete(lost);
    const { manifests } = await copy(repository, 'v1');
    assert.deepEqual(
      manifests.filter(({ outcome }) => outcome === 'copied').map(({ digest }) => digest),
      [lost],
    );
  });

  it('goes on where an earlier one broke off', async () => {
    const { copy, fresh, from, to, target, tagAt } = ends();
    const repository = fresh();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, randomImage({ layersCount: 3 }));
    target.fail({ method: 'PUT', path: new RegExp(`${repository}/manifests`), kind: 'answer', status: 503 });
    await assert.rejects(copy(repository, digest), { code: 'REGISTRY_UNAVAILABLE', retry: true });
    assert.equal(await tagAt(to, repository), undefined);
    assert.deepEqual(outcomesOf((await copy(repository, digest)).blobs), { present: 4 });
  });

  it('moves a tag to another digest', async () => {
    const { copy, fresh, from, to, tagAt } = ends();
    const repository = fresh();
    const [first, second] = [
      await pushImage({ client: from, repository, tag: 'v1' }, randomImage()),
      await pushImage({ client: from, repository, tag: 'v1' }, randomImage()),
    ];
    for (const { digest } of [first, second, first]) {
      await copy(repository, digest);
      assert.equal(await tagAt(to, repository), digest);
    }
  });

  it('says where the tag of the source has moved to meanwhile, and stays of the digest that it began with', async () => {
    const { copy, fresh, from, to, source, tagAt } = ends();
    const repository = fresh();
    const image = randomImage({ layersCount: 2 });
    const other = randomImage();
    const { digest } = await pushImage({ client: from, repository, tag: 'v1' }, image);
    const whileCopied = async (change: () => unknown) => {
      let changed: Promise<unknown> | undefined;
      const onProgress = () => void (changed ??= Promise.resolve(change()));
      const report = await copy(repository, 'v1', { tag: `to${Math.random()}`, onProgress });
      await changed;
      return report;
    };
    const moved = await whileCopied(() => source.repositories.get(repository)!.tags.set('v1', 'sha256:' + '0'.repeat(64)));
    assert.deepEqual([moved.digest, moved.movedTo], [digest, null]); // To what is not there is gone.
    const second = await pushImage({ client: from, repository, tag: 'v2' }, other);
    source.repositories.get(repository)!.tags.set('v1', digest);
    const again = await whileCopied(() => source.repositories.get(repository)!.tags.set('v1', second.digest));
    assert.deepEqual([again.digest, again.movedTo], [digest, second.digest]);
    source.repositories.get(repository)!.tags.set('v1', digest);
    assert.equal('movedTo' in (await whileCopied(() => {})), false);
    assert.equal(await tagAt(to, repository), undefined);
  });

  it('refuses a tag that is not there, with where it was looked for', async () => {
    const { copy, fresh, from, to } = ends();
    const repository = fresh();
    await assert.rejects(copy(repository, 'v1'), { code: 'CONTENT_NOT_FOUND' });
    await pushImage({ client: to, repository, tag: 'v1' }, randomImage());
    await assert.rejects(copy(repository, 'v1'), {
      code: 'CONTENT_NOT_FOUND',
      message: new RegExp(`${from.registry.host}.*${repository}:v1`),
    });
  });
});

describe('a copy from or to a registry without the referrers API', () => {
  const ends = useEnds({ source: { referrersApi: false, pageSizeMax: 3 } });

  it('keeps the links, as tags where there is no API', async () => {
    const { copy, fresh, from, to, signal } = ends();
    const repository = fresh();
    const { digest, child, sbom } = await pushSigned(from, repository);
    await copy(repository, digest);
    const back = fresh();
    const report = await copy(repository, digest, { source: { client: to, repository }, target: { client: from, repository: back } });
    assert.equal(report.manifests.filter(({ refers }) => refers).length, 3);
    for (const subject of [digest, child, sbom])
      assert.equal((await listReferrers(from, { repository: back, digest: subject }, signal)).length, 1);
    await copy(repository, digest, { source: { client: to, repository }, target: { client: from, repository: back } });
    assert.equal((await listReferrers(from, { repository: back, digest }, signal)).length, 1);
  });

  it('reads what links it has seen, and looks at those that it has written', async () => {
    const { copy, fresh, from, to, source } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository); // Three manifests that something refers to.
    const since = () => {
      const start = source.requests.length;
      return () => source.requests.slice(start).filter((line) => /manifests\/sha256-[0-9a-f]{64}$/.test(line)).length;
    };
    const linksRead = since();
    await copy(repository, digest);
    assert.equal(linksRead(), 3);
    const back = { source: { client: to, repository }, target: { client: from, repository: fresh() } };
    const linksWritten = since();
    await copy(repository, digest, back);
    assert.equal(linksWritten(), 3 * 4); // Looked for, written, seen, and looked at once more at the end.
    const linksFound = since();
    await copy(repository, digest, back);
    assert.equal(linksFound(), 3 * 2);
  });

  it('adds to what the tag of the target lists already', async () => {
    const { copy, fresh, from, to, source, signal } = ends();
    const repository = fresh();
    const { digest } = await pushSigned(from, repository);
    await copy(repository, digest);
    const back = fresh();
    const own = await pushImage({ client: from, repository: back }, randomImage());
    const { digest: ownDigest, mediaType, sizeBytes } = own;
    await addToReferrersTag(from, { repository: back, digest }, [{ digest: ownDigest, mediaType, size: sizeBytes }], signal);
    const there = { source: { client: to, repository }, target: { client: from, repository: back } };
    await copy(repository, digest, there);
    const listed = await listReferrers(from, { repository: back, digest }, signal);
    assert.deepEqual([listed.length, listed[0]!.digest], [2, ownDigest]);
    const tag = source.repositories.get(back)!.tags.get(referrersTag(digest));
    await copy(repository, digest, there);
    assert.equal(source.repositories.get(back)!.tags.get(referrersTag(digest)), tag);
  });

  it('reads the pages of a list, and asks for single tags where there are too many', async () => {
    const { copy, fresh, from, source, target } = ends();
    for (const tagsCount of [5, 40]) {
      const repository = fresh();
      const { digest } = await pushSigned(from, repository);
      for (let index = 0; index < tagsCount; index++) source.repositories.get(repository)!.tags.set(`a${index}`, digest);
      const signature = await pushDigestTag(from, repository, digest, 'sig');
      await copy(repository, 'v1');
      const { tags, manifests } = target.repositories.get(repository)!;
      assert.equal(tags.get(digestTagOf(digest, 'sig')), signature);
      assert.equal(manifests.size, 7);
    }
  });
});
