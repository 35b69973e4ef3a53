import type { Registry } from '../document/registry.ts';
import type { Selector, Target } from '../document/target.ts';
import { oncePer } from '../once.ts';
import { findRegistryAt } from '../registry-at.ts';
import type { Question, Surroundings } from '../surroundings.ts';
import { compareRanks, rankOf, roleOf } from './rank.ts';
import { objectionTo, type Residence } from './residency.ts';

/** A registry where the image must not lie, whatever the policy says, or that nothing of it is for; and why. */
export type Refusal = {
  readonly registry: string;
  readonly reason: string;
  readonly code: 'RESIDENCY_REFUSED' | 'PLATFORMS_NONE';
};

/** Which registries a target means for an image. */
export type Choice = {
  /** Best first. */
  readonly chosen: readonly string[];
  /** As good, but there are enough; best first. */
  readonly passedOver: readonly string[];
  readonly refused: readonly Refusal[];
  /** What has to be known to choose. */
  readonly awaiting: readonly string[];
};

/** Deterministic, ties by name. */
export function choose(target: Target, question: Question, residence: Residence): Choice {
  const { registry, select = {}, copies, placement } = target;
  const meant = registry === undefined ? selectIn(select, question.surroundings).map(({ metadata }) => metadata.name) : [registry];
  const kept: string[] = [];
  const refused: Refusal[] = [];
  for (const name of meant) {
    const reason = objectionTo(name, residence, question.surroundings);
    if (reason === undefined) kept.push(name);
    else refused.push({ registry: name, reason, code: 'RESIDENCY_REFUSED' });
  }
  if (copies === undefined) return { chosen: kept, passedOver: [], refused, awaiting: [] };
  if (placement === 'by-pulls' && question.evidence.pullsByRegion === undefined && kept.length > copies)
    return { chosen: [], passedOver: [], refused, awaiting: ['pulls'] };
  const home = findRegistryAt(question.evidence.registry, question.surroundings)?.spec;
  const ranked = kept
    .map((name) => rankOf(question.surroundings.Registry.get(name)!, placement, question, home))
    .toSorted(compareRanks)
    .map(({ registry: name }) => name);
  return { chosen: ranked.slice(0, copies), passedOver: ranked.slice(copies), refused, awaiting: [] };
}

/** The registries that have all that a selector asks for, by name. */
export const selectIn = (select: Selector, { Registry }: Pick<Surroundings, 'Registry'>): readonly Registry[] =>
  selectedIn(Registry)(select);

/** Change seldom, and every decision by selector asks for them. */
const selectedIn = oncePer((registries: Surroundings['Registry']) =>
  oncePer((select: Selector): readonly Registry[] =>
    [...registries.values()].filter((registry) => unfitnessOf(registry, select) === undefined),
  ),
);

/** What of a registry a selector does not ask for; undefined where it fits. */
export function unfitnessOf(
  { spec }: Registry,
  { regions, jurisdictions, roles }: Selector,
): 'region' | 'jurisdiction' | 'role' | undefined {
  if (!isAmong(spec.region, regions)) return 'region';
  if (!isAmong(spec.jurisdiction, jurisdictions)) return 'jurisdiction';
  return isAmong(roleOf(spec), roles) ? undefined : 'role';
}

const isAmong = (value: string | undefined, wanted: readonly string[] | undefined): boolean =>
  wanted === undefined || (value !== undefined && wanted.includes(value));
