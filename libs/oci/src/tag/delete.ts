import type { Digest } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';

/**
 * Deletes a manifest, and with it all tags that point to it. Its blobs stay until the registry collects them.
 * @returns false where it was not there
 * @throws OciError `REGISTRY_UNSUPPORTED` where the registry deletes none
 */
export const deleteManifest = (
  client: RegistryClient,
  { repository, digest }: { readonly repository: string; readonly digest: Digest },
  signal: AbortSignal,
): Promise<boolean> =>
  remove(client, { repository, what: `manifest ${digest}`, at: `manifests/${digest}`, refusals: [405, 501], advice: enable }, signal);

/**
 * Deletes a tag alone; what it pointed to stays, by its digest and by other tags.
 * @returns false where it was not there
 * @throws OciError `REGISTRY_UNSUPPORTED` where the registry deletes no tags, as those before the specification's 1.0
 */
export const deleteTag = (
  client: RegistryClient,
  { repository, tag }: { readonly repository: string; readonly tag: string },
  signal: AbortSignal,
): Promise<boolean> =>
  // By 400 say so those that take every reference for a digest here.
  remove(client, { repository, what: `tag ${tag}`, at: `manifests/${tag}`, refusals: [400, 405, 501], advice: useDigest }, signal);

/**
 * Deletes a blob, whoever refers to it.
 * @returns false where it was not there
 * @throws OciError `REGISTRY_UNSUPPORTED` where the registry deletes none
 */
export const deleteBlob = (
  client: RegistryClient,
  { repository, digest }: { readonly repository: string; readonly digest: Digest },
  signal: AbortSignal,
): Promise<boolean> =>
  remove(client, { repository, what: `blob ${digest}`, at: `blobs/${digest}`, refusals: [405, 501], advice: enable }, signal);

const enable = 'allow deletion in its configuration (CNCF Distribution: storage.delete.enabled)';
const useDigest = `${enable}, or delete the manifest by its digest, which takes all its tags along`;

type Removal = {
  readonly repository: string;
  readonly what: string;
  readonly at: string;
  /** Statuses by which a registry says that it never does this. */
  readonly refusals: readonly number[];
  readonly advice: string;
};

async function remove(client: RegistryClient, { repository, what, at, refusals, advice }: Removal, signal: AbortSignal): Promise<boolean> {
  try {
    // 200 and 204 are not the specification's, and mean the same.
    const { status, body } = await client.send({
      ...{ method: 'DELETE', action: 'delete', repository, what, at, signal },
      expects: [200, 202, 204, 404],
    });
    await body.dump();
    return status !== 404;
  } catch (error) {
    const isRefusal = error instanceof OciError && (refusals.includes(error.status ?? 0) || error.registryCode === 'UNSUPPORTED');
    if (!isRefusal) throw error;
    const { host } = client.registry;
    const message = `${host} does not delete ${what} of ${repository} (${error.status}): ${advice}`;
    throw new OciError('REGISTRY_UNSUPPORTED', message, { host, repository, status: error.status!, cause: error });
  }
}
