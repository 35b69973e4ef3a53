import type { Registry } from '../document/registry.ts';
import type { Selector, Target } from '../document/target.ts';
import type { Evidence } from '../evidence.ts';
import type { Question, Surroundings } from '../surroundings.ts';
import { objectionTo, type Residence } from './residency.ts';

/** A registry that a target could mean: whether it does for this image, and why, or why not. */
export type Choice = {
  readonly registry: string;
  /** `refused`: the image must not lie there, whatever the policy says. */
  readonly outcome: 'chosen' | 'refused' | 'not-chosen';
  readonly reason: string;
};

export type Choices = {
  /** The chosen ones first, best first; then by name. */
  readonly choices: readonly Choice[];
  /** What has to be known to choose. */
  readonly awaiting: readonly string[];
};

/** What a target means for an image: deterministic, ties by name. */
export function choicesOf(target: Target, question: Question, residence: Residence): Choices {
  const { registry, select } = target;
  if (registry !== undefined) {
    const objection = objectionTo(registry, residence, question.surroundings);
    const choice: Choice =
      objection === undefined
        ? { registry, outcome: 'chosen', reason: 'the policy names it' }
        : { registry, outcome: 'refused', reason: objection };
    return { choices: [choice], awaiting: [] };
  }
  return chooseAmong(target, selectIn(select, question.surroundings), question, residence);
}

type Selection = { readonly fit: readonly Registry[]; readonly unfit: readonly Choice[] };

/** The registries that have all that a selector asks for, and of the others what keeps them out, each part by name. */
export function selectIn(select: Selector | undefined, { Registry }: Pick<Surroundings, 'Registry'>): Selection {
  const fit: Registry[] = [];
  const unfit: Choice[] = [];
  for (const registry of [...Registry.values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const reason = select && unfitnessOf(registry, select);
    if (reason === undefined) fit.push(registry);
    else unfit.push({ registry: registry.metadata.name, outcome: 'not-chosen', reason });
  }
  return { fit, unfit };
}

function unfitnessOf({ spec }: Registry, { regions, jurisdictions, roles }: Selector): string | undefined {
  const isAmong = (value: string | undefined, wanted: readonly string[] | undefined): boolean =>
    wanted === undefined || (value !== undefined && wanted.includes(value));
  const line = (what: string, value: string | undefined, wanted: readonly string[] = []): string =>
    `its ${what} is ${value ?? 'not known'}, not ${wanted.join(' or ')}`;
  if (!isAmong(spec.region, regions)) return line('region', spec.region, regions);
  if (!isAmong(spec.jurisdiction, jurisdictions)) return line('jurisdiction', spec.jurisdiction, jurisdictions);
  return isAmong(roleOf(spec), roles) ? undefined : line('role', roleOf(spec), roles);
}

const roles = ['primary', 'secondary', 'fallback'] as const;
const roleOf = ({ role = 'primary' }: Registry['spec']): (typeof roles)[number] => role;

function chooseAmong({ copies, placement }: Target, selection: Selection, question: Question, residence: Residence): Choices {
  const kept: Registry[] = [];
  const others = [...selection.unfit];
  for (const registry of selection.fit) {
    const reason = objectionTo(registry.metadata.name, residence, question.surroundings);
    if (reason === undefined) kept.push(registry);
    else others.push({ registry: registry.metadata.name, outcome: 'refused', reason });
  }
  const byName = (choices: readonly Choice[]): readonly Choice[] => choices.toSorted((a, b) => (a.registry < b.registry ? -1 : 1));
  if (copies === undefined) {
    const chosen = kept.map(({ metadata: { name } }): Choice => ({
      registry: name,
      outcome: 'chosen',
      reason: 'it has all that is selected',
    }));
    return { choices: [...chosen, ...byName(others)], awaiting: [] };
  }
  if (placement === 'by-pulls' && question.evidence.pullsByRegion === undefined && kept.length > copies)
    return { choices: byName(others), awaiting: ['pulls'] };
  const ranked = kept.map((registry) => rankOf(registry, placement, question)).toSorted(compareRanks);
  const choices = ranked.map(({ registry, words }, at): Choice => {
    if (at >= copies) return { registry, outcome: 'not-chosen', reason: `it is number ${at + 1}, and copies are ${copies}: ${words}` };
    return { registry, outcome: 'chosen', reason: `it is number ${at + 1}, and copies are ${copies}: ${words}` };
  });
  return { choices: [...choices.slice(0, copies), ...byName([...choices.slice(copies), ...others])], awaiting: [] };
}

/** The smaller, the earlier, from left to right. */
type Rank = { readonly registry: string; readonly keys: readonly number[]; readonly words: string };

/**
 * First those that are not known to be down or full; then by role; then by placement. One that is down is still taken where there is no
 * other: the copy then waits for it.
 */
function rankOf({ metadata: { name }, spec }: Registry, placement: Target['placement'], question: Question): Rank {
  const trouble = troubleOf(spec, question.evidence.registries?.[name]);
  const place = placementOf[placement ?? 'by-name'](spec, question);
  return {
    registry: name,
    keys: [trouble === undefined ? 0 : 1, roles.indexOf(roleOf(spec)), ...place.keys],
    words: [...(trouble === undefined ? [] : [trouble]), roleOf(spec), place.words].join(', '),
  };
}

function troubleOf({ limits }: Registry['spec'], fact: NonNullable<Evidence['registries']>[string] | undefined): string | undefined {
  if (fact?.isHealthy === false) return 'not healthy';
  const isFull = limits?.bytesMax !== undefined && fact?.usedBytes !== undefined && fact.usedBytes >= limits.bytesMax;
  return isFull ? 'full' : undefined;
}

type Place = { readonly keys: readonly number[]; readonly words: string };

const placementOf: Readonly<
  Record<'cheapest' | 'nearest' | 'by-pulls' | 'by-name', (spec: Registry['spec'], question: Question) => Place>
> = {
  'by-name': () => ({ keys: [], words: 'by name' }),
  cheapest: ({ cost }) => ({
    keys: [cost?.storedPerGbMonth ?? Infinity, cost?.movedPerGb ?? Infinity],
    words: `${cost?.storedPerGbMonth ?? 'an unknown price'} per GB and month stored, ${cost?.movedPerGb ?? 'an unknown price'} per GB moved`,
  }),
  nearest: (spec, { evidence, surroundings }) => {
    const distance = distanceOf(spec, homeOf(evidence.registry, surroundings));
    return { keys: [distance], words: distances[distance]! };
  },
  'by-pulls': ({ region = '' }, { evidence: { pullsByRegion = {} } }) => {
    const pulls = Object.hasOwn(pullsByRegion, region) ? pullsByRegion[region]! : 0;
    return { keys: [-pulls], words: `${pulls} pulls in its region` };
  },
};

const distances = ['in the region of the image', 'in the jurisdiction of the image', 'in another jurisdiction than the image'];

function distanceOf({ region, jurisdiction }: Registry['spec'], home: Registry['spec'] | undefined): number {
  if (region !== undefined && region === home?.region) return 0;
  return jurisdiction !== undefined && jurisdiction === home?.jurisdiction ? 1 : 2;
}

/** What is published of the registry of a host; the first by name where several have it. */
export const homeOf = (host: string, { Registry }: Pick<Surroundings, 'Registry'>): Registry['spec'] | undefined =>
  [...Registry.values()].filter(({ spec }) => spec.host === host).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))[0]?.spec;

function compareRanks(a: Rank, b: Rank): number {
  for (const [at, key] of a.keys.entries()) if (key !== b.keys[at]) return key < b.keys[at]! ? -1 : 1;
  return a.registry < b.registry ? -1 : 1;
}
