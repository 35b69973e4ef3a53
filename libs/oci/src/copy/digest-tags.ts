import { OciError } from '../host/errors.ts';
import { listTags } from '../tag/list-tags.ts';
import { unlessAborted } from '../host/concurrent.ts';
import type { Place } from './copy-request.ts';

/** Names of those tags of a repository that name a manifest by its digest. */
export type DigestTags = ReadonlySet<string>;

/**
 * Digest tags of repositories. Asked for once for all copies that wait for the answer: each gets one to a question that was put after the
 * copy was asked for, so that nothing is missed which was there by then.
 */
export type DigestTagIndex = {
  /** @returns undefined where the repository does not list its tags, or has too many to look through */
  readonly find: (place: Place, notBeforeMs: number, signal: AbortSignal) => Promise<DigestTags | undefined>;
};

type Listing = { readonly askedAtMs: number; readonly answer: Promise<DigestTags | undefined> };

const repositoriesMax = 1_000;
/** Beyond, a few questions for single tags are cheaper. */
const pagesMax = 4;
const digestTag = /^sha(?:256|512)-[a-f0-9]{64}/;

export function createDigestTagIndex(nowMs: () => number): DigestTagIndex {
  const listings = new Map<string, Listing>();
  return {
    async find(place, notBeforeMs, signal) {
      const key = `${place.client.registry.host}/${place.repository}`;
      const theirs = listings.get(key);
      if (theirs && theirs.askedAtMs >= notBeforeMs) {
        // Who asked may have gone, or failed in a way of its own; then it is asked again, for this one alone.
        const settled = theirs.answer.then(
          (tags) => ({ tags }),
          () => undefined,
        );
        const answer = await unlessAborted(settled, signal);
        return answer ? answer.tags : listDigestTags(place, signal);
      }
      const answer = listDigestTags(place, signal);
      listings.delete(key);
      listings.set(key, { askedAtMs: nowMs(), answer });
      if (listings.size > repositoriesMax) listings.delete(listings.keys().next().value!);
      return answer;
    },
  };
}

async function listDigestTags({ client, repository }: Place, signal: AbortSignal): Promise<DigestTags | undefined> {
  try {
    const tags = await listTags(client, { repository, pagesMax }, signal);
    return new Set(tags.filter((tag) => digestTag.test(tag)));
  } catch (error) {
    if (error instanceof OciError && !error.retry) return undefined; // It does not list them, which is no harm.
    throw error;
  }
}
