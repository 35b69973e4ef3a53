import { awaitedBy, truthOfAll, unknownAmong, type Clause } from '../clause.ts';
import { compileMatch } from '../compile-match.ts';
import { ownMatch } from '../document/owner.ts';
import { oncePer } from '../once.ts';
import { rank } from '../severity.ts';
import type { Question, Surroundings } from '../surroundings.ts';

type Known = {
  readonly id: string;
  /** Whose it is; undefined for those of whoever runs the registries. */
  readonly tenant: string | undefined;
  readonly clauses: readonly Clause[];
  readonly expiresAtMs: number;
};

/** What is to be taken away. `severity` null: it is not wanted by its name, however severe it is. */
export type Unwanted = { readonly id: string; readonly severity: string | null };

/** Whether somebody answers for a finding in an image. */
export type Excepted =
  | { readonly holds: 'yes'; readonly id: string }
  | { readonly holds: 'no' }
  | { readonly holds: 'unknown'; readonly awaiting: readonly string[] };

/** Of several that count, the one that does so longest: the answer changes as seldom as it can. */
export function exceptionFor(finding: Unwanted, { evidence, atMs, surroundings }: Question): Excepted {
  let awaiting: readonly string[] = [];
  for (const { id, tenant, clauses, expiresAtMs } of byFinding(surroundings.Exception).get(finding.id) ?? []) {
    if (atMs >= expiresAtMs) break;
    if (tenant !== undefined && !isGranted(tenant, finding, surroundings)) continue;
    const isMeant = truthOfAll(clauses, evidence);
    if (isMeant === 'yes') return { holds: 'yes', id };
    if (isMeant === 'unknown') awaiting = [...awaiting, ...unknownAmong(clauses, evidence).map(awaitedBy)];
  }
  return awaiting.length > 0 ? { holds: 'unknown', awaiting } : { holds: 'no' };
}

/** What whoever runs the registries forbids by name, no tenant allows itself. */
function isGranted(tenant: string, { severity }: Unwanted, { Tenant }: Surroundings): boolean {
  const grant = Tenant.get(tenant)?.spec.mayExcept;
  return grant !== undefined && severity !== null && rank(severity) <= rank(grant.worstSeverity);
}

/** When those that are about one of these findings expire, whatever image they are for. */
export const exceptionsUntil = (findings: readonly string[], { Exception }: Surroundings): readonly number[] =>
  Exception.size === 0
    ? []
    : [...new Set(findings)].flatMap((finding) => (byFinding(Exception).get(finding) ?? []).map(({ expiresAtMs }) => expiresAtMs));

/** Most images need none, and documents change seldom. */
const byFinding = oncePer((documents: Surroundings['Exception']): ReadonlyMap<string, readonly Known[]> => {
  const grouped = new Map<string, Known[]>();
  for (const { metadata, spec } of documents.values()) {
    const { name, tenant } = metadata;
    const { clauses } = compileMatch(ownMatch(spec.match ?? {}, metadata), []);
    const known = { id: `exception/${name}`, tenant, clauses, expiresAtMs: Date.parse(spec.expiresAt) };
    grouped.set(spec.finding, [...(grouped.get(spec.finding) ?? []), known]);
  }
  for (const each of grouped.values()) each.sort((a, b) => b.expiresAtMs - a.expiresAtMs || (a.id < b.id ? -1 : 1));
  return grouped;
});
