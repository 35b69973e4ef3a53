import type { Digest } from '@waybill/domain';
import type { DescriptorDocument } from '../descriptor/descriptor.ts';
import { findManifestDigest } from '../manifest/manifest.ts';
import { cosignTags, findReferrersByApi, listReferrersByTag, readReferrersTag, referrersTag } from '../referrer/referrers.ts';
import { mapConcurrently, unlessAborted } from '../host/concurrent.ts';
import type { Place } from './copy-request.ts';
import type { DigestTags } from './digest-tags.ts';

/** What belongs to a manifest and is not named by it. */
export type Attachments = {
  /** By the registry's API and by the fallback tag, each once. */
  readonly referrers: readonly DescriptorDocument[];
  /** Names of the tags under which old cosign keeps signatures, attestations and SBOMs of it. */
  readonly tags: readonly string[];
};

/** Which repositories have no API for referrers: an answer that is not asked for again with each manifest. */
export type ReferrersApis = {
  /** What the API lists; undefined where there is none. */
  readonly list: (place: Place, digest: Digest, signal: AbortSignal) => Promise<readonly DescriptorDocument[] | undefined>;
  /** The registry has taken a referrer without saying that it will list it. */
  readonly isMissing: (place: Place) => void;
};

/** A registry may learn it; nobody who attaches something before it has is missed, since that is in the tag. */
const knownForMs = 60_000;
const repositoriesMax = 10_000;

export function createReferrersApis(nowMs: () => number): ReferrersApis {
  const known = new Map<string, { readonly hasApi: boolean; readonly sinceMs: number }>();
  /** The first question to a repository: the others wait for what it says. */
  const firsts = new Map<string, Promise<unknown>>();
  const keyOf = ({ client, repository }: Place): string => `${client.registry.host}/${repository}`;
  const learn = (key: string, hasApi: boolean): void => {
    if (known.size >= repositoriesMax) known.clear();
    known.set(key, { hasApi, sinceMs: nowMs() });
  };
  const findHasApi = (key: string): boolean | undefined => {
    const fact = known.get(key);
    return fact && nowMs() - fact.sinceMs <= knownForMs ? fact.hasApi : undefined;
  };
  const ask = async (place: Place, digest: Digest, signal: AbortSignal) => {
    const listed = await findReferrersByApi(place.client, { repository: place.repository, digest }, signal);
    learn(keyOf(place), listed !== undefined);
    return listed;
  };
  return {
    isMissing: (place) => learn(keyOf(place), false),
    async list(place, digest, signal) {
      const key = keyOf(place);
      const first = firsts.get(key);
      if (first && findHasApi(key) === undefined) await unlessAborted(first, signal);
      if (findHasApi(key) === false) return undefined;
      const asked = ask(place, digest, signal);
      if (findHasApi(key) === undefined && !firsts.has(key)) {
        const forget = (): void => void firsts.delete(key);
        firsts.set(key, asked.then(forget, forget));
      }
      return asked;
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
  known: { readonly digestTags: DigestTags | undefined; readonly apis: ReferrersApis },
  signal: AbortSignal,
): Promise<Attachments> {
  const { client, repository } = place;
  const { digestTags, apis } = known;
  const subject = { repository, digest };
  // With an API the tag is left over from before it had one, and worth a look only where it is known to be there.
  const asks: ((either: AbortSignal) => Promise<readonly DescriptorDocument[] | undefined>)[] = [
    (either) => apis.list(place, digest, either),
    ...(digestTags?.has(referrersTag(digest)) ? [(either: AbortSignal) => readReferrersTag(client, subject, either)] : []),
  ];
  const [byApi, byKnownTag] = await mapConcurrently(asks, asks.length, signal, (ask, either) => ask(either));
  const byTag = byKnownTag ?? (digestTags || byApi ? [] : await listReferrersByTag(client, subject, signal));
  const referrers = new Map([...byTag, ...(byApi ?? [])].map((referrer) => [referrer.digest, referrer]));
  const names = cosignTags(digest);
  const isThere = async (tag: string) => (await findManifestDigest(client, { repository, reference: tag }, signal)) !== undefined;
  const found = digestTags ? names.map((tag) => digestTags.has(tag)) : await Promise.all(names.map(isThere));
  return { referrers: [...referrers.values()], tags: names.filter((_, index) => found[index]) };
}
