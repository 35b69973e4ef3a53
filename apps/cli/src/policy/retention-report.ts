import { repositoryKey } from '@waybill/domain';
import type { Retained, StoredImage } from '@waybill/policy-engine';

/** What retention policies say of one repository. */
export type RepositoryRetention = {
  readonly registry: string;
  readonly repository: string;
  readonly imagesCount: number;
  readonly deletedCount: number;
  /** Of what is deleted, as far as sizes are known; layers that others share with it stay. */
  readonly freedBytesMax: number;
  /** How many stay because of each policy, by its name. */
  readonly keptByPolicy: Readonly<Record<string, number>>;
  readonly inUseCount: number;
  readonly useUnknownCount: number;
  readonly neededCount: number;
  /** No policy says anything of them: they stay. */
  readonly ungovernedCount: number;
};

export type Totals = Pick<RepositoryRetention, 'imagesCount' | 'deletedCount' | 'freedBytesMax'> & {
  /** Of those that are deleted, how many have no known size. */
  readonly unsizedCount: number;
};

export type RetentionReport = {
  /** By name. */
  readonly repositories: readonly RepositoryRetention[];
  /** Oldest first. */
  readonly deletions: readonly Retained[];
  /** Oldest first. */
  readonly kept: readonly Retained[];
  readonly totals: Totals;
};

/** Adds up a plan. Pure. @param images all that the plan was made of */
export function retentionReport(images: readonly StoredImage[], plan: readonly Retained[]): RetentionReport {
  const deletions = plan.filter(({ verdict }) => verdict === 'delete');
  const verdicts = new Map(plan.map((each) => [each.image, each]));
  const repositories = [...Map.groupBy(images, repositoryKey)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => repositoryRetention(group, verdicts));
  const sum = (of: 'imagesCount' | 'deletedCount' | 'freedBytesMax') => repositories.reduce((total, each) => total + each[of], 0);
  return {
    ...{ repositories, deletions, kept: plan.filter(({ verdict }) => verdict !== 'delete') },
    totals: {
      ...{ imagesCount: sum('imagesCount'), deletedCount: sum('deletedCount'), freedBytesMax: sum('freedBytesMax') },
      unsizedCount: deletions.filter(({ image }) => image.sizeBytes === null).length,
    },
  };
}

function repositoryRetention(group: readonly StoredImage[], verdicts: ReadonlyMap<StoredImage, Retained>): RepositoryRetention {
  const said = group.flatMap((image) => verdicts.get(image) ?? []);
  const count = (verdict: Retained['verdict']): number => said.filter((each) => each.verdict === verdict).length;
  const deleted = said.flatMap(({ verdict, image }) => (verdict === 'delete' ? [image] : []));
  const keptBy = Map.groupBy(
    said.filter(({ verdict }) => verdict === 'kept-by-policy'),
    ({ policy }) => policy!,
  );
  // The size of an index is that of all that it is made of.
  const parts = new Set(deleted.flatMap(({ needs }) => needs));
  const { registry, repository } = group[0]!;
  return {
    ...{ registry, repository, imagesCount: group.length, deletedCount: deleted.length },
    freedBytesMax: deleted.reduce((bytes, { digest, sizeBytes }) => bytes + (parts.has(digest) ? 0 : (sizeBytes ?? 0)), 0),
    keptByPolicy: Object.fromEntries([...keptBy].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([policy, all]) => [policy, all.length])),
    ...{ inUseCount: count('in-use'), useUnknownCount: count('use-unknown'), neededCount: count('needed') },
    ungovernedCount: group.length - said.length,
  };
}
