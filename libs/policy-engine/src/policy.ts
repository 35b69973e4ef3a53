import { canonical, sha256 } from './canonical.ts';
import type { Clause } from './clause.ts';
import { compileMatch, type Patterns } from './compile-match.ts';
import { checkDocument, documentIdOf, kinds, type PolicyKind, type Written, type WrittenDocument } from './document/document.ts';
import { ownMatch } from './document/owner.ts';
import type { PolicyDocument } from './document/policies.ts';
import { weightOf } from './order.ts';
import type { Pattern } from './pattern/pattern.ts';
import type { Requirement } from './requirements/answer.ts';
import { compileRequirements } from './requirements/table.ts';
import { compileWhen, type Condition } from './when/condition.ts';

/** A valid policy, ready to be asked. Made by {@link parsePolicy} alone. */
export type Policy = {
  readonly id: string;
  /** As it is written; a tenant's own one asks for images of that tenant. */
  readonly document: PolicyDocument;
  readonly priority: number;
  readonly specificity: number;
  /** Its place among others: see `compareInOrder`. */
  readonly weight: number;
  /** What it asks of an image to match it. */
  readonly clauses: readonly Clause[];
  /** What it asks beside: looked at where all clauses hold or may hold. */
  readonly when: Condition | undefined;
  /** What it asks of one that matches. */
  readonly requirements: readonly Requirement[];
  readonly registries: readonly Pattern[] | undefined;
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

/** @returns the policy, or what a schema cannot say is wrong with it */
export function compilePolicy(written: Written<PolicyKind>): ParsedPolicy {
  const faults: string[] = [];
  // Here and not where it is asked, so that nothing that reads `spec.match` can pass over it.
  const document = keptToOwn(written);
  const { match, priority = 0, effect, require, when: condition } = document.spec;
  const { clauses, registries, repositories, tags } = compileMatch(match, faults);
  const when = condition === undefined ? undefined : compileWhen(condition, faults);
  const requirements = compileRequirements(require, faults);
  if (faults.length > 0) return { ok: false, faults };
  const specificity = specificityOf(document, repositories, tags);
  const policy: Policy = {
    id: documentIdOf(document),
    document,
    priority,
    specificity,
    weight: weightOf(priority, effect === 'deny', specificity),
    clauses,
    when,
    requirements,
    registries,
    repositories,
    tags,
    documentSha256: sha256(canonical(written)),
  };
  return { ok: true, policy };
}

function keptToOwn(written: PolicyDocument): PolicyDocument {
  if (written.metadata.tenant === undefined) return written;
  return { ...written, spec: { ...written.spec, match: ownMatch(written.spec.match, written.metadata) } };
}

/** More things asked for is more specific; among equals, more characters spelt out in the loosest pattern of each list. */
function specificityOf({ spec: { match, when } }: PolicyDocument, repositories: Patterns, tags: Patterns): number {
  const { registries, tenants, kinds, platforms, labels = {} } = match;
  const asked = [registries, tenants, repositories, tags, kinds, platforms, when].filter((part) => part !== undefined);
  const loosest = (patterns: Patterns): number => (patterns ? Math.min(...patterns.map(({ specificity }) => specificity)) : 0);
  return (asked.length + Object.keys(labels).length) * 1_000 + loosest(repositories) + loosest(tags);
}
