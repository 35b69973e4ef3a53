import { canonical, sha256 } from './canonical.ts';
import type { Clause } from './clause.ts';
import { checkDocument, documentIdOf, kinds, type PolicyKind, type Written, type WrittenDocument } from './document/document.ts';
import type { PolicyDocument } from './document/policies.ts';
import { weightOf } from './order.ts';
import { PatternError } from './pattern/pattern-error.ts';
import { compilePattern, type Pattern, type PatternText } from './pattern/pattern.ts';

/** A valid policy, ready to be asked. Made by {@link parsePolicy} alone. */
export type Policy = {
  readonly id: string;
  readonly document: PolicyDocument;
  readonly priority: number;
  readonly specificity: number;
  /** Its place among others: see `compareInOrder`. */
  readonly weight: number;
  /** What it asks of an image to match it. */
  readonly clauses: readonly Clause[];
  readonly repositories: readonly Pattern[] | undefined;
  readonly tags: readonly Pattern[] | undefined;
  /** Of its document, in hex, however that is laid out. */
  readonly documentSha256: string;
};

export type ParsedPolicy = { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly faults: readonly string[] };

/**
 * A policy, of whatever kind, from a document that has been read from YAML or JSON. Never throws: a broken policy is a value, so that it
 * stops no other.
 * @returns the policy, or all of its faults, each with its path in the document
 */
export function parsePolicy(value: unknown): ParsedPolicy {
  const checked = checkDocument(value);
  if (!checked.ok) return checked;
  const { document } = checked;
  return isPolicyDocument(document) ? compilePolicy(document) : { ok: false, faults: [`kind ${document.kind} is no policy`] };
}

export const isPolicyDocument = (document: WrittenDocument): document is Written<PolicyKind> => kinds[document.kind].isPolicy;

/** What a schema cannot say of patterns is said here. */
export function compilePolicy(document: Written<PolicyKind>): ParsedPolicy {
  const faults: string[] = [];
  const { match, priority = 0, effect } = document.spec;
  const compile = patternCompiler(faults);
  const repositories = compile('repositories', match.repositories);
  const tags = compile('tags', match.tags);
  const excluded = {
    repositories: compile('exclude.repositories', match.exclude?.repositories),
    tags: compile('exclude.tags', match.exclude?.tags),
  };
  if (faults.length > 0) return { ok: false, faults };
  const specificity = specificityOf(document, repositories, tags);
  const policy: Policy = {
    id: documentIdOf(document),
    document,
    priority,
    specificity,
    weight: weightOf(priority, effect === 'deny', specificity),
    clauses: [
      ...clausesOf(match, { repositories, tags }),
      ...clausesOf(match.exclude, excluded).map((clause): Clause => ({ field: 'exclude', clause })),
    ],
    repositories,
    tags,
    documentSha256: sha256(canonical(document)),
  };
  return { ok: true, policy };
}

type Patterns = readonly Pattern[] | undefined;

/** Compiles the lists of a document; what is wrong with one goes to `faults`, so that an author is told of all. */
const patternCompiler =
  (faults: string[]) =>
  (path: string, texts: readonly PatternText[] | undefined): Patterns =>
    texts?.flatMap((text, index) => {
      try {
        return compilePattern(text);
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        faults.push(`spec.match.${path}.${index} ${error.message}`);
        return [];
      }
    });

type Match = PolicyDocument['spec']['match'];

function clausesOf(match: Match | Match['exclude'], { repositories, tags }: { readonly repositories: Patterns; readonly tags: Patterns }) {
  const { registries, tenants, kinds, labels = {} } = (match ?? {}) as Match;
  const clauses: Clause[] = [];
  if (registries) clauses.push({ field: 'registries', among: registries });
  if (repositories) clauses.push({ field: 'repositories', patterns: repositories });
  if (tags) clauses.push({ field: 'tags', patterns: tags });
  if (tenants) clauses.push({ field: 'tenants', among: tenants });
  if (kinds) clauses.push({ field: 'kinds', among: kinds });
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of sorted) clauses.push({ field: 'labels', name, value });
  return clauses;
}

/** More things asked for is more specific; among equals, more characters spelt out in the loosest pattern of each list. */
function specificityOf({ spec: { match } }: PolicyDocument, repositories: Patterns, tags: Patterns): number {
  const { registries, tenants, kinds, labels = {} } = match;
  const lists = [registries, tenants, repositories, tags, kinds].filter((list) => list !== undefined);
  const loosest = (patterns: Patterns): number => (patterns ? Math.min(...patterns.map(({ specificity }) => specificity)) : 0);
  return (lists.length + Object.keys(labels).length) * 1_000 + loosest(repositories) + loosest(tags);
}
