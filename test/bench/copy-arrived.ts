import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '@waybill/domain';
import { referrersTag } from '@waybill/oci';
import type { Holding, ImageSet } from './copy-images.ts';

const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);

/** Where CNCF Distribution keeps things on disk, which no client can be wrong about. */
const layoutOf = (storageDir: string) => {
  const root = join(storageDir, 'docker/registry/v2');
  const inRepository = (repository: string, ...parts: readonly string[]): string => join(root, 'repositories', repository, ...parts);
  return {
    data: (digest: Digest) => join(root, 'blobs/sha256', hexOf(digest).slice(0, 2), hexOf(digest), 'data'),
    layer: (repository: string, digest: Digest) => inRepository(repository, '_layers/sha256', hexOf(digest), 'link'),
    revision: (repository: string, digest: Digest) => inRepository(repository, '_manifests/revisions/sha256', hexOf(digest), 'link'),
    tag: (repository: string, tag: string) => inRepository(repository, '_manifests/tags', tag, 'current/link'),
  };
};

/** What of the images is not in a registry's files; empty where all has arrived. */
export function findMissing(storageDir: string, set: ImageSet, withReferrers: boolean): readonly string[] {
  const { referrers } = set;
  const own = set.holdings.flatMap((holding) => missingOf(storageDir, holding));
  if (!withReferrers || referrers === undefined) return own;
  const { repository } = referrers.holding;
  const unlisted = [...referrers.bySubject].flatMap(([subject, expected]) => {
    const listed = readFallbackTag(storageDir, repository, subject);
    return expected.filter((digest) => !listed.includes(digest)).map((digest) => `${repository}: ${digest} as a referrer`);
  });
  return [...own, ...missingOf(storageDir, referrers.holding), ...unlisted];
}

function missingOf(storageDir: string, { repository, blobs, manifests, tags }: Holding): readonly string[] {
  const layout = layoutOf(storageDir);
  const isThere = (digest: Digest, link: string): boolean => existsSync(link) && existsSync(layout.data(digest));
  return [
    ...[...blobs].filter((digest) => !isThere(digest, layout.layer(repository, digest))),
    ...[...manifests].filter((digest) => !isThere(digest, layout.revision(repository, digest))),
    ...[...tags].filter(([tag, digest]) => readOrEmpty(layout.tag(repository, tag)) !== digest).map(([tag]) => tag),
  ].map((what) => `${repository}: ${what}`);
}

function readFallbackTag(storageDir: string, repository: string, subject: Digest): readonly string[] {
  const layout = layoutOf(storageDir);
  const digest = readOrEmpty(layout.tag(repository, referrersTag(subject)));
  if (digest === '') return [];
  const { manifests } = JSON.parse(readFileSync(layout.data(digest as Digest), 'utf8')) as {
    readonly manifests: readonly { digest: string }[];
  };
  return manifests.map((manifest) => manifest.digest);
}

const readOrEmpty = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
