import type { Digest, ImageCopied } from '@waybill/domain';
import { findBlobSize, openBlob, uploadBlob } from '../blob/blob.ts';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from './concurrent.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import { readImageTree, type ImageTree } from './image-tree.ts';
import { findManifestDigest, putManifest } from '../manifest/manifest.ts';
import { addToReferrersTag, listReferrers } from '../referrer/referrers.ts';
import { verifyCopy } from './verify-copy.ts';

export type Place = { readonly client: RegistryClient; readonly repository: string };
export type CopyRequest = {
  readonly source: Place;
  readonly target: Place;
  readonly digest: Digest;
  /** Put on the copy as the very last thing. */
  readonly tag: string;
  readonly signal: AbortSignal;
  /** Blobs under way at the same time. */
  readonly blobsAtOnceMax?: number;
};
export type CopyCounts = Pick<
  ImageCopied,
  'manifestsCopied' | 'blobsCopied' | 'blobsSkipped' | 'referrersCopied' | 'bytesCopied' | 'verified'
>;

/**
 * Copies an image with its platforms and all that refers to them, byte for byte, and reads it back.
 *
 * The order is what makes it safe to end anywhere: blobs, then manifests with children before parents, then referrers, and the tag
 * last. So a tag never points to something incomplete, a second call goes on where the first one ended, and a call for what
 * is there already only checks it. Blobs stream from registry to registry; neither disk nor memory holds one.
 * @throws OciError, `COPY_UNVERIFIED` when the target does not give back what it took; or the signal's reason
 */
export async function copyImage(request: CopyRequest): Promise<CopyCounts> {
  const { source, target, digest, tag, signal, blobsAtOnceMax = 4 } = request;
  const tree = await readImageTree(source.client, { repository: source.repository, digest }, signal);
  const blobs = await mapConcurrently(tree.blobs, blobsAtOnceMax, signal, (blob, either) => copyBlob(source, target, blob, either));
  const copied = await putManifests(target, tree, signal);
  await linkReferrers(target, tree, signal);
  const tags = [...tree.digestTags, [tag, digest] as const];
  for (const [name, tagged] of tags) await putTag(target, tree, name, tagged, signal);
  await verifyCopy(target, tree, tags, signal);
  return {
    manifestsCopied: copied.length,
    referrersCopied: copied.filter((found) => tree.referring.has(found)).length,
    blobsCopied: blobs.filter(({ copied }) => copied).length,
    blobsSkipped: blobs.filter(({ copied }) => !copied).length,
    bytesCopied: blobs.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    verified: true,
  };
}

async function copyBlob(
  source: Place,
  target: Place,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<{ readonly copied: boolean; readonly bytesSent: number }> {
  const query = { repository: target.repository, descriptor };
  // One of another size is not ours; sent again, the registry keeps the one whose digest is right.
  if ((await findBlobSize(target.client, query, signal)) === descriptor.sizeBytes) return { copied: false, bytesSent: 0 };
  const isSameRegistry = source.client.registry.host === target.client.registry.host;
  const mountFrom = isSameRegistry ? source.repository : undefined;
  const open = () => openBlob(source.client, { repository: source.repository, descriptor }, signal);
  const { mounted } = await uploadBlob(target.client, { ...query, mountFrom }, open, signal);
  return { copied: true, bytesSent: mounted ? 0 : descriptor.sizeBytes };
}

/** @returns digests of those that were not there */
async function putManifests({ client, repository }: Place, tree: ImageTree, signal: AbortSignal): Promise<readonly Digest[]> {
  const copied: Digest[] = [];
  for (const manifest of tree.manifests) {
    const reference = manifest.descriptor.digest;
    if ((await findManifestDigest(client, { repository, reference }, signal)) !== undefined) continue;
    await putManifest(client, { repository, reference }, manifest, signal);
    copied.push(reference);
  }
  return copied;
}

/** A registry with the referrers API has linked them by their `subject` already; for any other the fallback tag must say it. */
async function linkReferrers({ client, repository }: Place, tree: ImageTree, signal: AbortSignal): Promise<void> {
  for (const [digest, referrers] of tree.referrers) {
    const listed = await listReferrers(client, { repository, digest }, signal);
    const missing = referrers.filter((referrer) => !listed.some((other) => other.digest === referrer.digest));
    if (missing.length > 0) await addToReferrersTag(client, { repository, digest }, missing, signal);
  }
}

async function putTag({ client, repository }: Place, tree: ImageTree, tag: string, digest: Digest, signal: AbortSignal): Promise<void> {
  const present = await findManifestDigest(client, { repository, reference: tag }, signal);
  if (present === digest) return; // Set again, a tag would look like a push to everybody who listens to the target.
  const manifest = tree.manifests.find(({ descriptor }) => descriptor.digest === digest)!;
  await putManifest(client, { repository, reference: tag }, manifest, signal);
}
