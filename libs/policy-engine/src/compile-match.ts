import type { Static } from 'typebox';
import type { Clause } from './clause.ts';
import type { Match } from './document/match.ts';
import { PatternError } from './pattern/pattern-error.ts';
import { normalized } from './platforms.ts';
import { compilePattern, type Pattern, type PatternText } from './pattern/pattern.ts';

/** What a `match` asks for, ready to be asked. */
export type CompiledMatch = {
  readonly clauses: readonly Clause[];
  readonly registries: Patterns;
  readonly repositories: Patterns;
  readonly tags: Patterns;
};
/** Undefined: nothing is asked. */
export type Patterns = readonly Pattern[] | undefined;

/** What a schema cannot say of patterns is said here. @param faults gets one line per pattern that cannot be read, with its path */
export function compileMatch(match: Static<typeof Match>, faults: string[]): CompiledMatch {
  const compile = (path: string, texts: readonly PatternText[] | undefined) => compilePatterns(`spec.match.${path}`, texts, faults);
  const registries = compile('registries', match.registries);
  const repositories = compile('repositories', match.repositories);
  const tags = compile('tags', match.tags);
  const excluded = {
    registries: compile('exclude.registries', match.exclude?.registries),
    repositories: compile('exclude.repositories', match.exclude?.repositories),
    tags: compile('exclude.tags', match.exclude?.tags),
  };
  const exclusions = clausesOf(match.exclude, excluded).map((clause): Clause => ({ field: 'exclude', clause }));
  const asked = { registries, repositories, tags };
  return { clauses: [...clausesOf(match, asked), ...exclusions], ...asked };
}

/** Compiles a list of a document; what is wrong with one goes to `faults`, so that an author is told of all. */
export const compilePatterns = (path: string, texts: readonly PatternText[] | undefined, faults: string[]): Patterns =>
  texts?.flatMap((text, index) => {
    try {
      return compilePattern(text);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      faults.push(`${path}.${index} ${error.message}`);
      return [];
    }
  });

type Asked = Static<typeof Match>;

function clausesOf(match: Asked | Asked['exclude'], { registries, repositories, tags }: Omit<CompiledMatch, 'clauses'>): readonly Clause[] {
  const { tenants, kinds, platforms, labels = {} } = (match ?? {}) as Asked;
  const clauses: Clause[] = [];
  if (registries) clauses.push({ field: 'registries', patterns: registries });
  if (repositories) clauses.push({ field: 'repositories', patterns: repositories });
  if (tags) clauses.push({ field: 'tags', patterns: tags });
  if (tenants) clauses.push({ field: 'tenants', among: tenants });
  if (kinds) clauses.push({ field: 'kinds', among: kinds });
  if (platforms) clauses.push({ field: 'platforms', among: normalized(platforms) });
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of sorted) clauses.push({ field: 'labels', name, value });
  return clauses;
}
