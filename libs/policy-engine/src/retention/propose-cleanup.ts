import { repositoryKey } from '@waybill/domain';
import { compareByAge, kinshipOf, mayBeDeleted, type Deletion, type StoredImage } from './stored-image.ts';

/** What has to become free. */
export type Need = { readonly bytes: number; readonly images: number };

export type Cleanup = {
  /** In the order in which to delete. */
  readonly deletions: readonly Deletion[];
  readonly freed: Need;
  /** Whether that is as much as was needed. */
  readonly isEnough: boolean;
};

/**
 * What a tenant could delete to come below its quota again: the oldest without a tag first, then the oldest with tags that nobody has
 * pulled, then those that were pulled longest ago; never what is in use, and no more than is needed. What an image is made of and what
 * is attached to it go with it, and are not proposed by themselves. A proposal: somebody decides.
 *
 * @param images all that the tenant has
 * @param takes what of its quota an image takes
 */
export function proposeCleanup(images: readonly StoredImage[], need: Need, takes: (image: StoredImage) => Need = byItself): Cleanup {
  const deletions: Deletion[] = [];
  let freed: Need = { bytes: 0, images: 0 };
  const isEnough = (): boolean => freed.bytes >= need.bytes && freed.images >= need.images;
  for (const image of independentOf(images).filter(mayBeDeleted).toSorted(compareByWorth)) {
    if (isEnough()) break;
    const taken = takes(image);
    // Where bytes alone are lacking, what has none helps nobody.
    if (freed.images >= need.images && taken.bytes === 0) continue;
    deletions.push({ image, reason: reasonOf(image) });
    freed = { bytes: freed.bytes + taken.bytes, images: freed.images + taken.images };
  }
  return { deletions, freed, isEnough: isEnough() };
}

const byItself = ({ sizeBytes }: StoredImage): Need => ({ bytes: sizeBytes ?? 0, images: 1 });

function independentOf(images: readonly StoredImage[]): readonly StoredImage[] {
  const repositories = Map.groupBy(images, repositoryKey);
  return [...repositories.values()].flatMap((group) => {
    const { byDigest, wholesOf } = kinshipOf(group);
    return group.filter((image) => wholesOf(image).length === 0 && (image.attachedTo === null || !byDigest.has(image.attachedTo)));
  });
}

function compareByWorth(a: StoredImage, b: StoredImage): number {
  if (worthOf(a) !== worthOf(b)) return worthOf(a) - worthOf(b);
  if (worthOf(a) === 2 && a.lastPulledAtMs !== b.lastPulledAtMs) return a.lastPulledAtMs! - b.lastPulledAtMs!;
  return compareByAge(a, b);
}

const worthOf = ({ tags, lastPulledAtMs }: StoredImage): number => (tags.length === 0 ? 0 : lastPulledAtMs === null ? 1 : 2);

const reasonOf = (image: StoredImage): string =>
  ['it has no tag', 'nobody is known to have pulled it', 'it is not in use, and was pulled longer ago than others'][worthOf(image)]!;
