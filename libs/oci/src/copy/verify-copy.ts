import type { Digest } from '@waybill/domain';
import { findBlobSize } from '../blob/blob.ts';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from './concurrent.ts';
import { OciError } from '../host/errors.ts';
import type { ImageTree } from './image-tree.ts';
import { findManifestDigest, getManifest } from '../manifest/manifest.ts';
import { listReferrers, listReferrersByTag } from '../referrer/referrers.ts';

const readsAtOnceMax = 4;

/**
 * Reads a copy back: every manifest byte for byte, every blob's size, what refers to what, and where the tags point. Blob bytes were
 * checked on the way in and by the registry, which stores them under their digest.
 * @throws OciError `COPY_UNVERIFIED` with the first thing that is not as it was copied
 */
export async function verifyCopy(
  { client, repository }: { readonly client: RegistryClient; readonly repository: string },
  tree: ImageTree,
  tags: readonly (readonly [tag: string, digest: Digest])[],
  signal: AbortSignal,
): Promise<void> {
  const { host } = client.registry;
  const fail = (what: string): never => {
    const image = `${repository}@${tree.root.descriptor.digest}`;
    throw new OciError('COPY_UNVERIFIED', `${host} does not give back ${what} of ${image} as it was copied`, { host, repository });
  };
  await mapConcurrently(tree.manifests, readsAtOnceMax, signal, async ({ descriptor, bytes }, either) => {
    const reference = descriptor.digest;
    const read = await getManifest(client, { repository, reference }, either).catch((error: unknown) => {
      if (error instanceof OciError && error.code === 'CONTENT_NOT_FOUND') return fail(`manifest ${reference}`);
      throw error;
    });
    if (!read.bytes.equals(bytes) || read.descriptor.mediaType !== descriptor.mediaType) fail(`manifest ${reference}`);
  });
  await mapConcurrently(tree.blobs, readsAtOnceMax, signal, async (descriptor, either) => {
    const sizeBytes = await findBlobSize(client, { repository, descriptor }, either);
    if (sizeBytes !== descriptor.sizeBytes) fail(`blob ${descriptor.digest}`);
  });
  for (const [digest, referrers] of tree.referrers) {
    const byApi = await listReferrers(client, { repository, digest }, signal);
    const missing = referrers.filter((referrer) => !byApi.some((other) => other.digest === referrer.digest));
    // An old artifact may name no subject: then no API lists it, and the tag does.
    const byTag = missing.length > 0 ? await listReferrersByTag(client, { repository, digest }, signal) : [];
    const lost = missing.find((referrer) => !byTag.some((other) => other.digest === referrer.digest));
    if (lost) fail(`the link to ${lost.digest}`);
  }
  for (const [reference, digest] of tags) {
    if ((await findManifestDigest(client, { repository, reference }, signal)) !== digest) fail(`the tag ${reference}`);
  }
}
