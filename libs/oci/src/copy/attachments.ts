import type { Digest } from '@waybill/domain';
import type { DescriptorDocument } from '../descriptor/descriptor.ts';
import { findManifestDigest } from '../manifest/manifest.ts';
import { findReferrersByApi, listReferrersByTag, referrersTag } from '../referrer/referrers.ts';
import type { Place } from './copy-request.ts';
import type { DigestTags } from './digest-tags.ts';

/** What belongs to a manifest and is not named by it. */
export type Attachments = {
  /** By the registry's API and by the fallback tag, each once. */
  readonly referrers: readonly DescriptorDocument[];
  /** Names of the tags under which old cosign keeps signatures, attestations and SBOMs of it. */
  readonly tags: readonly string[];
};

/** Endings of those tags (sigstore/cosign, SIGNATURE_SPEC.md, "Discovery"). */
const digestTagEndings = ['sig', 'att', 'sbom'];

/** Which repositories are known to have no API for referrers: an answer that is not asked for again with each manifest. */
export type MissingApis = { readonly has: (place: Place) => boolean; readonly add: (place: Place) => void };

/** A registry may learn it; nobody who attaches something before it has is missed, since that is in the tag. */
const missingForMs = 60_000;
const repositoriesMax = 10_000;

export function createMissingApis(nowMs: () => number): MissingApis {
  const missingSinceMs = new Map<string, number>();
  const keyOf = ({ client, repository }: Place): string => `${client.registry.host}/${repository}`;
  return {
    has: (place) => nowMs() - (missingSinceMs.get(keyOf(place)) ?? -Infinity) <= missingForMs,
    add(place) {
      if (missingSinceMs.size >= repositoriesMax) missingSinceMs.clear();
      missingSinceMs.set(keyOf(place), nowMs());
    },
  };
}

/**
 * Finds what is attached to a manifest. Where the repository's digest tags are known, nothing is asked for that is not there.
 * @throws OciError
 */
export async function findAttachments(
  place: Place,
  digest: Digest,
  known: { readonly digestTags: DigestTags | undefined; readonly missingApis: MissingApis },
  signal: AbortSignal,
): Promise<Attachments> {
  const { client, repository } = place;
  const { digestTags, missingApis } = known;
  const byApi = missingApis.has(place) ? undefined : await findReferrersByApi(client, { repository, digest }, signal);
  if (!byApi) missingApis.add(place);
  const fallback = referrersTag(digest);
  // With an API the tag is left over from before it had one, and worth a look only where it is known to be there.
  const mayHaveFallback = digestTags ? digestTags.has(fallback) : !byApi;
  const byTag = mayHaveFallback ? await listReferrersByTag(client, { repository, digest }, signal) : [];
  const referrers = new Map([...byTag, ...(byApi ?? [])].map((referrer) => [referrer.digest, referrer]));
  const names = digestTagEndings.map((ending) => `${fallback}.${ending}`);
  const isThere = async (tag: string) => (await findManifestDigest(client, { repository, reference: tag }, signal)) !== undefined;
  const found = digestTags ? names.map((tag) => digestTags.has(tag)) : await Promise.all(names.map(isThere));
  return { referrers: [...referrers.values()], tags: names.filter((_, index) => found[index]) };
}
