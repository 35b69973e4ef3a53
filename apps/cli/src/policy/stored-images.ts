import { digestKey, repositoryKey, tagKey, type ReplicaState } from '@waybill/domain';
import type { StoredImage } from '@waybill/policy-engine';
import type { CatalogRows } from './catalog-rows.ts';
import { isOwn, originsOf, targetKey, type Origins } from './origins.ts';
import type { Running } from './running.ts';

/**
 * What lies where, as the log knows it: what was pushed and not deleted, and the copies, also at registries that tell us nothing. It is in
 * use where it runs or is being copied from; without a list of what runs, that is not known. Neither is it known of what has no tag in a
 * repository of which not everything is known: something there may be made of it. Pure.
 */
export function storedImagesOf(rows: CatalogRows, running: Running | undefined): readonly StoredImage[] {
  const placed = placedOf(rows);
  const origins = originsOf(rows);
  const inUse = running && inUseOf(placed, rows, running);
  const unclear = unclearIn(placed, rows);
  return placed.map((image) => {
    const { registry, repository, digest } = image;
    const facts = rows.facts.get(digest);
    const attachedTo = facts?.subject ?? subjectByTag(image.tags);
    const needs = facts?.needs ?? [];
    const isLoose = image.tags.length === 0 && attachedTo === null;
    const isUnclear = isLoose && (facts?.isAttestation === true || unclear.has(repositoryKey(image)));
    const isUsed = inUse !== undefined && [digest, ...needs].some((each) => inUse.has(each));
    return {
      ...{ registry, repository, digest, tags: image.tags, sizeBytes: facts?.sizeBytes ?? null },
      pushedAtMs: pushedAtMs(image, origins),
      lastPulledAtMs: rows.digests.get(digestKey(image, digest))?.lastPulledAtMs ?? null,
      isInUse: isUsed ? true : inUse === undefined || isUnclear ? null : false,
      ...{ needs, attachedTo },
    };
  });
}

type Placed = Pick<StoredImage, 'registry' | 'repository' | 'digest'> & { readonly tags: string[] };

function placedOf({ tags, deletedTags, digests, replicas }: CatalogRows): readonly Placed[] {
  const placed = new Map<string, Placed>();
  const put = (place: { readonly registry: string; readonly repository: string }, digest: string): Placed => {
    const { registry, repository } = place;
    const key = digestKey(place, digest);
    const known = placed.get(key) ?? { registry, repository, digest, tags: [] };
    placed.set(key, known);
    return known;
  };
  for (const entry of digests.values()) if (entry.deletedAtMs === null) put(entry, entry.digest);
  for (const entry of tags.values()) if (entry.digest !== null) put(entry, entry.digest).tags.push(entry.tag);
  for (const copy of newestCopies(replicas)) {
    const key = targetKey(copy);
    const place = { registry: copy.targetRegistry, repository: copy.targetRepository };
    // A registry that tells of its tags knows better what they are now.
    const isDeleted = typeof digests.get(digestKey(place, copy.copiedDigest!))?.deletedAtMs === 'number';
    if (isDeleted || tags.has(key) || deletedTags.has(key)) continue;
    put(place, copy.copiedDigest!).tags.push(copy.targetTag);
  }
  return [...placed.values()];
}

/** What is at each target: several sources can lead to one, and the last copy is there. */
function newestCopies(replicas: readonly ReplicaState[]): readonly ReplicaState[] {
  const newest = new Map<string, ReplicaState>();
  for (const copy of replicas) {
    if (copy.copiedDigest === null || isOwn(copy)) continue;
    const known = newest.get(targetKey(copy));
    if (known === undefined || known.changedAtMs < copy.changedAtMs) newest.set(targetKey(copy), copy);
  }
  return [...newest.values()];
}

/** Digests that run, by whatever name, or are being copied: one that runs is in use wherever it lies, for it may be pulled from there. */
function inUseOf(placed: readonly Placed[], { replicas }: CatalogRows, running: Running): ReadonlySet<string> {
  const digests = new Set(running.digests);
  for (const image of placed) if (image.tags.some((tag) => running.tags.has(tagKey(image, tag)))) digests.add(image.digest);
  for (const copy of replicas) if (copy.status === 'copying') digests.add(copy.digest);
  return digests;
}

/** Repositories where an image without a tag may be a part of another or have a tag after all. By `repositoryKey`. */
function unclearIn(placed: readonly Placed[], { tags, digests, facts }: CatalogRows): ReadonlySet<string> {
  const unclear = new Set<string>();
  for (const entry of tags.values()) if (entry.digest === null) unclear.add(repositoryKey(entry));
  for (const image of placed) {
    const wasPushed = (digests.get(digestKey(image, image.digest))?.pushesCount ?? 1) > 0;
    if (!wasPushed || !facts.has(image.digest)) unclear.add(repositoryKey(image));
  }
  return unclear;
}

/** Signers without a field for it name a tag after what they are about. */
function subjectByTag(tags: readonly string[]): string | null {
  for (const tag of tags) {
    const hex = /^sha256-([a-f0-9]{64})(?:\.(?:sig|sbom|att))?$/.exec(tag)?.[1];
    if (hex !== undefined) return `sha256:${hex}`;
  }
  return null;
}

/** What somebody has tagged again is as new as that. Of what nobody knows, nothing is old. */
function pushedAtMs(image: Placed, { ofDigest, ofTag }: Origins): number {
  const times = [ofDigest(image, image.digest), ...image.tags.map((tag) => ofTag(image, tag))];
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? Number.MAX_SAFE_INTEGER : Math.max(...known);
}
