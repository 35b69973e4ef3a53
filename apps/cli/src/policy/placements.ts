import { repositoryKey, tagKey, type PullsCounted, type ReplicaState } from '@waybill/domain';
import {
  findRegistryAt,
  monthlyCostOf,
  pullsByRegionOf,
  wantedPlaces,
  type Evidence,
  type Placement,
  type Rulebook,
} from '@waybill/policy-engine';
import { isOwn } from './origins.ts';

/** Where images lie, as far as what that costs can be compared, and how many images were left out, and why. */
export type Placements = {
  readonly placements: readonly Placement[];
  /** Of all placements, in a month. */
  readonly monthlyCost: number;
  /** Not allowed now: where they are to be is not known. */
  readonly undecidedCount: number;
  readonly unsizedCount: number;
  /** In a registry without a document, or without prices. */
  readonly unpricedCount: number;
};

export type PlacementSources = {
  readonly images: readonly Evidence[];
  readonly replicas: readonly ReplicaState[];
  /** By `repositoryKey` of the source. */
  readonly pulls: ReadonlyMap<string, readonly PullsCounted[]>;
  readonly rulebook: Rulebook;
};

/**
 * Pulls are counted by repository: they are taken to be spread evenly over its images. Where they came from an unknown region they say
 * nothing of places. Pure.
 */
export function placementsOf({ images, replicas, pulls, rulebook }: PlacementSources, atMs: number): Placements {
  const { surroundings } = rulebook.replication;
  const nameOf = (host: string): string | undefined => findRegistryAt(host, surroundings)?.metadata.name;
  const copies = Map.groupBy(
    replicas.filter((copy) => copy.status === 'copied' && !isOwn(copy)),
    (copy) => `${tagKey(copy, copy.tag)}@${copy.digest}`,
  );
  const imagesCounts = new Map([...Map.groupBy(images, repositoryKey)].map(([repository, all]) => [repository, all.length]));
  const placements: Placement[] = [];
  const left = { undecidedCount: 0, unsizedCount: 0, unpricedCount: 0 };
  let monthlyCost = 0;
  for (const evidence of images) {
    const repository = repositoryKey(evidence);
    const { '': _unknown, ...regions } = pullsByRegionOf(pulls.get(repository) ?? [], atMs);
    const wanted = wantedPlaces(rulebook.replication, { ...evidence, pullsByRegion: regions, usage: isThere }, atMs);
    const sizeBytes = evidence.inspection.status === 'done' ? evidence.inspection.sizeBytes : undefined;
    const hosts = [
      evidence.registry,
      ...(copies.get(`${tagKey(evidence, evidence.tag)}@${evidence.digest}`) ?? []).map((copy) => copy.targetRegistry),
    ];
    const registries = [...new Set(hosts)].map(nameOf);
    const image = {
      ...{ image: tagKey(evidence, evidence.tag), sizeBytes: sizeBytes ?? 0 },
      registries: registries.filter((name) => name !== undefined),
      pullsByRegion: shared(regions, imagesCounts.get(repository)!),
    };
    const cost = registries.includes(undefined) ? undefined : monthlyCostOf({ ...image, ...free }, surroundings.Registry);
    if (wanted === undefined) left.undecidedCount += 1;
    else if (sizeBytes === undefined) left.unsizedCount += 1;
    else if (cost === undefined) left.unpricedCount += 1;
    else {
      monthlyCost += cost;
      placements.push(...byChoice(image, nameOf(evidence.registry)!, wanted));
    }
  }
  return { placements, monthlyCost, ...left };
}

/** What is there fits its tenant's quota: moving it takes no more. */
const isThere = { bytes: 0, images: 0, copiesLastHour: 0, isCounted: true };

const free = { pinned: [], allowed: [], copiesMin: 0 };

const shared = (pulls: Readonly<Record<string, number>>, imagesCount: number): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(pulls).map(([region, count]) => [region, count / imagesCount]));

/**
 * One per target that is content with some of several registries, which moves within these; all else stays where it is. Copies that nobody
 * wants belong to the first. Where it was pushed an image stays: that is for retention to end.
 */
function byChoice(
  image: Omit<Placement, keyof typeof free>,
  home: string,
  { fixed, choices }: NonNullable<ReturnType<typeof wantedPlaces>>,
): readonly Placement[] {
  const wanted = new Set([home, ...fixed, ...choices.flatMap(({ among }) => among)]);
  const spare = image.registries.filter((name) => !wanted.has(name));
  const targets = choices.length === 0 ? [{ copies: 0, among: [] }] : choices;
  return targets.map(({ copies, among }, at) => {
    const elsewhere = choices.flatMap((choice, other) => (other === at ? [] : choice.among));
    const stays = new Set([home, ...fixed, ...elsewhere, ...(at === 0 ? [] : spare)]);
    const pinned = image.registries.filter((name) => stays.has(name));
    return { ...image, pinned, allowed: among, copiesMin: Math.min(copies, among.length) };
  });
}
