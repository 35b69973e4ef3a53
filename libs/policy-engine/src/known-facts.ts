import type { PullPlace, RegistryHealthChanged, RegistryUsage, Target, TenantUsage } from '@waybill/domain';
import { asksForPulls } from './asked.ts';
import { sha256 } from './canonical.ts';
import type { Evidence, RegistryFact, UsageFact } from './evidence.ts';
import { oncePer } from './once.ts';
import type { Rulebook } from './rulebook.ts';
import type { Surroundings } from './surroundings.ts';
import { choosersIn } from './targets/trouble.ts';
import { copiesLeaveAtMs, pullsByRegionOf, registryUsageOf, tenantUsageOf } from './tenants/add-up.ts';
import { withTenant } from './tenants/namespaces.ts';

/** What others tell, beside what is known of each image. */
export type KnownFacts = {
  /** By the names of registries. */
  readonly registries: Readonly<Record<string, RegistryFact>>;
  /** A part per partition. */
  readonly usageOf: (tenant: string) => readonly TenantUsage[];
  /** How often tenants ceased to have something: where it is the same, none has got room. */
  readonly releasedCount: number;
};

export type Told = {
  /** The newest of each registry. */
  readonly health: readonly RegistryHealthChanged[];
  /** The newest of each registry and partition. */
  readonly registries: readonly RegistryUsage[];
  /** The newest of each tenant and partition. */
  readonly tenants: readonly TenantUsage[];
};

/** Of more nothing is known, so that no event names more. */
const registriesMax = 256;

export function knownFacts({ health, registries, tenants }: Told): KnownFacts {
  const facts = new Map<string, RegistryFact>();
  for (const { registry, isHealthy } of health) if (isHealthy !== null) facts.set(registry, { isHealthy });
  for (const [name, parts] of Map.groupBy(registries, ({ registry }) => registry))
    facts.set(name, { ...facts.get(name), ...registryUsageOf(parts) });
  const byTenant = Map.groupBy(tenants, ({ tenant }) => tenant);
  const named = [...facts].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, registriesMax);
  return {
    registries: Object.fromEntries(named),
    usageOf: (tenant) => byTenant.get(tenant) ?? [],
    releasedCount: tenants.reduce((sum, part) => sum + part.releasedCount, 0),
  };
}

export type About = {
  readonly known: KnownFacts;
  /** Targets that an allowing decision on the digest has named; none where the newest one is none. */
  readonly sentTo: readonly Target[];
  /** Copies that earlier decisions on the tag sent out: those of this one replace them. */
  readonly earlier: Pick<UsageFact, 'images' | 'bytes'>;
  /** Of its repository, by place; asked for only where something turns on it. */
  readonly pulls: () => readonly Pick<PullPlace, 'region' | 'days'>[];
  readonly atMs: number;
};

/**
 * The evidence of a tag with what is known beside its image: as much as any of these rulebooks can ask for; the first says whose it is.
 * A tenant of whom nothing is counted has nothing, and nobody pulls what no pull is told of: who counts has read the same log.
 */
export function withKnown(
  evidence: Evidence,
  books: readonly [Rulebook, ...(readonly Rulebook[])],
  { known, sentTo, earlier, pulls, atMs }: About,
): Evidence {
  const tenant = books.some(limitsTenants) ? tenantOf(evidence, books[0]) : null;
  const choosesRegistries = books.some((book) => choosersIn(book).length > 0);
  const asksWhoPulls = books.some(asksForPulls);
  if (tenant === null && !choosesRegistries && !asksWhoPulls) return evidence;
  return {
    ...evidence,
    ...(choosesRegistries && { registries: withChosen(known.registries, sentTo) }),
    ...(asksWhoPulls && { pullsByRegion: pullsByRegionOf(pulls(), atMs) }),
    ...(tenant !== null && { usage: { ...without(tenantUsageOf(known.usageOf(tenant), atMs), earlier), isCounted: sentTo.length > 0 } }),
  };
}

const without = <T extends About['earlier']>(usage: T, { images, bytes }: About['earlier']): T => ({
  ...usage,
  images: Math.max(0, usage.images - images),
  bytes: Math.max(0, usage.bytes - bytes),
});

function withChosen(registries: KnownFacts['registries'], sentTo: readonly Target[]): KnownFacts['registries'] {
  if (sentTo.length === 0) return registries;
  return { ...registries, ...Object.fromEntries(sentTo.map(({ registry }) => [registry, { ...registries[registry], wasChosen: true }])) };
}

const tenantOf = (evidence: Evidence, { replication }: Rulebook): string | null =>
  withTenant(evidence, replication.surroundings).tenant ?? null;

const limitsTenants = ({ replication }: Rulebook): boolean => hasQuota(replication.surroundings.Tenant);

const hasQuota = oncePer((tenants: Surroundings['Tenant']): boolean => [...tenants.values()].some(({ spec }) => spec.quota !== undefined));

const spreadMs = { min: 60_000, max: 60 * 60_000 } as const;

/**
 * When an image that waits for room in its tenant's hour is to be decided again; Infinity where nothing leaves that hour. Those that wait
 * for the same moment come one after the other, so that what is allowed first is counted before the last: within as long as each has
 * waited, a minute at least and an hour at most. So thousands that wait do not ask each minute, and none waits twice as long as it must.
 */
export function roomAtMs(
  evidence: Evidence,
  rulebook: Rulebook,
  { known, atMs, waitedMs }: Pick<About, 'known' | 'atMs'> & { readonly waitedMs: number },
): number {
  const tenant = tenantOf(evidence, rulebook);
  const leavesAtMs = tenant === null ? Infinity : copiesLeaveAtMs(known.usageOf(tenant), atMs);
  const withinMs = Math.min(Math.max(waitedMs, spreadMs.min), spreadMs.max);
  // Another place in the row each time.
  const place = parseInt(sha256(`${evidence.repository}:${evidence.tag} ${leavesAtMs}`).slice(0, 8), 16);
  return leavesAtMs + (place % withinMs);
}
