import type { Registry } from '../document/registry.ts';
import type { Target } from '../document/target.ts';
import type { RegistryFact } from '../evidence.ts';
import type { Question } from '../surroundings.ts';
import { troubleOf } from './trouble.ts';

type Spec = Registry['spec'];

/** The smaller, the earlier, from left to right. */
type Rank = { readonly registry: string; readonly keys: readonly number[] };

/** By what registries that fit are told apart; as they are put in order, so they are put into words. */
type Standing = { readonly key: (at: At) => number; readonly words: (at: At) => string };
type At = { readonly spec: Spec; readonly fact: RegistryFact | undefined; readonly question: Question; readonly home: Spec | undefined };

const roles = ['primary', 'secondary', 'fallback'] as const;
export const roleOf = ({ role = 'primary' }: Spec): (typeof roles)[number] => role;

const wasChosen = ({ fact }: At): boolean => fact?.wasChosen === true;

const troubleAt = ({ spec, fact }: At): string => troubleOf(spec, fact);
const trouble: Standing = { key: (at) => (troubleAt(at) === '' || wasChosen(at) ? 0 : 1), words: troubleAt };
const before: Standing = { key: (at) => (wasChosen(at) ? 0 : 1), words: (at) => (wasChosen(at) ? 'chosen before' : '') };
const role: Standing = { key: ({ spec }) => roles.indexOf(roleOf(spec)), words: ({ spec }) => roleOf(spec) };

const priceOf = (price: number | undefined): string => `${price ?? 'an unknown price'}`;
const stored: Standing = {
  key: ({ spec }) => spec.cost?.storedPerGbMonth ?? Infinity,
  words: ({ spec }) => `${priceOf(spec.cost?.storedPerGbMonth)} per GB and month stored`,
};
const moved: Standing = {
  key: ({ spec }) => spec.cost?.movedPerGb ?? Infinity,
  words: ({ spec }) => `${priceOf(spec.cost?.movedPerGb)} per GB moved`,
};

const distances = ['in the region of the image', 'in the jurisdiction of the image', 'in another jurisdiction than the image'];
function distanceOf({ spec: { region, jurisdiction }, home }: At): number {
  if (region !== undefined && region === home?.region) return 0;
  return jurisdiction !== undefined && jurisdiction === home?.jurisdiction ? 1 : 2;
}
const distance: Standing = { key: distanceOf, words: (at) => distances[distanceOf(at)]! };

function pullsOf({ spec: { region = '' }, question }: At): number {
  const { pullsByRegion = {} } = question.evidence;
  return Object.hasOwn(pullsByRegion, region) ? pullsByRegion[region]! : 0;
}
const pulls: Standing = { key: (at) => -pullsOf(at), words: (at) => `${pullsOf(at)} pulls in its region` };

/**
 * First those that are not known to be down or full; then by role; then by placement; then by name. One that is down is still taken where
 * there is no other: the copy then waits for it. And where it was chosen before, so that what lies there, or waits for it, does not move to
 * and fro with its health; nor does it with every pull.
 */
const standings: Readonly<Record<NonNullable<Target['placement']> | 'by-name', readonly Standing[]>> = {
  'by-name': [trouble, role],
  cheapest: [trouble, role, stored, moved],
  nearest: [trouble, role, distance],
  'by-pulls': [trouble, role, before, pulls],
};

const standingsOf = (placement: Target['placement']): readonly Standing[] => standings[placement ?? 'by-name'];

const atOf = ({ metadata: { name }, spec }: Registry, question: Question, home: Spec | undefined): At => ({
  ...{ spec, question, home },
  fact: question.evidence.registries?.[name],
});

/** @param home what is published of the registry that the image lies in */
export function rankOf(registry: Registry, placement: Target['placement'], question: Question, home: Spec | undefined): Rank {
  const at = atOf(registry, question, home);
  return { registry: registry.metadata.name, keys: standingsOf(placement).map(({ key }) => key(at)) };
}

/** The same for people. */
export function rankWords(registry: Registry, placement: Target['placement'], question: Question, home: Spec | undefined): string {
  const at = atOf(registry, question, home);
  const words = standingsOf(placement).map((standing) => standing.words(at));
  return [...words, ...(placement === undefined ? ['by name'] : [])].filter((word) => word !== '').join(', ');
}

export function compareRanks(a: Rank, b: Rank): number {
  for (let at = 0; at < a.keys.length; at += 1) if (a.keys[at] !== b.keys[at]) return a.keys[at]! < b.keys[at]! ? -1 : 1;
  return a.registry < b.registry ? -1 : 1;
}
