import { readBounded } from '../blob/body.ts';
import { asOciError, type RegistryResponse } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { unlessAborted } from './concurrent.ts';
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
const pageSizeMax = 1_000;
/** Beyond, a few questions for single tags are cheaper. */
const pagesMax = 4;
const pageBytesMax = 4 * 1_024 * 1_024;
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
  const found = new Set<string>();
  const request = { method: 'GET', repository, what: 'tags', action: 'pull', expects: [200], signal } as const;
  let at: string | URL | undefined = `tags/list?n=${pageSizeMax}`;
  try {
    for (let pages = 0; at !== undefined; pages++) {
      if (pages === pagesMax) return undefined;
      const response: RegistryResponse = await client.send({ ...request, at });
      const bytes = await readBounded(response.body, pageBytesMax, request.what, { host: client.registry.host, repository });
      for (const tag of parseTags(bytes)) if (digestTag.test(tag)) found.add(tag);
      at = findNext(response);
    }
    return found;
  } catch (error) {
    const failure = asOciError(error, request, client.registry);
    signal.throwIfAborted();
    if (failure instanceof OciError && failure.retry) throw failure;
    return undefined; // It does not list them, which is no harm.
  }
}

/** The next page, where it lies at the same host. */
function findNext({ headers, url }: RegistryResponse): URL | undefined {
  const link = /^<([^>]+)>\s*;\s*rel="?next"?/.exec(String(headers['link'] ?? ''))?.[1];
  const next = link !== undefined && URL.canParse(link, url) ? new URL(link, url) : undefined;
  return next?.origin === url.origin ? next : undefined;
}

const parseTags = (bytes: Buffer): readonly string[] => {
  const { tags } = JSON.parse(bytes.toString('utf8')) as { tags?: readonly string[] | null };
  return tags ?? [];
};
