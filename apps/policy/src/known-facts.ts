import { createHash } from 'node:crypto';
import type { DecisionState, Event, PullPlace, TenantUsage } from '@waybill/domain';
import {
  asksForPulls,
  choosersIn,
  copiesLeaveAtMs,
  oncePer,
  pullsByRegionOf,
  registryUsageOf,
  tenantUsageOf,
  withTenant,
  type Evidence,
  type RegistryFact,
  type Rulebook,
  type Surroundings,
} from '@waybill/policy-engine';

/** What others tell, beside what is known of each image. */
export type KnownFacts = {
  /** By the names of registries. */
  readonly registries: Readonly<Record<string, RegistryFact>>;
  /** A part per partition. */
  readonly usageOf: (tenant: string) => readonly TenantUsage[];
  /** How often tenants ceased to have something: where it is the same, none has got room. */
  readonly releasedCount: number;
};

/** Of more nothing is known, so that no event names more. */
const registriesMax = 256;

/** Reads tables of events; as long as they are the same, so is the result. */
export function createFactsReader(): (health: readonly Event[], usage: readonly Event[]) => KnownFacts {
  let last: { readonly health: readonly Event[]; readonly usage: readonly Event[]; readonly known: KnownFacts } | undefined;
  return (health, usage) => {
    if (last?.health !== health || last.usage !== usage) last = { health, usage, known: factsFrom(health, usage) };
    return last.known;
  };
}

function factsFrom(health: readonly Event[], usage: readonly Event[]): KnownFacts {
  const facts = new Map<string, RegistryFact>();
  for (const { type, data } of health)
    if (type === 'RegistryHealthChanged' && data.isHealthy !== null) facts.set(data.registry, { isHealthy: data.isHealthy });
  const used = usage.flatMap(({ type, data }) => (type === 'RegistryUsage' ? [data] : []));
  for (const [name, parts] of Map.groupBy(used, ({ registry }) => registry))
    facts.set(name, { ...facts.get(name), ...registryUsageOf(parts) });
  const tenants = usage.flatMap(({ type, data }) => (type === 'TenantUsage' ? [data] : []));
  const byTenant = Map.groupBy(tenants, ({ tenant }) => tenant);
  const releasedCount = tenants.reduce((sum, part) => sum + part.releasedCount, 0);
  const named = [...facts].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, registriesMax);
  return { registries: Object.fromEntries(named), usageOf: (tenant) => byTenant.get(tenant) ?? [], releasedCount };
}

export const nothingKnown: KnownFacts = { registries: {}, usageOf: () => [], releasedCount: 0 };

/**
 * The evidence of a tag with what is known beside its image: as much as policies that are in force, or a candidate, can ask for.
 * A tenant of whom nothing is counted has nothing, and nobody pulls what no pull is told of: who counts has read the same log.
 */
export function withKnown(evidence: Evidence, { rulebook, shadow, known }: Around, { sentTo, pulls, atMs }: About): Evidence {
  const books = [rulebook, ...(shadow?.rulebook ? [shadow.rulebook] : [])];
  const tenant = books.some(limitsTenants) ? tenantOf(evidence, rulebook) : null;
  return {
    ...evidence,
    ...(books.some((book) => choosersIn(book).length > 0) && { registries: withChosen(known.registries, sentTo) }),
    ...(books.some(asksForPulls) && { pullsByRegion: pullsByRegionOf(pulls(), atMs) }),
    ...(tenant !== null && { usage: { ...tenantUsageOf(known.usageOf(tenant), atMs), isCounted: sentTo.length > 0 } }),
  };
}

/** What decides, and what it can ask for beside the image. */
type Around = {
  readonly rulebook: Rulebook;
  readonly shadow: { readonly rulebook: Rulebook | null } | undefined;
  readonly known: KnownFacts;
};

/** Of the repository, by place; asked for only where something turns on it. */
export type Pulls = () => readonly PullPlace[];

export type About = {
  /** Targets that an allowing decision on the digest has named; none where the newest one is none. */
  readonly sentTo: DecisionState['targets'];
  readonly pulls: Pulls;
  readonly atMs: number;
};

function withChosen(registries: KnownFacts['registries'], told: DecisionState['targets']): KnownFacts['registries'] {
  if (told.length === 0) return registries;
  return { ...registries, ...Object.fromEntries(told.map(({ registry }) => [registry, { ...registries[registry], wasChosen: true }])) };
}

const tenantOf = (evidence: Evidence, { replication }: Rulebook): string | null =>
  withTenant(evidence, replication.surroundings).tenant ?? null;

const limitsTenants = ({ replication }: Rulebook): boolean => hasQuota(replication.surroundings.Tenant);

const hasQuota = oncePer((tenants: Surroundings['Tenant']): boolean => [...tenants.values()].some(({ spec }) => spec.quota !== undefined));

/**
 * When an image that waits for room in its tenant's hour is to be decided again; Infinity where it waits for something else. Those of a
 * tenant that wait for the same moment come one after the other within a minute, so that what is allowed first is counted before the last.
 */
export function roomAtMs(evidence: Evidence, { rulebook, known }: Pick<Around, 'rulebook' | 'known'>, atMs: number): number {
  const tenant = tenantOf(evidence, rulebook);
  const leavesAtMs = tenant === null ? Infinity : copiesLeaveAtMs(known.usageOf(tenant), atMs);
  return leavesAtMs + (digestNumber(`${evidence.repository}:${evidence.tag}`) % spreadMs);
}
const spreadMs = 60_000;
const digestNumber = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE();
