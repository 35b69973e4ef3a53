import type { Registry } from '../document/registry.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Placement } from './placement.ts';

type Registries = Surroundings['Registry'];

const gbBytes = 1e9;

/**
 * What a placement costs in 30 days, in the currency of the Registry documents: storing every copy, and moving what is pulled from another
 * region, each time from the copy that is cheapest to move from. Pulls within a region are free.
 *
 * @returns undefined where a price that it depends on is not published: what is not known is not compared
 */
export function monthlyCostOf(placement: Placement, registries: Registries): number | undefined {
  // Sorted, because sums of fractions depend on their order.
  const places = placement.registries.toSorted().map((name) => registries.get(name)?.spec);
  const pulled = Object.entries(placement.pullsByRegion).toSorted(([a], [b]) => (a < b ? -1 : 1));
  let perGb = 0;
  for (const place of places) {
    if (place?.cost?.storedPerGbMonth === undefined) return undefined;
    perGb += place.cost.storedPerGbMonth;
  }
  for (const [region, pulls] of pulled) {
    if (pulls === 0 || places.some((place) => place?.region === region)) continue;
    const price = cheapestToMoveFrom(places);
    if (price === undefined) return undefined;
    perGb += price * pulls;
  }
  return (perGb * placement.sizeBytes) / gbBytes;
}

/** What it costs once to copy an image to another place, from where that is cheapest; within its region it is free. */
export function moveCostOf({ registries: from, sizeBytes }: Placement, to: string, registries: Registries): number | undefined {
  const places = from.map((name) => registries.get(name)?.spec);
  const region = registries.get(to)?.spec.region;
  if (region !== undefined && places.some((place) => place?.region === region)) return 0;
  const price = cheapestToMoveFrom(places);
  return price === undefined ? undefined : (price * sizeBytes) / gbBytes;
}

function cheapestToMoveFrom(places: readonly (Registry['spec'] | undefined)[]): number | undefined {
  const prices = places.map((place) => place?.cost?.movedPerGb);
  return prices.some((price) => price === undefined) || prices.length === 0 ? undefined : Math.min(...(prices as number[]));
}
