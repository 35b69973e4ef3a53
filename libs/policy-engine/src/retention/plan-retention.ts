import { repositoryKey } from '@waybill/domain';
import { compilePatterns } from '../compile-match.ts';
import type { RetentionPolicy } from '../document/retention.ts';
import type { Surroundings } from '../surroundings.ts';
import { tenantOf } from '../tenants/namespaces.ts';
import { compareByAge, kinshipOf, mayBeDeleted, type Kinship, type StoredImage } from './stored-image.ts';

/** What becomes of an image that retention policies are about. */
export type Retained = {
  readonly image: StoredImage;
  /**
   * `delete`; else why it stays: a policy keeps it, it runs, nobody knows whether it does, or something that stays needs it or is what
   * it is about.
   */
  readonly verdict: 'delete' | 'kept-by-policy' | 'in-use' | 'use-unknown' | 'needed';
  /** The policy that deletes or keeps it, by its name. Null where what it is attached to decides. */
  readonly policy: string | null;
  readonly reason: string;
};

const dayMs = 24 * 60 * 60 * 1000;

/**
 * What retention policies say of all images that there are, oldest first. An image is deleted where one of the policies about it says so
 * and none keeps it; what is in use never is, nor what is not known to be unused, nor a part of an image that stays. What is attached to
 * an image stays and goes with it, and does not count among the newest. Images that no policy says anything of are left out: they stay.
 * Deterministic; carries nothing out.
 *
 * @param images all of each repository: the newest are counted among them
 * @param atMs Unix ms; ages count from here
 */
export function planRetention(surroundings: Surroundings, images: readonly StoredImage[], atMs: number): readonly Retained[] {
  const policies = [...surroundings.RetentionPolicy.values()]
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((policy) => compile(policy, surroundings));
  const repositories = Map.groupBy(images, repositoryKey);
  return [...repositories.values()]
    .flatMap((group) => {
      const about = policies.filter(({ isAbout }) => isAbout(group[0]!));
      return about.length === 0 ? [] : retainedOf(group, about, atMs);
    })
    .toSorted((a, b) => compareByAge(a.image, b.image));
}

type Compiled = {
  readonly policy: RetentionPolicy;
  readonly isAbout: (image: StoredImage) => boolean;
  readonly keepsTag: (tag: string) => boolean;
};

function compile(policy: RetentionPolicy, { Tenant }: Surroundings): Compiled {
  const { metadata, spec } = policy;
  const patterns = compilePatterns('spec.match.repositories', spec.match.repositories, []);
  const keepTags = compilePatterns('spec.keepTags', spec.keepTags, []) ?? [];
  const isAbout = (image: StoredImage): boolean => {
    if (spec.match.registries?.includes(image.registry) === false) return false;
    if (patterns?.some((pattern) => pattern.test(image.repository)) === false) return false;
    return metadata.tenant === undefined || tenantOf(image, { Tenant }) === metadata.tenant;
  };
  return { policy, isAbout, keepsTag: (tag) => keepTags.some((pattern) => pattern.test(tag)) };
}

/** What the policies say of one repository. */
function retainedOf(group: readonly StoredImage[], policies: readonly Compiled[], atMs: number): readonly Retained[] {
  const newestFirst = group.filter(isCounted).toSorted((a, b) => -compareByAge(a, b));
  const places = new Map(newestFirst.map((image, place) => [image, place]));
  const wishes = new Map(group.map((image) => [image, wishFor(image, policies, places.get(image), atMs)]));
  const settle = settling(kinshipOf(group), wishes);
  return group.flatMap((image) => settle(image) ?? []);
}

const isCounted = ({ tags, attachedTo }: StoredImage): boolean => tags.length > 0 && attachedTo === null;

type Wish = Pick<Retained, 'policy' | 'reason'> & { readonly verdict: 'delete' | 'kept-by-policy' };

/** What the policies want of an image by itself: the first that keeps it, else the first that deletes it. */
function wishFor(image: StoredImage, policies: readonly Compiled[], place: number | undefined, atMs: number): Wish | undefined {
  let deletion: Wish | undefined;
  for (const { policy, keepsTag } of policies) {
    const tag = image.tags.find(keepsTag);
    const { name } = policy.metadata;
    const wish = tag === undefined ? wishOf(policy, image, place, atMs) : kept(name, `it has the tag ${tag}, which is kept`);
    if (wish?.verdict === 'kept-by-policy') return wish;
    deletion ??= wish;
  }
  return deletion;
}

const kept = (policy: string, reason: string): Wish => ({ verdict: 'kept-by-policy', policy, reason });

/** @param place among the tagged ones, the newest first; undefined for those that are not counted */
function wishOf({ metadata: { name }, spec }: RetentionPolicy, image: StoredImage, place: number | undefined, atMs: number) {
  const { keepNewest, deleteUntaggedAfterDays } = spec;
  if (place !== undefined) {
    if (keepNewest === undefined) return undefined;
    if (place < keepNewest) return kept(name, `it is among the newest ${keepNewest} tagged ones`);
    const reason = `it is number ${place + 1} of the tagged ones, and the newest ${keepNewest} are kept`;
    return { verdict: 'delete', policy: name, reason } as const;
  }
  if (deleteUntaggedAfterDays === undefined) return undefined;
  const isOld = (atMs - image.pushedAtMs) / dayMs > deleteUntaggedAfterDays;
  if (!isOld) return kept(name, `it was pushed within ${deleteUntaggedAfterDays} days`);
  const reason = `it has no tag, and was pushed more than ${deleteUntaggedAfterDays} days ago`;
  return { verdict: 'delete', policy: name, reason } as const;
}

/** So many manifests in one another are looked through; what is deeper stays. */
const depthMax = 50;

/** What comes of an image when those that it belongs to are looked at as well. */
function settling({ byDigest, wholesOf }: Kinship, wishes: ReadonlyMap<StoredImage, Wish | undefined>) {
  const settled = new Map<StoredImage, Retained | undefined>();
  const isDeleted = (image: StoredImage, depth: number): boolean => settle(image, depth)?.verdict === 'delete';

  function settle(image: StoredImage, depth = 0): Retained | undefined {
    if (settled.has(image)) return settled.get(image);
    if (depth > depthMax) return undefined;
    settled.set(image, undefined); // Garbage can need itself: then it stays.
    const found = image.attachedTo === null ? byItself(image, depth) : withSubject(image, image.attachedTo, depth);
    settled.set(image, found);
    return found;
  }

  function byItself(image: StoredImage, depth: number): Retained | undefined {
    const wish = wishes.get(image);
    return wish?.verdict === 'delete' ? unlessNeeded({ image, ...wish }, depth) : wish && { image, ...wish };
  }

  function withSubject(image: StoredImage, subject: string, depth: number): Retained | undefined {
    const of = byDigest.get(subject);
    const common = { image, policy: null } as const;
    if (of === undefined) return { ...common, verdict: 'use-unknown', reason: `it is attached to ${subject}, of which nothing is known` };
    const found = settle(of, depth + 1);
    if (found === undefined) return undefined;
    if (found.verdict !== 'delete') return { ...common, verdict: 'needed', reason: `it is attached to ${subject}, which stays` };
    const reason = `it is attached to ${subject}, which is deleted`;
    return unlessNeeded({ ...common, policy: found.policy, verdict: 'delete', reason }, depth);
  }

  function unlessNeeded(wish: Retained, depth: number): Retained {
    const { image } = wish;
    const whole = wholesOf(image).find((each) => !isDeleted(each, depth + 1));
    if (whole !== undefined) return { ...wish, verdict: 'needed', reason: `it is a part of ${whole.digest}, which stays` };
    if (mayBeDeleted(image)) return wish;
    if (image.isInUse === true) return { ...wish, verdict: 'in-use', reason: 'it runs' };
    return { ...wish, verdict: 'use-unknown', reason: 'nobody knows whether it runs' };
  }
  return settle;
}
