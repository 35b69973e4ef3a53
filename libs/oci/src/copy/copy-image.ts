import type { Digest } from '@waybill/domain';
import { blobSource, findBlobSize } from '../blob/blob.ts';
import { uploadBlob } from '../blob/upload.ts';
import { mapConcurrently } from './concurrent.ts';
import type { BlobReport, CopyReport, CopyRequest, ManifestReport, Place } from './copy-request.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import type { ImageTree } from './image-tree.ts';
import { findManifestDigest, putManifest } from '../manifest/manifest.ts';
import { addToReferrersTag, listReferrers } from '../referrer/referrers.ts';

type Places = Pick<CopyRequest, 'source' | 'target'>;
type Under = { readonly blobsAtOnceMax: number } & Pick<CopyRequest, 'signal' | 'onProgress'>;

/**
 * Moves an image with its platforms and all that refers to them, byte for byte.
 *
 * The order is what makes it safe to end anywhere: blobs, then manifests with children before parents, then referrers, and the tag
 * last. So a tag never points to something incomplete, a second call goes on where the first one ended, and a call for what
 * is there already only checks it. Blobs stream from registry to registry; neither disk nor memory holds one.
 * @throws OciError, or the signal's reason
 */
export async function copyTree(
  { source, target }: Places,
  tree: ImageTree,
  tag: string | undefined,
  { blobsAtOnceMax, signal, onProgress }: Under,
): Promise<Pick<CopyReport, 'manifests' | 'blobs' | 'tags'>> {
  const blobs = await mapConcurrently(tree.blobs, blobsAtOnceMax, signal, async (descriptor, either) => {
    const startedAtMs = performance.now();
    const moved = await copyBlob(source, target, descriptor, either);
    const blob = { ...descriptor, ...moved, durationMs: performance.now() - startedAtMs };
    if (moved.bytesSent > 0) onProgress?.({ kind: 'bytes', digest: blob.digest, bytes: moved.bytesSent, sizeBytes: blob.sizeBytes });
    onProgress?.({ kind: 'blob', blob });
    return blob;
  });
  const copied = new Set(await putManifests(target, tree, signal));
  const manifests = tree.manifests.map(({ descriptor }): ManifestReport => {
    const outcome = copied.has(descriptor.digest) ? 'copied' : 'present';
    return { ...descriptor, outcome, refers: tree.referring.has(descriptor.digest) };
  });
  for (const manifest of manifests) onProgress?.({ kind: 'manifest', manifest });
  await linkReferrers(target, tree, signal);
  const wanted = [...tree.digestTags, ...(tag === undefined ? [] : [[tag, tree.root.descriptor.digest] as const])];
  const tags: CopyReport['tags'][number][] = [];
  for (const [name, digest] of wanted) {
    tags.push({ tag: name, digest, outcome: await putTag(target, tree, name, digest, signal) });
    onProgress?.({ kind: 'tagged', tag: name, digest });
  }
  return { manifests, blobs, tags };
}

async function copyBlob(
  source: Place,
  target: Place,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Pick<BlobReport, 'outcome' | 'bytesSent'>> {
  const query = { repository: target.repository, descriptor };
  // One of another size is not ours; sent again, the registry keeps the one whose digest is right.
  if ((await findBlobSize(target.client, query, signal)) === descriptor.sizeBytes) return { outcome: 'present', bytesSent: 0 };
  const isSameRegistry = source.client.registry.host === target.client.registry.host;
  const mountFrom = isSameRegistry ? source.repository : undefined;
  const open = blobSource(source.client, { repository: source.repository, descriptor }, signal);
  const { mounted } = await uploadBlob(target.client, { ...query, mountFrom }, open, signal);
  return mounted ? { outcome: 'mounted', bytesSent: 0 } : { outcome: 'copied', bytesSent: descriptor.sizeBytes };
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

async function putTag(
  { client, repository }: Place,
  tree: ImageTree,
  tag: string,
  digest: Digest,
  signal: AbortSignal,
): Promise<'set' | 'present'> {
  const present = await findManifestDigest(client, { repository, reference: tag }, signal);
  if (present === digest) return 'present'; // Set again, a tag would look like a push to everybody who listens to the target.
  const manifest = tree.manifests.find(({ descriptor }) => descriptor.digest === digest)!;
  await putManifest(client, { repository, reference: tag }, manifest, signal);
  return 'set';
}
