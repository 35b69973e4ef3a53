import type { Evidence } from './evidence.ts';
import type { Pattern } from './pattern/pattern.ts';
import { normalized } from './platforms.ts';

/** One thing that `match` asks for. A policy matches when all of its clauses hold. */
export type Clause =
  /** Platforms in one spelling: see `normalized`. */
  | { readonly field: 'tenants' | 'kinds' | 'platforms'; readonly among: readonly string[] }
  | { readonly field: 'registries' | 'repositories' | 'tags'; readonly patterns: readonly Pattern[] }
  /** `*`: any value. */
  | { readonly field: 'labels'; readonly name: string; readonly value: string }
  | { readonly field: 'exclude'; readonly clause: Clause };

/** `unknown`: it depends on facts that are not there yet. */
export type Truth = 'yes' | 'no' | 'unknown';

/** An exact fact of an image. Null: it has none. Undefined: it is not known yet. */
export function factOf(field: 'registries' | 'tenants' | 'kinds' | 'labels', name: string, evidence: Evidence): string | null | undefined {
  const { inspection } = evidence;
  if (field === 'registries') return evidence.registry;
  if (field === 'tenants') return evidence.tenant;
  if (inspection.status !== 'done') return undefined;
  if (field === 'kinds') return inspection.kind;
  return Object.hasOwn(inspection.labels, name) ? inspection.labels[name]! : null;
}

export function truthOf(clause: Clause, evidence: Evidence): Truth {
  switch (clause.field) {
    case 'registries':
      return anyMatches(clause.patterns, evidence.registry);
    case 'repositories':
      return anyMatches(clause.patterns, evidence.repository);
    case 'tags':
      return anyMatches(clause.patterns, evidence.tag);
    case 'labels': {
      const value = factOf('labels', clause.name, evidence);
      if (value === undefined) return 'unknown';
      return value !== null && (clause.value === '*' || clause.value === value) ? 'yes' : 'no';
    }
    case 'platforms': {
      const platforms = platformsOf(evidence);
      if (platforms === undefined) return 'unknown';
      return normalized(platforms).some((platform) => clause.among.includes(platform)) ? 'yes' : 'no';
    }
    case 'exclude':
      return opposite[truthOf(clause.clause, evidence)];
    default: {
      const value = factOf(clause.field, '', evidence);
      if (value === undefined) return 'unknown';
      return value !== null && clause.among.includes(value) ? 'yes' : 'no';
    }
  }
}

/** Those of what was inspected; none of an artifact. Undefined: not known. */
function platformsOf({ inspection }: Evidence): readonly string[] | undefined {
  if (inspection.status !== 'done') return undefined;
  return inspection.kind === 'artifact' ? [] : inspection.platforms;
}

const opposite = { yes: 'no', no: 'yes', unknown: 'unknown' } as const;

function anyMatches(patterns: readonly Pattern[], name: string): Truth {
  for (const pattern of patterns) if (pattern.test(name)) return 'yes';
  return 'no';
}

/** Of clauses that have to hold all: one that refuses is enough, whatever is not known of the others. */
export function truthOfAll(clauses: readonly Clause[], evidence: Evidence): Truth {
  let result: Truth = 'yes';
  for (const clause of clauses) {
    const truth = truthOf(clause, evidence);
    if (truth === 'no') return 'no';
    if (truth === 'unknown') result = 'unknown';
  }
  return result;
}

export const unknownAmong = (clauses: readonly Clause[], evidence: Evidence): readonly Clause[] =>
  clauses.filter((clause) => truthOf(clause, evidence) === 'unknown');

/** The fact that an unknown clause waits for. */
export function awaitedBy(clause: Clause): string {
  if (clause.field === 'exclude') return awaitedBy(clause.clause);
  return clause.field === 'tenants' ? 'tenant' : 'inspection';
}

/** Its place below `spec.match`. */
export function pathOf(clause: Clause): string {
  if (clause.field === 'exclude') return `exclude.${pathOf(clause.clause)}`;
  return clause.field === 'labels' ? `labels.${clause.name}` : clause.field;
}

/** What an image has to say to a clause, in a sentence. */
export function sentenceOf(clause: Clause, truth: Truth, evidence: Evidence): string {
  if (clause.field === 'exclude') {
    if (truth === 'unknown') return sentenceOf(clause.clause, truth, evidence);
    return `${subjectOf(clause.clause, evidence)} is ${truth === 'yes' ? 'not excluded' : `excluded by ${wantedBy(clause.clause)}`}`;
  }
  if (truth === 'unknown') return unknownWords[clause.field];
  const subject = subjectOf(clause, evidence);
  switch (clause.field) {
    case 'repositories':
    case 'tags':
      return `${subject} matches ${truth === 'yes' ? 'one' : 'none'} of ${wantedBy(clause)}`;
    case 'labels':
      return truth === 'yes' ? `${subject} is there` : `label ${clause.name} is not ${clause.value === '*' ? 'there' : clause.value}`;
    case 'platforms':
      return `${truth === 'yes' ? 'one' : 'none'} of its ${subject} is among ${wantedBy(clause)}`;
    case 'kinds':
      return `it is an ${subject}, ${truth === 'yes' ? 'one' : 'none'} of ${wantedBy(clause)}`;
    default:
      return `${subject} is ${truth === 'yes' ? '' : 'not '}among ${wantedBy(clause)}`;
  }
}

const unknownWords = {
  kinds: 'its kind is not known yet',
  platforms: 'its platforms are not known yet',
  labels: 'its labels are not known yet',
  tenants: 'its tenant is not known yet',
  registries: 'its registry is not known yet',
  repositories: 'its repository is not known yet',
  tags: 'its tag is not known yet',
} as const satisfies Record<Exclude<Clause['field'], 'exclude'>, string>;

function subjectOf(clause: Exclude<Clause, { readonly field: 'exclude' }> | Clause, evidence: Evidence): string {
  switch (clause.field) {
    case 'repositories':
      return `repository ${evidence.repository}`;
    case 'tags':
      return `tag ${evidence.tag}`;
    case 'labels':
      return `label ${clause.name}=${factOf('labels', clause.name, evidence)}`;
    case 'kinds':
      return `${factOf('kinds', '', evidence)}`;
    case 'platforms':
      return `platforms (${listed(platformsOf(evidence) ?? []) || 'none'})`;
    case 'tenants':
      return `tenant ${factOf('tenants', '', evidence) ?? 'nobody'}`;
    case 'registries':
      return `registry ${evidence.registry}`;
    case 'exclude':
      return subjectOf(clause.clause, evidence);
  }
}

function wantedBy(clause: Clause): string {
  if ('patterns' in clause) return listed(clause.patterns.map(({ text }) => text));
  if ('among' in clause) return listed(clause.among);
  return clause.field === 'labels' ? `${clause.name}=${clause.value}` : wantedBy(clause.clause);
}

const listedMax = 5;
const listed = (items: readonly string[]): string =>
  items.length <= listedMax ? items.join(', ') : `${items.slice(0, listedMax).join(', ')} and ${items.length - listedMax} more`;
