import { compilePatterns } from '../compile-match.ts';
import type { RetentionPolicy } from '../document/retention.ts';
import type { Surroundings } from '../surroundings.ts';
import { claimantsOf } from '../tenants/namespaces.ts';
import { compareByAge, keyOf, mayBeDeleted, type Deletion, type StoredImage } from './stored-image.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * What retention policies delete of all images that there are, oldest first. An image is deleted where one of the policies about it says
 * so and none keeps it; what is in use never is, nor what is not known to be unused. Deterministic; carries nothing out.
 *
 * @param images all of each repository: the newest are counted among them
 * @param atMs Unix ms; ages count from here
 */
export function planRetention(surroundings: Surroundings, images: readonly StoredImage[], atMs: number): readonly Deletion[] {
  const wanted = new Map<string, Deletion>();
  const kept = new Set<string>();
  const repositories = [...Map.groupBy(images, ({ registry, repository }) => `${registry}/${repository}`).values()];
  const policies = [...surroundings.RetentionPolicy.values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const policy of policies) {
    const isAbout = aboutOf(policy, surroundings);
    const keepsTag = compilePatterns('spec.keepTags', policy.spec.keepTags, []) ?? [];
    for (const group of repositories) {
      if (!isAbout(group[0]!)) continue;
      const newestFirst = group.filter(({ tags }) => tags.length > 0).toSorted((a, b) => -compareByAge(a, b));
      const places = new Map(newestFirst.map((image, place) => [image, place]));
      for (const image of group) {
        const isNamed = image.tags.some((tag) => keepsTag.some((pattern) => pattern.test(tag)));
        const reason = isNamed ? 'kept' : verdictOf(policy, image, places.get(image), atMs);
        if (reason === 'kept') kept.add(keyOf(image));
        else if (reason !== undefined && !wanted.has(keyOf(image))) wanted.set(keyOf(image), { image, reason });
      }
    }
  }
  return [...wanted.values()]
    .filter(({ image }) => mayBeDeleted(image) && !kept.has(keyOf(image)))
    .toSorted((a, b) => compareByAge(a.image, b.image));
}

function aboutOf({ metadata, spec: { match } }: RetentionPolicy, { Tenant }: Surroundings): (image: StoredImage) => boolean {
  const patterns = compilePatterns('spec.match.repositories', match.repositories, []);
  return (image) => {
    if (match.registries?.includes(image.registry) === false) return false;
    if (patterns?.some((pattern) => pattern.test(image.repository)) === false) return false;
    if (metadata.tenant === undefined) return true;
    const [owner, another] = claimantsOf(image, Tenant);
    return owner === metadata.tenant && another === undefined;
  };
}

/**
 * @param place among the tagged ones, the newest first; undefined without a tag
 * @returns why it is to be deleted; `kept`, where the policy wants it; undefined, where the policy says nothing of it
 */
function verdictOf(
  { metadata: { name }, spec }: RetentionPolicy,
  image: StoredImage,
  place: number | undefined,
  atMs: number,
): string | undefined {
  const { keepNewest, deleteUntaggedAfterDays } = spec;
  if (place !== undefined) {
    if (keepNewest === undefined) return undefined;
    return place < keepNewest
      ? 'kept'
      : `${name}: ${place} tagged images of its repository are newer, and the newest ${keepNewest} are kept`;
  }
  if (deleteUntaggedAfterDays === undefined) return undefined;
  const ageDays = (atMs - image.pushedAtMs) / dayMs;
  return ageDays > deleteUntaggedAfterDays
    ? `${name}: it has no tag, and was pushed more than ${deleteUntaggedAfterDays} days ago`
    : 'kept';
}
