import type { Pattern } from '../pattern/pattern.ts';
import type { Policy } from '../policy.ts';
import type { Dimension, Step } from './fact-tree.ts';

/** Where a policy lies in the index: by what the repository and the tag begin with, and below that by exact facts. */
export type Place = { readonly repository: string; readonly tag: string; readonly steps: readonly Step[] };

/** Ends a name, so that a pattern without wildcards is a beginning of that name alone. No name contains it. */
export const nameEnd = '\0';

/** A policy with lists in several dimensions lies at each combination; a list that would make more is left to the test of the policy. */
const placesMax = 128;

/** Every image that the policy may match has names and facts that lead to one of the places. */
export function placesOf({ repositories, tags, document }: Policy): readonly Place[] {
  const { registries, tenants, kinds, labels = {} } = document.spec.match;
  const labelSteps = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]): Step => ({ dimension: 'labels', name, value }));
  let count = 1;
  const unlessTooMany = <T>(options: readonly T[], any: T): readonly T[] => {
    if (options.length === 0 || count * options.length > placesMax) return [any];
    count *= options.length;
    return options;
  };
  const stepsOf = (dimension: Dimension, values: readonly string[] = []): readonly (readonly Step[])[] =>
    unlessTooMany<readonly Step[]>(
      [...new Set(values)].map((value) => [{ dimension, name: '', value }]),
      [],
    );
  const ofRepositories = unlessTooMany(beginningsOf(repositories), '');
  const ofTenants = stepsOf('tenants', tenants);
  const ofRegistries = stepsOf('registries', registries);
  const ofTags = unlessTooMany(beginningsOf(tags), '');
  const ofKinds = stepsOf('kinds', kinds);
  return ofRepositories.flatMap((repository) =>
    ofTags.flatMap((tag) =>
      ofRegistries.flatMap((registry) =>
        ofTenants.flatMap((tenant) =>
          ofKinds.map((kind) => ({ repository, tag, steps: [...registry, ...tenant, ...kind, ...labelSteps] })),
        ),
      ),
    ),
  );
}

/** Each pattern's beginning, without those that a shorter one covers. */
function beginningsOf(patterns: readonly Pattern[] = []): readonly string[] {
  const kept: string[] = [];
  for (const beginning of patterns.map(({ prefix, isLiteral }) => (isLiteral ? prefix + nameEnd : prefix)).toSorted())
    if (kept.length === 0 || !beginning.startsWith(kept.at(-1)!)) kept.push(beginning);
  return kept;
}
