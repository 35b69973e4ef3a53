import type { Clause } from '../clause.ts';
import { findName, isAmong, isValidName, spend, type Budget, type Language, type NameConditions } from '../pattern/find-name.ts';
import { hostShape, repositoryShape, tagShape, type NameShape } from '../pattern/names.ts';
import type { Pattern } from '../pattern/pattern.ts';
import type { Image } from './image.ts';
import { fill, unchanged, type Template } from './template.ts';

/** Values that something must be among, and must not; without `among`, any. */
type Values = { readonly among?: ReadonlySet<string>; readonly refused: ReadonlySet<string> };
type Labels = {
  /** `*`: any value. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly refused: readonly (readonly [name: string, value: string])[];
};

/** An image has one of each list, and none that is refused. */
type Platforms = { readonly wanted: readonly (readonly string[])[]; readonly refused: readonly string[] };

/** A set of images, by conditions that do not depend on each other: it holds one as soon as each has a solution of its own. */
export type Space = {
  readonly registries: NameConditions;
  readonly tenants: Values;
  readonly kinds: Values;
  readonly platforms: Platforms;
  readonly labels: Labels;
  readonly repositories: NameConditions;
  readonly tags: NameConditions;
};

/** How an image looks after copies: where it lies (undefined: where it was), and under which names. */
export type View = { readonly registry: string | undefined; readonly repository: Template; readonly tag: Template };

export const asItIs: View = { registry: undefined, repository: unchanged, tag: unchanged };

const anyValue: Values = { refused: new Set() };
const anyName: NameConditions = { within: [], outside: [] };
export const everything: Space = {
  registries: anyName,
  tenants: anyValue,
  kinds: { among: new Set(['image', 'index', 'artifact']), refused: new Set() },
  platforms: { wanted: [], refused: [] },
  labels: { wanted: new Map(), refused: [] },
  repositories: anyName,
  tags: anyName,
};

/**
 * The images of a space to which, seen through a view, a clause says yes, or no.
 * @returns undefined where the clause is already decided against all of them
 */
export function limit(space: Space, clause: Clause, isWanted: boolean, view: View = asItIs): Space | undefined {
  switch (clause.field) {
    case 'exclude':
      return limit(space, clause.clause, !isWanted, view);
    case 'labels':
      return limitLabels(space, clause.name, clause.value, isWanted);
    case 'registries':
      return limitNames(space, 'registries', registryIn(view), clause.patterns, isWanted);
    case 'platforms':
      return { ...space, platforms: limitPlatforms(space.platforms, clause.among, isWanted) };
    case 'tenants':
    case 'kinds':
      return { ...space, [clause.field]: limitValues(space[clause.field], clause.among, isWanted) };
    case 'repositories':
      return limitNames(space, 'repositories', view.repository, clause.patterns, isWanted);
    case 'tags':
      return limitNames(space, 'tags', view.tag, clause.patterns, isWanted);
  }
}

const registryIn = ({ registry }: View): Template => (registry === undefined ? unchanged : { kind: 'fixed', text: registry });

const limitPlatforms = ({ wanted, refused }: Platforms, among: readonly string[], isWanted: boolean): Platforms =>
  isWanted ? { wanted: [...wanted, among], refused } : { wanted, refused: [...refused, ...among] };

/** The images for which all clauses hold. */
export function limitAll(space: Space, clauses: readonly Clause[], view: View = asItIs): Space | undefined {
  let limited: Space | undefined = space;
  for (const clause of clauses) limited = limited && limit(limited, clause, true, view);
  return limited;
}

function limitValues({ among, refused }: Values, values: readonly string[], isWanted: boolean): Values {
  if (!isWanted) return { ...(among && { among }), refused: refused.union(new Set(values)) };
  return { among: among ? among.intersection(new Set(values)) : new Set(values), refused };
}

function limitLabels(space: Space, name: string, value: string, isWanted: boolean): Space | undefined {
  const { wanted, refused } = space.labels;
  if (!isWanted) return { ...space, labels: { wanted, refused: [...refused, [name, value]] } };
  const known = wanted.get(name) ?? '*';
  if (known !== '*' && value !== '*' && known !== value) return undefined;
  return { ...space, labels: { wanted: new Map(wanted).set(name, value === '*' ? known : value), refused } };
}

type NameField = 'registries' | 'repositories' | 'tags';

function limitNames(
  space: Space,
  field: NameField,
  template: Template,
  patterns: readonly Pattern[],
  isWanted: boolean,
): Space | undefined {
  if (template.kind === 'fixed') return patterns.some(({ test }) => test(template.text)) === isWanted ? space : undefined;
  const language: Language = { patterns, before: template.before, after: template.after };
  const { within, outside } = space[field];
  if (isWanted && within.some((known) => isSame(known, language))) return space;
  const limited = isWanted ? { within: [...within, language], outside } : { within, outside: [...outside, language] };
  return { ...space, [field]: limited };
}

/** The same list of the same policy, seen the same way: said again on a way round. */
const isSame = (a: Language, b: Language): boolean => a.patterns === b.patterns && a.before === b.before && a.after === b.after;

/** Solutions are kept per condition: most spaces of a search share all of them but one. */
export type Solver = { readonly solve: (space: Space) => Image | undefined; readonly budget: Budget };

/**
 * @param hosts what an image's registry is called where nothing says otherwise, the first that will do
 * @param tenantOf whose an image is that has been found
 */
export function createSolver(hosts: readonly string[], budget: Budget, tenantOf: (image: Image) => string | null): Solver {
  const known = new WeakMap<NameConditions, { readonly name: string | undefined }>();
  const nameIn = (conditions: NameConditions, shape: NameShape): string | undefined => {
    const found = known.get(conditions) ?? { name: findName(conditions, shape, budget) };
    known.set(conditions, found);
    return found.name;
  };
  /** One that there is, if it will do. */
  const hostIn = (conditions: NameConditions): string | undefined =>
    [...hosts, 'registry-1.test'].find((host) => isAmong(conditions, host)) ?? nameIn(conditions, hostShape);
  return {
    budget,
    solve: (space) => {
      spend(budget, solvingSteps);
      const { registries, tenants, kinds } = space;
      const registry = hostIn(registries);
      const platforms = solvePlatforms(space.platforms);
      const tenant = tenants.among ? [...tenants.among].find((name) => !tenants.refused.has(name)) : null;
      const kind = [...(kinds.among ?? [])].toSorted(artifactsLast).find((name) => !kinds.refused.has(name));
      const labels = solveLabels(space.labels);
      if (registry === undefined || tenant === undefined || kind === undefined || labels === undefined || !platforms) return undefined;
      if (kind === 'artifact' && platforms.length > 0) return undefined;
      const repository = nameIn(space.repositories, repositoryShape);
      if (repository === undefined) return undefined;
      const tag = nameIn(space.tags, tagShape);
      if (tag === undefined) return undefined;
      const image = { registry, repository, tag, tenant, kind, platforms, labels };
      return { ...image, tenant: tenantOf(image) };
    },
  };
}

/** They have no platforms: another kind will do where one does. */
const artifactsLast = (a: string, b: string): number => Number(a === 'artifact') - Number(b === 'artifact');

function solvePlatforms({ wanted, refused }: Platforms): readonly string[] | undefined {
  const found = wanted.map((among) => among.find((platform) => !refused.includes(platform)));
  return found.every((platform) => platform !== undefined) ? [...new Set(found)] : undefined;
}

function solveLabels({ wanted, refused }: Labels): Image['labels'] | undefined {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of wanted) {
    const against = refused.filter(([refusedName]) => refusedName === name).map(([, refusedValue]) => refusedValue);
    if (against.includes('*') || against.includes(value)) return undefined;
    labels[name] = value === '*' ? freshValue(against) : value;
  }
  return { ...labels };
}

function freshValue(against: readonly string[]): string {
  for (let i = 1; ; i += 1) if (!against.includes(`value-${i}`)) return `value-${i}`;
}

/** What it costs beside names, in steps. */
const solvingSteps = 20;

/** What an image looks like after copies. */
export const seen = (image: Image, { registry, repository, tag }: View): Image => ({
  ...image,
  registry: registry ?? image.registry,
  repository: fill(repository, image.repository),
  tag: fill(tag, image.tag),
});

export const hasValidNames = ({ repository, tag }: Image): boolean =>
  isValidName(repositoryShape, repository) && isValidName(tagShape, tag);
