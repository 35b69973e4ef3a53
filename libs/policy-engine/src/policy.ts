import { createHash } from 'node:crypto';
import { faultsIn, type PolicyDocument } from './document.ts';
import { compileGlob, literalsIn, type Glob } from './glob.ts';

/** A valid policy, ready to be asked. Made by {@link parsePolicy} alone. */
export type Policy = {
  readonly id: string;
  readonly document: PolicyDocument;
  readonly priority: number;
  readonly specificity: number;
  readonly repositories: readonly Glob[] | undefined;
  readonly tags: readonly Glob[] | undefined;
};

export type ParsedPolicy = { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly faults: readonly string[] };

/**
 * A policy from a document that has been read from YAML or JSON. Never throws: a broken policy is a value, so that it stops no other.
 * @returns the policy, or all of its faults, each with its path in the document
 */
export function parsePolicy(value: unknown): ParsedPolicy {
  const faults = faultsIn(value);
  if (faults.length > 0) return { ok: false, faults };
  const document = value as PolicyDocument;
  const { match, priority = 0 } = document.spec;
  const policy: Policy = {
    id: document.metadata.name,
    document,
    priority,
    specificity: specificityOf(document),
    repositories: match.repositories?.map(compileGlob),
    tags: match.tags?.map(compileGlob),
  };
  return { ok: true, policy };
}

/** More things asked for is more specific; among equals, more characters spelt out in the loosest pattern of each list. */
function specificityOf({ spec: { match } }: PolicyDocument): number {
  const { registries, repositories, tags, kinds, labels = {} } = match;
  const asked = [registries, repositories, tags, kinds].filter((list) => list !== undefined).length + Object.keys(labels).length;
  const loosest = (patterns: readonly string[] | undefined): number => (patterns ? Math.min(...patterns.map(literalsIn)) : 0);
  return asked * 1_000 + loosest(repositories) + loosest(tags);
}

/** In the order in which they decide: priority, then specificity, then name. Total, so that it never depends on the input's order. */
export const inOrder = (policies: readonly Policy[]): readonly Policy[] =>
  policies.toSorted((a, b) => b.priority - a.priority || b.specificity - a.specificity || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));

/** SHA-256, in hex, over the policies in force: the same whatever order they come in and however their YAML is laid out. */
export function policySetVersion(policies: readonly Policy[]): string {
  const hash = createHash('sha256');
  for (const { document } of policies.toSorted((a, b) => (a.id < b.id ? -1 : 1))) hash.update(`${canonical(document)}\n`);
  return hash.digest('hex');
}

/** JSON with sorted keys and no blanks, as in RFC 8785 for the plain values that a policy holds. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}
