import type { Event } from '@waybill/domain';
import { knownFacts, type KnownFacts } from '@waybill/policy-engine';

/** Reads tables of events; as long as they are the same, so is the result. */
export function createFactsReader(): (health: readonly Event[], usage: readonly Event[]) => KnownFacts {
  let last: { readonly health: readonly Event[]; readonly usage: readonly Event[]; readonly known: KnownFacts } | undefined;
  return (health, usage) => {
    if (last?.health !== health || last.usage !== usage) last = { health, usage, known: factsFrom(health, usage) };
    return last.known;
  };
}

const factsFrom = (health: readonly Event[], usage: readonly Event[]): KnownFacts =>
  knownFacts({
    health: health.flatMap(({ type, data }) => (type === 'RegistryHealthChanged' ? [data] : [])),
    registries: usage.flatMap(({ type, data }) => (type === 'RegistryUsage' ? [data] : [])),
    tenants: usage.flatMap(({ type, data }) => (type === 'TenantUsage' ? [data] : [])),
  });

export const nothingKnown: KnownFacts = factsFrom([], []);
