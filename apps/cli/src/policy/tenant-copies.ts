import { digestKey, type ReplicaState } from '@waybill/domain';
import { tenantOf, type StoredImage, type Surroundings } from '@waybill/policy-engine';
import { isOwn } from './origins.ts';

/** A copy that may be deleted for its tenant's sake, with the tags that count for its quota. */
export type TenantCopy = { readonly image: StoredImage; readonly tagsCount: number };

/**
 * What counts for a tenant's quota: copies of its images, each tag of a target by itself. One that has tags beside these is somebody
 * else's, too, and left out. Pure.
 */
export function copiesOf(
  tenant: string,
  images: readonly StoredImage[],
  replicas: readonly ReplicaState[],
  surroundings: Pick<Surroundings, 'Tenant'>,
): readonly TenantCopy[] {
  const tags = new Map<string, Set<string>>();
  for (const copy of replicas) {
    if (copy.copiedDigest === null || isOwn(copy) || tenantOf(copy, surroundings) !== tenant) continue;
    const key = digestKey({ registry: copy.targetRegistry, repository: copy.targetRepository }, copy.copiedDigest);
    const known = tags.get(key) ?? new Set();
    tags.set(key, known.add(copy.targetTag));
  }
  return images.flatMap((image) => {
    const counted = tags.get(digestKey(image, image.digest));
    const isItsOwn = counted !== undefined && image.tags.length > 0 && image.tags.every((tag) => counted.has(tag));
    return isItsOwn ? [{ image, tagsCount: image.tags.length }] : [];
  });
}
