import type { Registry } from '../document/registry.ts';
import type { Evidence, RegistryFact } from '../evidence.ts';
import { oncePer } from '../once.ts';
import type { Policy } from '../policy.ts';
import type { Rulebook } from '../rulebook.ts';
import type { CompiledSet } from '../set/compiled-set.ts';

/** Why a registry is not chosen where there is another; empty for no reason. */
export function troubleOf({ limits }: Registry['spec'], fact: RegistryFact | undefined): '' | 'not healthy' | 'full' {
  if (fact?.isHealthy === false) return 'not healthy';
  const isFull = limits?.bytesMax !== undefined && fact?.usedBytes !== undefined && fact.usedBytes >= limits.bytesMax;
  return isFull ? 'full' : '';
}

/** Policies that choose among registries: all that a change of their health or use can have decided otherwise. */
export const choosersIn = ({ replication }: Pick<Rulebook, 'replication'>): readonly Policy[] => choosersOf(replication);

const choosersOf = oncePer((set: CompiledSet): readonly Policy[] =>
  set.policies.filter(({ document }) => document.spec.replicate?.some(({ copies }) => copies !== undefined) === true),
);

/** The registries that are in trouble, and in which, by name; none where no policy chooses. While this is the same, so are all choices. */
export function troublesIn(rulebook: Pick<Rulebook, 'replication'>, facts: NonNullable<Evidence['registries']>): readonly string[] {
  if (choosersIn(rulebook).length === 0) return [];
  const { Registry } = rulebook.replication.surroundings;
  return Object.keys(facts)
    .toSorted()
    .flatMap((name) => {
      const document = Registry.get(name);
      const trouble = document === undefined ? '' : troubleOf(document.spec, facts[name]);
      return trouble === '' ? [] : [`${name}: ${trouble}`];
    });
}
