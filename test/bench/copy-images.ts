import { createCipheriv } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Digest } from '@waybill/domain';
import { addToReferrersTag, digestOf, mediaTypes, putManifest, uploadBlob, type Descriptor, type RegistryClient } from '@waybill/oci';
import { tarOf } from '@waybill/testing';

export type ImageName = { readonly repository: string; readonly tag: string };

/** What a repository has to hold by the end of a copy. */
export type Holding = {
  readonly repository: string;
  readonly blobs: ReadonlySet<Digest>;
  readonly manifests: ReadonlySet<Digest>;
  readonly tags: ReadonlyMap<string, Digest>;
};

/** Images of one kind at the source. */
export type ImageSet = {
  readonly images: readonly ImageName[];
  readonly holdings: readonly Holding[];
  /** What refers to them, by subject: only some tools take it along. */
  readonly referrers?: { readonly holding: Holding; readonly bySubject: ReadonlyMap<Digest, readonly Digest[]> };
};

export type ImageSizes = {
  readonly largeLayers: number;
  readonly largeLayerBytes: number;
  readonly repositories: number;
  readonly tags: number;
  readonly smallLayerBytes: number;
  readonly platformLayerBytes: number;
};

const mib = 1_024 * 1_024;
export const wholeSizes: ImageSizes = {
  ...{ largeLayers: 8, largeLayerBytes: 128 * mib, platformLayerBytes: 8 * mib },
  ...{ repositories: 10, tags: 20, smallLayerBytes: 64 * 1_024 },
};
export const quickSizes: ImageSizes = {
  ...{ largeLayers: 2, largeLayerBytes: 256 * 1_024, platformLayerBytes: 64 * 1_024 },
  ...{ repositories: 2, tags: 3, smallLayerBytes: 8 * 1_024 },
};

type Layer = { readonly descriptor: Descriptor; readonly bytes: Buffer; readonly diffId: Digest };

/** Random bytes that a seed and a name repeat: the key stream of AES, since gigabytes are wanted. */
function randomBytesOf(seed: number, name: string, bytesCount: number): Buffer {
  const [key, iv] = [Buffer.alloc(16), Buffer.alloc(16)];
  key.writeUInt32BE(seed);
  iv.write(digestOf(Buffer.from(name)).slice('sha256:'.length), 0, 8, 'hex');
  return createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(bytesCount));
}

const contentOf = (mediaType: string, bytes: Buffer) => ({
  descriptor: { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength },
  bytes,
});
const named = ({ mediaType, digest, sizeBytes }: Descriptor) => ({ mediaType, digest, size: sizeBytes });
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** One file in a tar archive in gzip, stored: random bytes do not get smaller. */
function layerOf(seed: number, name: string, bytesCount: number): Layer {
  const archive = tarOf(name, randomBytesOf(seed, name, bytesCount));
  return { ...contentOf(mediaTypes.ociLayerGzip, gzipSync(archive, { level: 0 })), diffId: digestOf(archive) };
}

type Named = Pick<Layer, 'descriptor' | 'diffId'>;

/** Pushes into one repository, and keeps what a copy of it has to hold. */
function openRepository(client: RegistryClient, repository: string) {
  const [blobs, manifests, tags] = [new Set<Digest>(), new Set<Digest>(), new Map<string, Digest>()];
  const signal = AbortSignal.timeout(5 * 60_000);
  const pushBlob = async ({ descriptor, bytes }: ReturnType<typeof contentOf>): Promise<void> => {
    if (blobs.has(descriptor.digest)) return;
    await uploadBlob(client, { repository, descriptor }, async () => bytes, signal);
    blobs.add(descriptor.digest);
  };
  const pushManifest = async (mediaType: string, document: object, tag?: string): Promise<Descriptor> => {
    const content = contentOf(mediaType, json({ schemaVersion: 2, mediaType, ...document }));
    const { digest } = content.descriptor;
    await putManifest(client, { repository, reference: tag ?? digest }, content, signal);
    manifests.add(digest);
    if (tag !== undefined) tags.set(tag, digest);
    return content.descriptor;
  };
  return {
    holding: { repository, blobs, manifests, tags } satisfies Holding,
    async pushLayer(layer: Layer): Promise<Named> {
      await pushBlob(layer);
      return { descriptor: layer.descriptor, diffId: layer.diffId };
    },
    async pushImage(layers: readonly Named[], name: { readonly tag?: string; readonly architecture?: string }): Promise<Descriptor> {
      const { tag, architecture = 'amd64' } = name;
      const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
      const config = contentOf(mediaTypes.ociConfig, json({ os: 'linux', architecture, author: tag ?? repository, config: {}, rootfs }));
      await pushBlob(config);
      const document = { config: named(config.descriptor), layers: layers.map(({ descriptor }) => named(descriptor)) };
      return pushManifest(mediaTypes.ociManifest, document, tag);
    },
    pushIndex: (manifestsOf: readonly object[], tag: string) => pushManifest(mediaTypes.ociIndex, { manifests: manifestsOf }, tag),
    async pushReferrer(subject: Descriptor, artifactType: string, payload: Buffer): Promise<Digest> {
      const contents = [contentOf(mediaTypes.ociEmpty, Buffer.from('{}')), contentOf(artifactType, payload)] as const;
      for (const content of contents) await pushBlob(content);
      const [config, layer] = contents.map(({ descriptor }) => named(descriptor));
      const document = { artifactType, config, layers: [layer], subject: named(subject) };
      const descriptor = await pushManifest(mediaTypes.ociManifest, document);
      await addToReferrersTag(client, { repository, digest: subject.digest }, [{ ...named(descriptor), artifactType }], signal);
      return descriptor.digest;
    },
  };
}

/** One image of few large layers. */
export async function pushLarge(client: RegistryClient, sizes: ImageSizes, seed: number): Promise<ImageSet> {
  const [repository, tag] = ['bench/large', 'v1'];
  const { holding, ...pushing } = openRepository(client, repository);
  const layers: Named[] = [];
  for (let index = 0; index < sizes.largeLayers; index++)
    layers.push(await pushing.pushLayer(layerOf(seed, `large-${index}`, sizes.largeLayerBytes)));
  await pushing.pushImage(layers, { tag });
  return { images: [{ repository, tag }], holdings: [holding] };
}

/** Many small images: two layers that all of them have, and three of their own. */
export async function pushSmall(client: RegistryClient, sizes: ImageSizes, seed: number): Promise<ImageSet> {
  const layer = (name: string): Layer => layerOf(seed, name, sizes.smallLayerBytes);
  const shared = ['base-0', 'base-1'].map(layer);
  const images: ImageName[] = [];
  const holdings: Holding[] = [];
  for (let number = 0; number < sizes.repositories; number++) {
    const repository = `bench/small${number}`;
    const { holding, ...pushing } = openRepository(client, repository);
    holdings.push(holding);
    for (let version = 0; version < sizes.tags; version++) {
      const tag = `v${version}`;
      const own = [0, 1, 2].map((index) => layer(`small-${number}-${version}-${index}`));
      const layers: Named[] = [];
      for (const each of [...shared, ...own]) layers.push(await pushing.pushLayer(each));
      await pushing.pushImage(layers, { tag });
      images.push({ repository, tag });
    }
  }
  return { images, holdings };
}

/** An index of four platforms, which has a signature and a bill of materials. */
export async function pushIndexed(client: RegistryClient, sizes: ImageSizes, seed: number): Promise<ImageSet> {
  const [repository, tag] = ['bench/indexed', 'v1'];
  const { holding, ...pushing } = openRepository(client, repository);
  const children: object[] = [];
  for (const architecture of ['amd64', 'arm64', 's390x', 'ppc64le']) {
    const layers: Named[] = [];
    for (const index of [0, 1, 2])
      layers.push(await pushing.pushLayer(layerOf(seed, `${architecture}-${index}`, sizes.platformLayerBytes)));
    const image = await pushing.pushImage(layers, { architecture });
    children.push({ ...named(image), platform: { os: 'linux', architecture } });
  }
  const index = await pushing.pushIndex(children, tag);
  const own = { ...holding, blobs: new Set(holding.blobs), manifests: new Set(holding.manifests) };
  const signature = json({ critical: { identity: { 'docker-reference': repository }, type: 'cosign container image signature' } });
  const referring = [
    await pushing.pushReferrer(index, 'application/vnd.dev.cosign.artifact.sig.v1+json', signature),
    await pushing.pushReferrer(index, 'application/spdx+json', randomBytesOf(seed, 'sbom', 64 * 1_024)),
  ];
  const beyond = {
    ...holding,
    blobs: holding.blobs.difference(own.blobs),
    manifests: holding.manifests.difference(own.manifests),
    tags: new Map<string, Digest>(),
  };
  return {
    images: [{ repository, tag }],
    holdings: [own],
    referrers: { holding: beyond, bySubject: new Map([[index.digest, referring]]) },
  };
}
