import type { Pattern } from '../pattern/pattern.ts';
import type { Policy } from '../policy.ts';
import type { Dimension, Step } from './fact-tree.ts';
import type { NameKey } from './name-tree.ts';

/** Where a policy lies in the index: under registry and tenant, then under what the repository and the tag begin and end with. */
export type Place = { readonly owned: readonly Step[]; readonly repository: NameKey; readonly tag: NameKey };

/** Ends a name, so that a pattern without wildcards is a beginning of that name alone. No name contains it. */
export const nameEnd = '\0';

/** A policy with lists in several dimensions lies at each combination; a list that would make more is left to the test of the policy. */
const placesMax = 128;

const anyName: NameKey = { beginning: '', ending: '' };

/** Every image that the policy may match has names and facts that lead to one of the places. */
export function placesOf({ registries, repositories, tags, document }: Policy): readonly Place[] {
  const { tenants } = document.spec.match;
  let count = 1;
  const unlessTooMany = <T>(options: readonly T[], any: T): readonly T[] => {
    if (options.length === 0 || count * options.length > placesMax) return [any];
    count *= options.length;
    return options;
  };
  const ofRepositories = unlessTooMany(keysOf(repositories), anyName);
  const ofTenants = unlessTooMany(stepsOf('tenants', tenants), []);
  const ofRegistries = unlessTooMany(stepsOf('registries', findLiterals(registries)), []);
  const ofTags = unlessTooMany(keysOf(tags), anyName);
  return ofRegistries.flatMap((registry) =>
    ofTenants.flatMap((tenant) =>
      ofRepositories.flatMap((repository) => ofTags.map((tag) => ({ owned: [...registry, ...tenant], repository, tag }))),
    ),
  );
}

/** What the policy asks of an inspection: an image that it matches has all facts of one of the paths. Never none. */
export function inspectedPathsOf({ document }: Policy): readonly (readonly Step[])[] {
  const { kinds, labels = {} } = document.spec.match;
  const ofLabels = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]): Step => ({ dimension: 'labels', name, value }));
  return kinds === undefined ? [ofLabels] : stepsOf('kinds', kinds).map((kind) => [...kind, ...ofLabels]);
}

const stepsOf = (dimension: Dimension, values: readonly string[] = []): readonly (readonly Step[])[] =>
  [...new Set(values)].map((value) => [{ dimension, name: '', value }]);

/** What patterns spell out, where all of them do. */
export const findLiterals = (patterns: readonly Pattern[] | undefined): readonly string[] | undefined =>
  patterns?.every(({ isLiteral }) => isLiteral) ? patterns.map(({ prefix }) => prefix) : undefined;

/** Each pattern's beginning and ending, without those that another covers. */
function keysOf(patterns: readonly Pattern[] = []): readonly NameKey[] {
  const kept: NameKey[] = [];
  const keys = patterns.map(({ prefix, suffix, isLiteral }) =>
    isLiteral ? { beginning: prefix + nameEnd, ending: '' } : { beginning: prefix, ending: backwards(suffix) },
  );
  const shortestFirst = keys.toSorted((a, b) => a.beginning.length + a.ending.length - (b.beginning.length + b.ending.length));
  for (const key of shortestFirst)
    if (!kept.some(({ beginning, ending }) => key.beginning.startsWith(beginning) && key.ending.startsWith(ending))) kept.push(key);
  return kept;
}

export function backwards(name: string): string {
  let reversed = '';
  for (let at = name.length - 1; at >= 0; at -= 1) reversed += name[at]!;
  return reversed;
}
