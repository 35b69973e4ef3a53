import { isDigest, isRegistryHost, isRepositoryName, isTag } from '@waybill/domain';

/** What a person calls an image: with or without its registry, by tag, by digest, or by digest alone. */
export type ImageReference = {
  readonly registry: string | null;
  readonly repository: string | null;
  readonly tag: string | null;
  readonly digest: string | null;
};

/**
 * Reads `[host/]repository[:tag][@digest]` or a bare digest. As with `docker`, a first part with a dot or a colon, or
 * `localhost`, is the host.
 * @returns undefined where it is no reference
 */
export function findReference(text: string): ImageReference | undefined {
  if (isDigest(text)) return { registry: null, repository: null, tag: null, digest: text };
  const [name = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) return undefined;
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(0, slash));
  const registry = first === 'localhost' || /[.:]/.test(first) ? first : null;
  const rest = registry === null ? name : name.slice(slash + 1);
  const colon = rest.lastIndexOf(':');
  const [repository, tag] = colon < 0 ? [rest, null] : [rest.slice(0, colon), rest.slice(colon + 1)];
  if (!isRepositoryName(repository) || (tag !== null && !isTag(tag)) || (registry !== null && !isRegistryHost(registry))) return undefined;
  return { registry, repository, tag, digest: digest ?? null };
}

/** The key under which pushes are indexed: the digest where one is named, else tag, else the whole repository. */
export function pushKey(registry: string, repository: string, reference: ImageReference): string {
  const name = `${registry}/${repository}`;
  if (reference.digest !== null) return `${name}@${reference.digest}`;
  return reference.tag === null ? name : `${name}:${reference.tag}`;
}
