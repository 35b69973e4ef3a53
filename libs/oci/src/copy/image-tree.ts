import type { Digest } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from './concurrent.ts';
import { toDescriptor, type Descriptor, type DescriptorDocument } from '../descriptor/descriptor.ts';
import { OciError } from '../host/errors.ts';
import { findManifestDigest, getManifest, type Manifest } from '../manifest/manifest.ts';
import { isForeignLayerType } from '../descriptor/media-types.ts';
import { listReferrers, referrersTag } from '../referrer/referrers.ts';

/** All that an image consists of at its source. */
export type ImageTree = {
  /** The manifest that the tag will point to. */
  readonly root: Manifest;
  /** Children before their parents, an image before what refers to it; each once. */
  readonly manifests: readonly Manifest[];
  /** Configs and layers, each once. */
  readonly blobs: readonly Descriptor[];
  /** Per manifest that has any: what refers to it. */
  readonly referrers: ReadonlyMap<Digest, readonly DescriptorDocument[]>;
  /** Tags that name an image of this tree and hold what belongs to it, and where they point. */
  readonly digestTags: ReadonlyMap<string, Digest>;
  /** Digests of the manifests that are there only because they refer to others, or belong to such. */
  readonly referring: ReadonlySet<Digest>;
};

const manifestsMax = 2_000;
/** Manifests are held in memory until they are written: this bounds one copy. */
const manifestBytesTotalMax = 64 * 1_024 * 1_024;
const nestingMax = 8;
const readsAtOnceMax = 4;

/** Endings of the tags under which cosign keeps signatures and the like by default (sigstore/cosign, SIGNATURE_SPEC.md, "Discovery"). */
const digestTagEndings = ['sig', 'att', 'sbom'];

/**
 * Walks an image: index, platforms, attestations, and the referrers of each of them, and theirs, and what cosign keeps in tags.
 * @throws OciError; `CONTENT_TOO_LARGE` for an image beyond all measure, so that nobody fills our memory with one
 */
export async function readImageTree(
  client: RegistryClient,
  { repository, digest }: { readonly repository: string; readonly digest: Digest },
  signal: AbortSignal,
): Promise<ImageTree> {
  const manifests = new Map<Digest, Manifest>();
  const blobs = new Map<Digest, Descriptor>();
  const referrers = new Map<Digest, readonly DescriptorDocument[]>();
  const visited = new Set<Digest>();
  let bytesTotal = 0;
  const tooLarge = (): OciError =>
    new OciError('CONTENT_TOO_LARGE', `${repository}@${digest} has more manifests than one image is allowed (${manifestsMax})`, {
      host: client.registry.host,
      repository,
    });

  const visit = async (named: { readonly digest: Digest; readonly sizeBytes?: number }, depth: number): Promise<void> => {
    if (visited.has(named.digest)) return;
    visited.add(named.digest);
    if (depth > nestingMax || visited.size > manifestsMax) throw tooLarge();
    const size = named.sizeBytes === undefined ? {} : { sizeBytes: named.sizeBytes };
    const manifest = await getManifest(client, { repository, reference: named.digest, ...size }, signal);
    bytesTotal += manifest.bytes.byteLength;
    if (bytesTotal > manifestBytesTotalMax) throw tooLarge();
    if (manifest.kind === 'index') {
      for (const child of manifest.document.manifests) await visit(toDescriptor(child), depth + 1);
    } else {
      // A foreign layer lies at its vendor, and registries take manifests without it.
      const layers = manifest.document.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType));
      for (const blob of [manifest.document.config, ...layers].map(toDescriptor)) blobs.set(blob.digest, blob);
    }
    manifests.set(named.digest, manifest);
  };

  await visit({ digest }, 0);
  const own = new Set(manifests.keys());
  // Grows while it is walked: a signature may itself be signed.
  for (const subject of manifests.keys()) {
    const found = await listReferrers(client, { repository, digest: subject }, signal);
    if (found.length > 0) referrers.set(subject, found);
    for (const referrer of found) await visit(toDescriptor(referrer), 0);
  }
  const digestTags = await findDigestTags(client, repository, [...own], signal);
  for (const tagged of digestTags.values()) await visit({ digest: tagged }, 0);
  const referring = new Set([...manifests.keys()].filter((found) => !own.has(found)));
  return {
    root: manifests.get(digest)!,
    manifests: [...manifests.values()],
    blobs: [...blobs.values()],
    ...{ referrers, digestTags, referring },
  };
}

async function findDigestTags(
  client: RegistryClient,
  repository: string,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Digest>> {
  const tags = digests.flatMap((digest) => digestTagEndings.map((ending) => `${referrersTag(digest)}.${ending}`));
  const found = await mapConcurrently(tags, readsAtOnceMax, signal, async (reference, either) => {
    const digest = await findManifestDigest(client, { repository, reference }, either);
    return digest === undefined ? [] : ([[reference, digest]] as const);
  });
  return new Map(found.flat());
}
