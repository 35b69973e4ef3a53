import type { PullsCounted, RegistryUsage, TenantUsage } from '@waybill/domain';
import type { RegistryFact, UsageFact } from '../evidence.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const pullDaysMax = 30;

/** The parts of a tenant, one per partition, as what it has at a moment. */
export const tenantUsageOf = (parts: readonly TenantUsage[], atMs: number): Omit<UsageFact, 'isCounted'> => ({
  bytes: sum(parts.map(({ bytes }) => bytes)),
  images: sum(parts.map(({ images }) => images)),
  copiesLastHour: sum(parts.flatMap(({ copiesByMinute }) => copiesByMinute.filter(countsAt(atMs)).map(({ copies }) => copies))),
});

/** A minute counts as long as any of it lies within the hour: rather a minute too long than a copy too many. */
const countsAt =
  (atMs: number) =>
  ({ minuteStartMs }: TenantUsage['copiesByMinute'][number]): boolean =>
    atMs < leavesAtMs(minuteStartMs);

const leavesAtMs = (minuteStartMs: number): number => minuteStartMs + minuteMs + hourMs;

/** When the next copies of a tenant leave the hour behind a moment; Infinity where there are none in it. Unix ms. */
export const copiesLeaveAtMs = (parts: readonly TenantUsage[], atMs: number): number =>
  parts
    .flatMap(({ copiesByMinute }) => copiesByMinute.filter(countsAt(atMs)))
    .reduce((soonestMs, { minuteStartMs }) => Math.min(soonestMs, leavesAtMs(minuteStartMs)), Infinity);

/** The parts of a registry as what it holds. */
export const registryUsageOf = (parts: readonly RegistryUsage[]): Required<Pick<RegistryFact, 'usedBytes'>> => ({
  usedBytes: sum(parts.map(({ usedBytes }) => usedBytes)),
});

/**
 * What the places of a repository tell of its pulls, by region, over the 30 days before the one of a moment and that one. Of places whose
 * region nobody has published nothing is known but the number: they come under the empty name.
 */
export function pullsByRegionOf(places: readonly Pick<PullsCounted, 'region' | 'days'>[], atMs: number): Readonly<Record<string, number>> {
  const sinceMs = Math.floor(atMs / dayMs) * dayMs - pullDaysMax * dayMs;
  const byRegion = new Map<string, number>();
  for (const { region, days } of places) {
    const pulls = sum(days.filter(({ dayStartMs }) => dayStartMs >= sinceMs).map((day) => day.pulls));
    if (pulls > 0) byRegion.set(region ?? '', (byRegion.get(region ?? '') ?? 0) + pulls);
  }
  return Object.fromEntries([...byRegion].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
