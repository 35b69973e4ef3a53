import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Descriptor } from '@waybill/oci';
import { pushImage, pushIndex, pushReferrer, randomImage, type TestImage } from '@waybill/testing';
import { startTwoRegistries, type TwoRegistries } from './image.fixture.ts';

let registries: TwoRegistries;
let images: readonly TestImage[];
let index: Descriptor;
let signature: Descriptor;
const image = (...args: readonly string[]) => registries.image(...args);
const heldBy = (name: 'a' | 'b') => registries[name].repositories.get('team/app');

before(async () => void (registries = await startTwoRegistries()));
after(() => registries.close());
beforeEach(async () => {
  for (const registry of [registries.a, registries.b]) {
    registry.heal();
    (registry.repositories as Map<string, unknown>).clear();
  }
  const target = { client: registries.client.a, repository: 'team/app', tag: '1.0' };
  images = [randomImage({ layersCount: 2, labels: { 'org.example.team': 'blue\u001b[31m' } }), randomImage({ architecture: 'arm64' })];
  index = await pushIndex(target, images);
  const artifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json';
  signature = await pushReferrer(target, { subject: index, artifactType, payload: 'signed' });
});

describe('waybill image inspect', () => {
  it('shows platforms, and what refers to the image', async () => {
    const { code, out } = await image('inspect', 'A/team/app:1.0');
    assert.equal(code, 0);
    assert.ok(out.includes(index.digest));
    assert.match(out, /linux\/amd64 +sha256:[0-9a-f]{12} +2 /);
    assert.match(out, /linux\/arm64 +sha256:[0-9a-f]{12} +1 /);
    assert.match(out, /signature +the image /);
    assert.doesNotMatch((await image('inspect', 'A/team/app:1.0', '--no-referrers')).out, /signature/);
  });

  it('shows of one platform how it is run and its layers, and obeys nothing that a label says', async () => {
    const { out } = await image('inspect', 'A/team/app:1.0', '--platform', 'linux/x86_64');
    assert.ok(out.includes(images[0]!.manifest.descriptor.digest));
    assert.match(out, /label org\.example\.team +blue\ufffd\[31m/);
    assert.match(out, /^ +2 +sha256:[0-9a-f]{12} .+waybill testing$/m);
  });

  it('names the platforms that there are where the one asked for is not', async () => {
    const { code, err } = await image('inspect', 'A/team/app:1.0', '--platform', 'linux/s390x');
    assert.deepEqual([code, err.split('\n')[1]], [3, 'It is for: linux/amd64, linux/arm64.']);
  });

  it('gives the bytes of the manifest as they are', async () => {
    const { bytes, out } = await image('inspect', 'A/team/app:1.0', '--raw');
    assert.ok(bytes.equals(heldBy('a')!.manifests.get(index.digest)!.bytes));
    assert.equal(out, '');
  });

  it('tells all of it as JSON', async () => {
    const told = JSON.parse((await image('inspect', 'A/team/app:1.0', '-o', 'json')).out) as {
      digest: string;
      platforms: readonly { platform: string; config: { labels: object } }[];
      referrers: readonly { kind: string; digest: string; subject: string }[];
    };
    assert.equal(told.digest, index.digest);
    assert.deepEqual(told.platforms[0]!.config.labels, { 'org.example.team': 'blue\u001b[31m' });
    assert.deepEqual(
      told.referrers.map(({ kind, digest, subject }) => [kind, digest, subject]),
      [['signature', signature.digest, index.digest]],
    );
  });

  it('says what of it is missing, and shows the rest', async () => {
    heldBy('a')!.blobs.delete(images[0]!.blobs[0]!.descriptor.digest);
    heldBy('a')!.manifests.delete(images[1]!.manifest.descriptor.digest);
    const { code, out, err } = await image('inspect', 'A/team/app:1.0');
    assert.deepEqual([code, err], [0, `faulty manifest ${images[1]!.manifest.descriptor.digest}: missing`]);
    assert.match(out, /image for|index of 1 platform/);
  });
});

describe('waybill image copy', () => {
  const copied = (...more: readonly string[]) => image('copy', 'A/team/app:1.0', 'B/team/app:2.0', ...more);

  it('moves the image with what refers to it, and says what it did', async () => {
    const { code, out, err } = await copied();
    assert.deepEqual([code, err], [0, '']);
    assert.equal(heldBy('b')!.tags.get('2.0'), index.digest);
    assert.ok(heldBy('b')!.manifests.has(signature.digest));
    assert.match(out, /^copied 127.+\/team\/app:1\.0 to 127.+\/team\/app:2\.0\n/);
    assert.match(out, /manifests +4 copied \(.+; 1 of them refer to it/);
    assert.match(out, /verified +4 manifests, 7 blobs by size/);
  });

  it('leaves what refers to it where that is said', async () => {
    await copied('--no-referrers');
    assert.ok(!heldBy('b')!.manifests.has(signature.digest));
  });

  it('sends nothing in a dry run', async () => {
    const { code, out } = await copied('--dry-run');
    assert.equal(code, 0);
    assert.match(out, /^would copy .+\n(.+\n)*blobs +7 copied/);
    assert.equal(heldBy('b')?.manifests.size ?? 0, 0);
  });

  it('copies one platform as it is', async () => {
    await copied('--platform', 'linux/arm64');
    assert.equal(heldBy('b')!.tags.get('2.0'), images[1]!.manifest.descriptor.digest);
  });

  it('gives one report as JSON', async () => {
    const { out } = await copied('-o', 'json', '--verify', 'read');
    const { digest, verified, blobs } = JSON.parse(out) as { digest: string; verified: { how: string }; blobs: readonly unknown[] };
    assert.deepEqual([digest, verified.how, blobs.length], [index.digest, 'read', 7]);
  });

  it('takes pairs from a file; one that fails does not keep the others, and its reason is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waybill-pairs-'));
    try {
      await pushImage({ client: registries.client.a, repository: 'team/tool', tag: '1' }, randomImage());
      const lines = ['# ours', 'A/team/app:1.0 B/team/app:1.0', 'A/team/none:1 B/team/none:1', '', 'A/team/tool:1  B/team/tool:1 # small'];
      const text = lines.join('\n').replaceAll('A/', `${registries.a.host}/`).replaceAll('B/', `${registries.b.host}/`);
      writeFileSync(join(folder, 'list'), text);
      const { code, out, err } = await image('copy', '--from-file', join(folder, 'list'), '--concurrency', '2');
      assert.equal(code, 3);
      assert.match(out, /2 of 3 images copied/);
      assert.match(err, /^failed 127.+\/team\/none:1: .+404/);
      assert.ok(registries.b.repositories.get('team/tool')!.tags.has('1'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('asks once for what all tags of a repository have in common, however few are under way', async () => {
    for (const tag of ['one', 'two', 'three']) await pushImage({ client: registries.client.a, repository: 'team/kit', tag }, randomImage());
    const { code } = await image('copy', '--all-tags', 'A/team/kit', 'B/team/kit', '--concurrency', '1');
    const lists = registries.a.requests.filter((request) => request.includes('/team/kit/tags/list'));
    assert.deepEqual([code, lists.length], [0, 2]); // One for the names of the tags, one for those that belong to images.
  });

  for (const args of [['A/team/app:1.0'], ['A/team/app:1.0', 'B/x', '--from-file', '-'], ['A/x', 'B/y', '--verify', 'no'], []])
    it(`is wrong use as: ${args.join(' ')}`, async () => assert.equal((await image('copy', ...args)).code, 2));

  it('is wrong use with a target that says a digest, or a file that is no list', async () => {
    const { code, err } = await image('copy', 'A/team/app:1.0', `B/team/app@sha256:${'a'.repeat(64)}`);
    assert.equal(code, 2);
    assert.match(err, /names a digest that its source does not/);
    assert.equal((await image('copy', '--from-file', '/nowhere/list')).code, 2);
  });

  it('tells of several what was copied before it was interrupted, and of none that it failed', async () => {
    await pushImage({ client: registries.client.a, repository: 'team/tool', tag: '1' }, randomImage());
    await pushImage({ client: registries.client.a, repository: 'team/tool', tag: '2' }, randomImage());
    registries.b.fail({ kind: 'hang', path: /manifests\/2$/, times: Infinity });
    const ended = image('copy', '--all-tags', 'A/team/tool', 'B/team/tool', '--concurrency', '1', '-o', 'json');
    while (!registries.b.requests.some((request) => request.endsWith('/manifests/2'))) await new Promise(setImmediate);
    process.emit('SIGINT', 'SIGINT');
    const { code, out, err } = await ended;
    const { copied, failed } = JSON.parse(out) as { copied: readonly { target: { tag: string } }[]; failed: readonly unknown[] };
    assert.deepEqual([code, copied.map(({ target }) => target.tag), failed], [130, ['1'], []]);
    assert.match(err, /1 of 2 images are copied/);
    assert.deepEqual([...registries.b.repositories.get('team/tool')!.tags.keys()], ['1']);
  });

  it('ends in good order when it is interrupted: no tag, no listener left, and the words for going on', async () => {
    const listeners = process.listenerCount('SIGINT');
    registries.b.fail({ kind: 'hang', method: 'PUT', path: /blobs\/uploads/, times: Infinity });
    const requested = registries.b.requests.length;
    const ended = copied();
    while (!registries.b.requests.slice(requested).some((request) => request.startsWith('PUT '))) await new Promise(setImmediate);
    assert.equal(process.listenerCount('SIGINT'), listeners + 1);
    process.emit('SIGINT', 'SIGINT');
    const { code, out, err } = await ended;
    assert.deepEqual([code, out], [130, '']);
    assert.match(err, /ended by SIGINT: the copy is not complete and its tag was not set\nRun the same command again/);
    assert.equal(heldBy('b')!.tags.size, 0);
    assert.equal(process.listenerCount('SIGINT'), listeners);
  });
});

describe('waybill image diff', () => {
  it('finds an image and its copy the same, and with 1 a copy that lacks a signature', async () => {
    await image('copy', 'A/team/app:1.0', 'B/team/app:1.0');
    const same = await image('diff', 'A/team/app:1.0', 'B/team/app:1.0');
    assert.deepEqual([same.code, same.out], [0, `same ${index.digest}`]);
    heldBy('b')!.manifests.delete(signature.digest);
    const lacking = await image('diff', 'A/team/app:1.0', 'B/team/app:1.0');
    assert.equal(lacking.code, 1);
    assert.match(lacking.out, /^- signature sha256:[0-9a-f]{12} {2}of sha256:/m);
    assert.equal((await image('diff', 'A/team/app:1.0', 'B/team/app:1.0', '--no-referrers')).code, 0);
  });

  it('says what of which platform is another', async () => {
    const changed = randomImage({ architecture: 'arm64', labels: { 'org.example.team': 'green' } });
    await pushIndex({ client: registries.client.a, repository: 'team/app', tag: '1.1' }, [images[0]!, changed]);
    const { code, out } = await image('diff', 'A/team/app:1.0', 'A/team/app:1.1');
    assert.equal(code, 1);
    assert.match(out, /^@@ linux\/amd64: same$/m);
    assert.match(out, /^@@ linux\/arm64: 0 \(0 B\) layers shared, 1 \(.+\) removed, 1 \(.+\) added$/m);
    assert.match(out, /^\+ label org\.example\.team {2}green$/m);
    const one = await image('diff', 'A/team/app:1.0', 'A/team/app:1.1', '--platform', 'linux/amd64');
    assert.equal(one.code, 0);
  });

  it('never takes a registry that fails for an answer', async () => {
    assert.equal((await image('diff', 'A/team/app:1.0', 'A/team/app:9')).code, 3);
    registries.a.fail({ kind: 'answer', status: 401, path: /manifests/, times: Infinity });
    assert.equal((await image('diff', 'A/team/app:1.0', 'A/team/app:1.0')).code, 3);
  });
});

describe('waybill image verify', () => {
  it('finds an image whole, alone and beside its source', async () => {
    await image('copy', 'A/team/app:1.0', 'B/team/app:1.0');
    const beside = await image('verify', 'A/team/app:1.0', 'B/team/app:1.0', '--read');
    assert.equal(beside.code, 0);
    assert.match(beside.out, /^whole .+\n4 manifests, 7 blobs .+, 1 referrer: each read/);
    assert.equal((await image('verify', 'B/team/app:1.0')).code, 0);
  });

  it('lists what is missing, and another digest only where it reads', async () => {
    await image('copy', 'A/team/app:1.0', 'B/team/app:1.0');
    const [config, layer] = images[0]!.blobs;
    heldBy('b')!.blobs.set(layer!.descriptor.digest, Buffer.alloc(layer!.bytes.byteLength));
    assert.equal((await image('verify', 'B/team/app:1.0')).code, 0);
    heldBy('b')!.blobs.delete(config!.descriptor.digest);
    const { code, out } = await image('verify', 'B/team/app:1.0', '--read', '-o', 'json');
    assert.equal(code, 1);
    const { whole, findings } = JSON.parse(out) as { whole: boolean; findings: readonly { name: string; fault: string }[] };
    assert.equal(whole, false);
    assert.deepEqual(
      new Map(findings.map(({ name, fault }) => [name, fault])),
      new Map([
        [config!.descriptor.digest, 'missing'],
        [layer!.descriptor.digest, 'digest'],
      ]),
    );
  });

  it('finds a tag that is elsewhere, and a copy that is not there at all', async () => {
    await image('copy', 'A/team/app:1.0', 'B/team/app:1.0');
    heldBy('b')!.tags.set('1.0', images[0]!.manifest.descriptor.digest);
    assert.match((await image('verify', 'A/team/app:1.0', 'B/team/app:1.0')).out, /another digest +name +1\.0/);
    const nothing = await image('verify', 'A/team/app:1.0', 'B/team/none:1.0');
    assert.equal(nothing.code, 1);
    assert.match(nothing.out, /^13 faults in /m);
  });

  it('compares one platform with what was copied of it', async () => {
    await image('copy', 'A/team/app:1.0', 'B/team/app:1.0', '--platform', 'linux/arm64');
    assert.equal((await image('verify', 'A/team/app:1.0', 'B/team/app:1.0', '--platform', 'linux/arm64')).code, 0);
    assert.equal((await image('verify', 'A/team/app:1.0', 'B/team/app:1.0')).code, 1);
  });

  it('finds a platform in whatever the name stands for there', async () => {
    const ofArm = ['verify', 'A/team/app:1.0', 'B/team/app:1.0', '--platform', 'linux/arm64'];
    await image('copy', 'A/team/app:1.0', 'B/team/app:1.0');
    assert.equal((await image(...ofArm, '--platform', 'linux/amd64')).code, 0);
    heldBy('b')!.tags.set('1.0', images[0]!.manifest.descriptor.digest);
    assert.match((await image(...ofArm)).out, /missing +name +1\.0/);
  });
});
