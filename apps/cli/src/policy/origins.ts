import { digestKey, repositoryKey, tagKey, type ReplicaState } from '@waybill/domain';
import type { CatalogRows } from './catalog-rows.ts';

/** When somebody pushed what lies somewhere. A registry that we copy to tells of the copy as of any push: that is no push of anybody. */
export type Origins = {
  /** By its push wherever it came from; null where nobody knows. Unix ms. */
  readonly ofDigest: (place: Source, digest: string) => number | null;
  /** When a tag was pointed to what it is now. Null where nobody knows. Unix ms. */
  readonly ofTag: (place: Source, tag: string) => number | null;
};

type Source = Pick<ReplicaState, 'registry' | 'repository'>;

/** A copy of a copy is followed so far. */
const copiesMax = 20;

export function originsOf({ tags, digests, replicas }: Pick<CatalogRows, 'tags' | 'digests' | 'replicas'>): Origins {
  const made = replicas.filter((replica) => replica.copiedDigest !== null && !isOwn(replica));
  const byTarget = Map.groupBy(made, targetKey);
  const byPlace = Map.groupBy(made, placeKey);
  const sourcesOf = new Map(
    [...byPlace].map(([place, copies]) => [place, [...new Map(copies.map((copy) => [repositoryKey(copy), copy as Source])).values()]]),
  );
  // Where platforms were left out, what lies there has another digest than at its source.
  const cutDown = Map.groupBy(
    made.filter(({ digest, copiedDigest }) => digest !== copiedDigest),
    (copy) => `${placeKey(copy)}@${copy.copiedDigest}`,
  );

  function ofDigest(place: Source, digest: string, seen = new Set<string>()): number | null {
    const key = digestKey(place, digest);
    if (seen.has(key)) return null; // Registries may copy to one another.
    seen.add(key);
    return earliest([
      digests.get(key)?.firstSeenAtMs ?? null,
      ...(sourcesOf.get(repositoryKey(place)) ?? []).map((source) => ofDigest(source, digest, seen)),
      ...(cutDown.get(key) ?? []).map((copy) => ofDigest(copy, copy.digest, seen)),
    ]);
  }

  function ofTag(place: Source, tag: string, copiesCount = 0): number | null {
    const key = tagKey(place, tag);
    const entry = tags.get(key);
    const copy = byTarget.get(key)?.find(({ copiedDigest }) => entry === undefined || entry.digest === copiedDigest);
    if (copy === undefined || copiesCount >= copiesMax) return entry?.changedAtMs ?? null;
    const isThereStill = tags.get(tagKey(copy, copy.tag))?.digest === copy.digest;
    return isThereStill ? ofTag(copy, copy.tag, copiesCount + 1) : ofDigest(copy, copy.digest);
  }
  return { ofDigest: (place, digest) => ofDigest(place, digest), ofTag: (place, tag) => ofTag(place, tag) };
}

export const targetKey = ({ targetRegistry, targetRepository, targetTag }: ReplicaState): string =>
  tagKey({ registry: targetRegistry, repository: targetRepository }, targetTag);
const placeKey = ({ targetRegistry, targetRepository }: ReplicaState): string =>
  repositoryKey({ registry: targetRegistry, repository: targetRepository });

/** An image that is its own target. */
export const isOwn = (replica: ReplicaState): boolean => targetKey(replica) === tagKey(replica, replica.tag);

const earliest = (times: readonly (number | null)[]): number | null =>
  times.reduce((first, time) => (time === null || (first !== null && first <= time) ? first : time), null);
