import { awaitedBy, truthOfAll, unknownAmong, type Clause } from '../clause.ts';
import { compileMatch } from '../compile-match.ts';
import { ownMatch } from '../document/owner.ts';
import type { Residency } from '../document/residency.ts';
import { oncePer } from '../once.ts';
import type { Question, Surroundings } from '../surroundings.ts';

/** What holds for an image wherever policies send it. */
export type Residence = {
  /** Those that are about it. */
  readonly rules: readonly Residency[];
  /** Facts without which it is not known whether another one is. */
  readonly awaiting: readonly string[];
};

const free: Residence = { rules: [], awaiting: [] };

export function residenceOf({ evidence, surroundings }: Question): Residence {
  if (surroundings.Residency.size === 0) return free;
  const rules: Residency[] = [];
  const awaiting = new Set<string>();
  for (const { rule, clauses } of compiledIn(surroundings.Residency)) {
    const isMeant = truthOfAll(clauses, evidence);
    if (isMeant === 'yes') rules.push(rule);
    if (isMeant === 'unknown') for (const clause of unknownAmong(clauses, evidence)) awaiting.add(awaitedBy(clause));
  }
  return { rules, awaiting: [...awaiting] };
}

/** Why an image must not lie in a registry, by the first rule that keeps it out; undefined where it may. */
export function objectionTo(registry: string, { rules }: Pick<Residence, 'rules'>, { Registry }: Surroundings): string | undefined {
  for (const { metadata, spec } of rules) {
    const place = Registry.get(registry)?.spec;
    for (const [what, allowed] of [['jurisdiction', spec.jurisdictions] as const, ['region', spec.regions] as const]) {
      const there = place?.[what];
      if (allowed === undefined || (there !== undefined && allowed.includes(there))) continue;
      if (metadata.sensitive === true) return 'a confidential residency keeps it out';
      const where = there === undefined ? `its ${what} is not known` : `it is in ${there}`;
      const why = spec.reason === undefined ? '' : `: ${spec.reason}`;
      return `${where}, and residency ${metadata.name} allows ${allowed.join(', ')} alone${why}`;
    }
  }
  return undefined;
}

type Compiled = { readonly rule: Residency; readonly clauses: readonly Clause[] };

/** By name, so that the same rule is always the one that is told. */
const compiledIn = oncePer((residencies: Surroundings['Residency']): readonly Compiled[] =>
  [...residencies.values()].map((rule) => ({ rule, clauses: clausesOfResidency(rule) })),
);

/** What an image has to be like for a rule to be about it. */
export const clausesOfResidency = (rule: Residency): readonly Clause[] =>
  compileMatch(ownMatch(rule.spec.match, rule.metadata), []).clauses;
