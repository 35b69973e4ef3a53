import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setInterval as every } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createCopier,
  createRegistryClient,
  digestOf,
  findManifestDigest,
  inspectImage,
  listReferrers,
  mediaTypes,
  putManifest,
  uploadBlob,
  type RegistryClient,
} from '@waybill/oci';
import { pushIndex, pushReferrer, randomImage, registryConformance } from '@waybill/testing';
import { execa } from 'execa';
import { startOciRegistry, type OciRegistry } from '../../infra/local/oci-registry.ts';
import { ensureGoTool, findProgram } from '../../infra/local/tools.ts';

// Goal: what unit tests show with the small registry holds with the real one, and an independent tool finds our copies valid.
const dir = mkdtempSync(join(tmpdir(), 'waybill-oci-'));
after(() => rmSync(dir, { recursive: true, force: true }));

registryConformance('CNCF Distribution', async () => {
  const registry = await startOciRegistry({ dataDir: join(dir, 'conformance'), port: 0 });
  return { host: registry.host, close: registry.stop };
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('copies between two real registries', () => {
  let registries: readonly OciRegistry[] = [];
  let [a, b]: RegistryClient[] = [];
  const signal = AbortSignal.timeout(120_000);

  before(async () => {
    registries = await Promise.all(['a', 'b'].map((name) => startOciRegistry({ name, dataDir: join(dir, name), port: 0 })));
    [a, b] = registries.map(({ host }, index) => createRegistryClient({ name: 'ab'[index]!, host, plainHttp: true }));
  });
  after(async () => {
    await Promise.all([a, b].map((client) => client!.close()));
    await Promise.all(registries.map(({ stop }) => stop()));
  });

  it('are complete, findable by their referrers, and idempotent', async () => {
    const repository = 'team/signed';
    const index = await pushIndex({ client: a!, repository, tag: 'v1' }, [
      randomImage(),
      randomImage({ architecture: 'arm64', layersCount: 3 }),
    ]);
    const artifact = { subject: index, artifactType: 'application/vnd.test.signature', payload: 'signed' };
    const signature = await pushReferrer({ client: a!, repository }, artifact);
    const request = {
      source: { client: a!, repository },
      target: { client: b!, repository: 'mirror/signed' },
      reference: index.digest,
      tag: 'v1',
      signal,
    };
    const copier = createCopier();
    const first = await copier.copy(request);
    const copied = first.manifests.filter(({ outcome }) => outcome === 'copied');
    assert.deepEqual([copied.length, copied.filter(({ refers }) => refers).length, first.blobs.length], [4, 1, 8]);
    const listed = await listReferrers(b!, { repository: 'mirror/signed', digest: index.digest }, signal);
    assert.deepEqual(
      listed.map(({ digest }) => digest),
      [signature.digest],
    );
    const second = await copier.copy(request);
    assert.ok([...second.manifests, ...second.blobs].every(({ outcome }) => outcome === 'present'));
    assert.equal(second.bytesSent, 0);
    const facts = await inspectImage(b!, { repository: 'mirror/signed', reference: 'v1' }, signal);
    assert.deepEqual([facts.kind, facts.platforms.length, facts.referrers.length], ['index', 2, 1]);
  });

  const canHaveCrane = findProgram('crane') !== undefined || findProgram('go') !== undefined;
  it('are found valid by crane, with the digest of the original', { skip: !canHaveCrane && 'neither crane nor Go is here' }, async () => {
    const repository = 'team/validated';
    const { digest } = await pushIndex({ client: a!, repository, tag: 'v1' }, [
      randomImage({ layersCount: 2 }),
      randomImage({ architecture: 'arm64' }),
    ]);
    const place = { source: { client: a!, repository }, target: { client: b!, repository } };
    await createCopier().copy({ ...place, reference: digest, tag: 'v1', signal });
    const crane = findProgram('go') === undefined ? findProgram('crane')! : await ensureGoTool('crane');
    const name = `${registries[1]!.host}/${repository}:v1`;
    assert.equal((await execa(crane, ['digest', name])).stdout, digest);
    assert.match((await execa(crane, ['validate', '--remote', name], { all: true })).all, /PASS/);
  });

  it('stream: a layer of 64 MiB takes a few MiB of memory', async () => {
    const repository = 'team/large';
    const contents = [randomBytes(64 * 1_024 * 1_024), Buffer.from('{"os":"linux","architecture":"amd64"}')];
    const types = [mediaTypes.ociLayerGzip, mediaTypes.ociConfig];
    const [layer, config] = contents.map((bytes, index) => ({
      mediaType: types[index]!,
      digest: digestOf(bytes),
      sizeBytes: bytes.byteLength,
    }));
    for (const descriptor of [layer!, config!]) {
      await uploadBlob(
        a!,
        { repository, descriptor },
        async () => contents.find((bytes) => bytes.byteLength === descriptor.sizeBytes)!,
        signal,
      );
    }
    contents.length = 0;
    const named = [layer!, config!].map(({ sizeBytes, ...descriptor }) => ({ ...descriptor, size: sizeBytes }));
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: named[1], layers: [named[0]] }),
    );
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), sizeBytes: bytes.byteLength };
    await putManifest(a!, { repository, reference: 'v1' }, { descriptor, bytes }, signal);

    collectGarbage();
    const startBytes = process.memoryUsage().arrayBuffers;
    let peakBytes = startBytes;
    const stop = new AbortController();
    const watching = (async () => {
      for await (const _ of every(2, undefined, { signal: stop.signal })) {
        collectGarbage(); // What is only not yet collected is not held.
        peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers);
      }
    })().catch(() => {});
    const place = { source: { client: a!, repository }, target: { client: b!, repository } };
    const { bytesSent } = await createCopier().copy({ ...place, reference: descriptor.digest, tag: 'v1', signal });
    stop.abort();
    await watching;
    assert.ok(bytesSent > 64 * 1_024 * 1_024);
    assert.ok(peakBytes - startBytes < 24 * 1_024 * 1_024, `${peakBytes - startBytes} bytes more`);
    assert.equal(await findManifestDigest(b!, { repository, reference: 'v1' }, signal), descriptor.digest);
  });
});
