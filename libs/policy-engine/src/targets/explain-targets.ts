import { targetKey } from '@waybill/domain';
import type { Registry } from '../document/registry.ts';
import type { Selector, Target } from '../document/target.ts';
import type { Policy } from '../policy.ts';
import { findRegistryAt } from '../registry-at.ts';
import type { Question } from '../surroundings.ts';
import { choose, unfitnessOf } from './choose.ts';
import { targetIn } from './destination.ts';
import { partOf, type Part } from './part.ts';
import { rankWords, roleOf } from './rank.ts';
import { residenceOf, type Residence } from './residency.ts';

/** A registry that a target could mean: whether it does for this image, and why, or why not. */
export type TargetExplanation = {
  /** Of the target in the document: `spec.replicate.0`. */
  readonly path: string;
  readonly registry: string;
  /** `refused`: the image must not lie there, whatever the policy says, or nothing of it is for what the policy wants there. */
  readonly outcome: 'chosen' | 'refused' | 'not-chosen';
  readonly reason: string;
};

/** Of each target the chosen ones, best first, then the others by name. */
export function explainTargets(policy: Policy, question: Question): readonly TargetExplanation[] {
  const residence = residenceOf(question);
  const taken = new Map<string, string>();
  return (policy.document.spec.replicate ?? []).flatMap((target, at) => {
    const path = `spec.replicate.${at}`;
    return explainTarget(target, question, residence).map((line): TargetExplanation => {
      if (line.outcome !== 'chosen') return { path, ...line };
      const place = targetKey(targetIn(line.registry, target, [], question.evidence));
      const earlier = taken.get(place) ?? path;
      taken.set(place, earlier);
      const isFirst = earlier === path;
      return { path, ...line, ...(!isFirst && { outcome: 'not-chosen', reason: `${earlier} means the same place, and comes first` }) };
    });
  });
}

type Line = Omit<TargetExplanation, 'path'>;

function explainTarget(target: Target, question: Question, residence: Residence): readonly Line[] {
  const { chosen, passedOver, refused, awaiting } = choose(target, question, residence);
  const part = partOf(target, question.evidence);
  const known = new Set([...chosen, ...passedOver, ...refused.map(({ registry }) => registry)]);
  const others =
    target.select === undefined ? [] : [...question.surroundings.Registry.values()].filter(({ metadata }) => !known.has(metadata.name));
  const notChosen = [
    ...passedOver.map((registry, at): Line => ({
      registry,
      outcome: 'not-chosen',
      reason: placeIn(target, chosen.length + at, registry, question),
    })),
    ...refused.map(({ registry, reason }): Line => ({ registry, reason, outcome: 'refused' })),
    ...others.map((registry): Line => {
      const reason = reasonAgainst(registry, target.select ?? {}) ?? `it is not chosen before ${awaiting.join('; ')} are known`;
      return { registry: registry.metadata.name, outcome: 'not-chosen', reason };
    }),
  ].toSorted((a, b) => (a.registry < b.registry ? -1 : 1));
  return [...chosen.map((registry, at) => chosenLine(registry, placeIn(target, at, registry, question), part, target)), ...notChosen];
}

/** What goes there, beside why there. */
function chosenLine(registry: string, why: string, part: Part, { priorityClass = 'normal' }: Target): Line {
  if (part.kind === 'none') return { registry, outcome: 'refused', reason: part.reason };
  if (part.kind === 'unknown') return { registry, outcome: 'not-chosen', reason: `${why}; waits for ${part.awaiting}` };
  const named = part.platforms.join(', ');
  const what = named === '' ? '' : `; ${named} alone, under another digest, so that signatures of the whole are not about it`;
  return { registry, outcome: 'chosen', reason: `${why}${what}${priorityClass === 'normal' ? '' : `; of class ${priorityClass}`}` };
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
