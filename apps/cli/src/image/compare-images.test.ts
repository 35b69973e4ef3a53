import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandLine, compareImages } from './compare-images.ts';
import { configOf, createdByOf } from './config-of.ts';
import type { ImageDescription, PlatformDescription } from './describe-image.ts';
import { kindOfReferrer } from './referrer-kind.ts';

const layer = (digest: string, sizeBytes: number) => ({ digest, mediaType: 'layer', sizeBytes, createdBy: null });
const run = { User: 'app', Env: ['PATH=/bin', 'EMPTY=', 'GONE=1'], Labels: { team: 'blue' }, ExposedPorts: { '80/tcp': {} } };
const platform = (changes: Partial<PlatformDescription> = {}): PlatformDescription => ({
  platform: 'linux/amd64',
  digest: 'sha256:p',
  mediaType: 'manifest',
  sizeBytes: 1,
  totalBytes: 1,
  createdAt: null,
  annotations: {},
  config: configOf('sha256:c', { config: run }),
  layers: [layer('sha256:1', 10), layer('sha256:2', 20)],
  ...changes,
});
const image = (changes: Partial<ImageDescription> = {}): ImageDescription => ({
  image: 'a.example/app:1',
  digest: 'sha256:i',
  mediaType: 'index',
  kind: 'index',
  artifactType: null,
  manifests: { count: 2, sizeBytes: 2 },
  blobs: { count: 3, sizeBytes: 31 },
  annotations: {},
  platforms: [platform()],
  referrers: [],
  digestTags: [],
  faults: [],
  ...changes,
});

describe('two images', () => {
  it('are the same by their digest and by what refers to them, wherever they are', () => {
    assert.equal(compareImages(image(), image({ image: 'b.example/app:2' })).same, true);
    const referrers = [{ kind: 'sbom', type: 't', digest: 'sha256:r', sizeBytes: 1, subject: 'sha256:i' }] as const;
    const { same, companions } = compareImages(image(), image({ referrers }));
    assert.deepEqual([same, companions.added.map(({ name }) => name)], [false, ['sha256:r']]);
    const tags = [{ kind: 'signature', tag: 'sha256-i.sig', digest: 'sha256:s', subject: 'sha256:i' }] as const;
    assert.equal(compareImages(image({ digestTags: tags }), image()).companions.removed[0]?.kind, 'signature');
  });

  it('differ by layers that one of them has not, and by how they are run', () => {
    const config = configOf('sha256:d', { config: { ...run, User: 'root', Env: ['PATH=/usr/bin', 'EMPTY=x', 'NEW=1'], Labels: null } });
    const other = platform({ digest: 'sha256:q', config, layers: [layer('sha256:1', 10), layer('sha256:3', 30)] });
    const [found] = compareImages(image(), image({ digest: 'sha256:j', platforms: [other] })).platforms;
    assert.equal(found!.status, 'changed');
    assert.deepEqual(found!.layers.shared, { count: 1, sizeBytes: 10 });
    assert.deepEqual(
      [found!.layers.removed, found!.layers.added].map((layers) => layers.map(({ digest }) => digest)),
      [['sha256:2'], ['sha256:3']],
    );
    assert.deepEqual(
      found!.changes.map(({ name, a, b }) => [name, a, b]),
      [
        ['user', 'app', 'root'],
        ['env PATH', '/bin', '/usr/bin'],
        ['env GONE', '1', null],
        ['label team', 'blue', null],
        ['env EMPTY', null, 'x'],
        ['env NEW', null, '1'],
      ],
    );
  });

  it('differ by platforms that one of them has not', () => {
    const arm = platform({ platform: 'linux/arm64', digest: 'sha256:q' });
    const { platforms } = compareImages(image({ platforms: [platform(), arm] }), image({ platforms: [platform()] }));
    assert.deepEqual(
      platforms.map((each) => [each.platform, each.status]),
      [
        ['linux/amd64', 'same'],
        ['linux/arm64', 'removed'],
      ],
    );
  });
});

describe('what an image says of itself', () => {
  it('is read as far as it is what the specification wants', () => {
    const garbage = { config: { User: 7, Env: [1, 'A=b', null], ExposedPorts: ['80'], Labels: { a: 1, b: 'c' }, Entrypoint: 'sh' } };
    const { user, env, ports, labels, entrypoint } = configOf('sha256:c', garbage);
    assert.deepEqual([user, env, ports, labels, entrypoint], [null, ['A=b'], [], { b: 'c' }, []]);
    for (const config of [null, 'x', [], undefined]) assert.deepEqual(configOf('sha256:c', { config }).env, []);
  });

  it('names the step of each layer only where they fit together', () => {
    const history = [{ created_by: 'ADD' }, { created_by: 'ENV', empty_layer: true }, { created_by: 'RUN' }];
    assert.deepEqual(createdByOf({ history }, 2), ['ADD', 'RUN']);
    for (const document of [{ history }, { history: 'x' }, undefined]) assert.deepEqual(createdByOf(document, 3), []);
  });

  it('is shown as it could be typed', () => assert.equal(commandLine(['sh', '-c', 'echo "hi"', '']), 'sh -c "echo \\"hi\\"" ""'));
});

describe('what refers to an image', () => {
  for (const [type, kind] of [
    ['application/vnd.dev.cosign.artifact.sig.v1+json', 'signature'],
    ['application/vnd.cncf.notary.signature', 'signature'],
    ['application/vnd.dev.sigstore.bundle.v0.3+json', 'signature'],
    ['application/spdx+json', 'sbom'],
    ['application/vnd.cyclonedx+xml', 'sbom'],
    ['application/vnd.in-toto+json', 'attestation'],
    ['application/sarif+json', 'scan'],
    ['.sig', 'signature'],
    ['.att', 'attestation'],
    ['.sbom', 'sbom'],
    ['application/vnd.example.thing', 'artifact'],
  ] as const)
    it(`is told by its type: ${type}`, () => assert.equal(kindOfReferrer(type), kind));

  it('is told by what it states where all have one type', () => {
    const kindOf = (predicate: string) =>
      kindOfReferrer('application/vnd.dev.sigstore.bundle.v0.3+json', { 'dev.sigstore.bundle.predicateType': predicate });
    assert.deepEqual(
      ['https://spdx.dev/Document', 'https://slsa.dev/provenance/v1', 'https://sigstore.dev/cosign/sign/v1', 'https://x.example'].map(
        kindOf,
      ),
      ['sbom', 'attestation', 'signature', 'attestation'],
    );
  });
});
