import type { Digest } from '@waybill/domain';

/**
 * Which blobs lie in which repositories of which registry, as far as this process has seen them there. A memory may be wrong by now, so it
 * only spares questions: what turns out otherwise is to be forgotten and looked for again.
 */
export type KnownPlaces = {
  readonly saw: (host: string, repository: string, digest: Digest) => void;
  /** Whether it was seen there moments ago, so that it need not be asked for again. */
  readonly isFresh: (host: string, repository: string, digest: Digest) => boolean;
  /** Another repository of the host that had the blob when it was last seen. */
  readonly findOther: (host: string, repository: string, digest: Digest) => string | undefined;
  readonly forget: (host: string, repository: string, digest: Digest) => void;
};

export type KnownPlacesOptions = {
  readonly nowMs: () => number;
  /** What was seen longer ago is asked for again. */
  readonly freshMs: number;
  /** Digests at a host; those longest unused go first. */
  readonly digestsMax: number;
};

const repositoriesMax = 8;

export function createKnownPlaces({ nowMs, freshMs, digestsMax }: KnownPlacesOptions): KnownPlaces {
  /** Per host and digest: when it was last seen in which repository, the latest last. Both maps in the order of their use. */
  const known = new Map<string, Map<string, number>>();
  const keyOf = (host: string, digest: Digest): string => `${host} ${digest}`;
  return {
    saw(host, repository, digest) {
      const key = keyOf(host, digest);
      const repositories = known.get(key) ?? new Map<string, number>();
      repositories.delete(repository);
      repositories.set(repository, nowMs());
      if (repositories.size > repositoriesMax) repositories.delete(repositories.keys().next().value!);
      known.delete(key);
      known.set(key, repositories);
      if (known.size > digestsMax) known.delete(known.keys().next().value!);
    },
    isFresh(host, repository, digest) {
      const seenAtMs = known.get(keyOf(host, digest))?.get(repository);
      return seenAtMs !== undefined && nowMs() - seenAtMs <= freshMs;
    },
    findOther: (host, repository, digest) => [...(known.get(keyOf(host, digest))?.keys() ?? [])].findLast((other) => other !== repository),
    forget(host, repository, digest) {
      const repositories = known.get(keyOf(host, digest));
      repositories?.delete(repository);
      if (repositories?.size === 0) known.delete(keyOf(host, digest));
    },
  };
}
