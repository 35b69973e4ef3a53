import type { PullPlace, PullsCounted, RepositoryPulls } from '@waybill/domain';

/** Of one repository; what was told of longest ago goes first. */
const placesMax = 100;

/** What is known of the pulls of a repository, with what is told of one of its places. */
export function withPulls(known: RepositoryPulls | undefined, told: PullsCounted): RepositoryPulls {
  const { registry, repository, placeRegistry, placeRepository, region, days } = told;
  const others = (known?.places ?? []).filter((place) => !isSamePlace(place, told));
  return { registry, repository, places: [...others, { placeRegistry, placeRepository, region, days }].slice(-placesMax) };
}

type Place = Pick<PullPlace, 'placeRegistry' | 'placeRepository'>;
const isSamePlace = (a: Place, b: Place): boolean => a.placeRegistry === b.placeRegistry && a.placeRepository === b.placeRepository;
