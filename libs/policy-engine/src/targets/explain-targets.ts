import type { Registry } from '../document/registry.ts';
import type { Selector, Target } from '../document/target.ts';
import type { Policy } from '../policy.ts';
import { findRegistryAt } from '../registry-at.ts';
import type { Question } from '../surroundings.ts';
import { choose, sortedIn, unfitnessOf } from './choose.ts';
import { rankWords, roleOf } from './rank.ts';
import { residenceOf, type Residence } from './residency.ts';

/** A registry that a target could mean: whether it does for this image, and why, or why not. */
export type TargetExplanation = {
  /** Of the target in the document: `spec.replicate.0`. */
  readonly path: string;
  readonly registry: string;
  /** `refused`: the image must not lie there, whatever the policy says. */
  readonly outcome: 'chosen' | 'refused' | 'not-chosen';
  readonly reason: string;
};

/** Of each target the chosen ones, best first, then the others by name. */
export function explainTargets(policy: Policy, question: Question): readonly TargetExplanation[] {
  const residence = residenceOf(question);
  return (policy.document.spec.replicate ?? []).flatMap((target, at) =>
    explainTarget(target, question, residence).map((line) => ({ path: `spec.replicate.${at}`, ...line })),
  );
}

type Line = Omit<TargetExplanation, 'path'>;

function explainTarget(target: Target, question: Question, residence: Residence): readonly Line[] {
  const { chosen, passedOver, refused, awaiting } = choose(target, question, residence);
  const known = new Set([...chosen, ...passedOver, ...refused.map(({ registry }) => registry)]);
  const others =
    target.select === undefined ? [] : sortedIn(question.surroundings.Registry).filter(({ metadata }) => !known.has(metadata.name));
  const notChosen = [
    ...passedOver.map((registry, at): Line => ({
      registry,
      outcome: 'not-chosen',
      reason: placeIn(target, chosen.length + at, registry, question),
    })),
    ...refused.map((refusal): Line => ({ ...refusal, outcome: 'refused' })),
    ...others.map((registry): Line => {
      const reason = reasonAgainst(registry, target.select ?? {}) ?? `it is not chosen before ${awaiting.join('; ')} are known`;
      return { registry: registry.metadata.name, outcome: 'not-chosen', reason };
    }),
  ].toSorted((a, b) => (a.registry < b.registry ? -1 : 1));
  return [
    ...chosen.map((registry, at): Line => ({ registry, outcome: 'chosen', reason: placeIn(target, at, registry, question) })),
    ...notChosen,
  ];
}

function placeIn({ registry, copies, placement }: Target, at: number, name: string, question: Question): string {
  if (registry !== undefined) return 'the policy names it';
  if (copies === undefined) return 'it has all that is selected';
  const { Registry } = question.surroundings;
  const home = findRegistryAt(question.evidence.registry, question.surroundings)?.spec;
  const words = rankWords(Registry.get(name)!, placement, question, home);
  return `it is number ${at + 1}, and copies are ${copies}: ${words}`;
}

/** What of a registry a selector does not ask for, in words; undefined where it fits. */
export function reasonAgainst(registry: Registry, select: Selector): string | undefined {
  const what = unfitnessOf(registry, select);
  if (what === undefined) return undefined;
  const there = what === 'role' ? roleOf(registry.spec) : (registry.spec[what] ?? 'not known');
  const wanted = { region: select.regions, jurisdiction: select.jurisdictions, role: select.roles }[what] ?? [];
  return `its ${what} is ${there}, not ${wanted.join(' or ')}`;
}
