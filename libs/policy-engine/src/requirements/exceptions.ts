import { awaitedBy, truthOfAll, unknownAmong, type Clause } from '../clause.ts';
import { compileMatch } from '../compile-match.ts';
import { oncePer } from '../once.ts';
import type { Question, Surroundings } from '../surroundings.ts';

type Known = { readonly id: string; readonly clauses: readonly Clause[]; readonly expiresAtMs: number };

/** Whether somebody answers for a finding in an image. */
export type Excepted =
  | { readonly holds: 'yes'; readonly id: string }
  | { readonly holds: 'no' }
  | { readonly holds: 'unknown'; readonly awaiting: readonly string[] };

/** Of several that count, the one that does so longest: the answer changes as seldom as it can. */
export function exceptionFor(finding: string, { evidence, atMs, surroundings }: Question): Excepted {
  let awaiting: readonly string[] = [];
  for (const { id, clauses, expiresAtMs } of byFinding(surroundings.Exception).get(finding) ?? []) {
    if (atMs >= expiresAtMs) break;
    const isMeant = truthOfAll(clauses, evidence);
    if (isMeant === 'yes') return { holds: 'yes', id };
    if (isMeant === 'unknown') awaiting = [...awaiting, ...unknownAmong(clauses, evidence).map(awaitedBy)];
  }
  return awaiting.length > 0 ? { holds: 'unknown', awaiting } : { holds: 'no' };
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
    const known = { id: `exception/${metadata.name}`, expiresAtMs: Date.parse(spec.expiresAt), ...compileMatch(spec.match ?? {}, []) };
    grouped.set(spec.finding, [...(grouped.get(spec.finding) ?? []), known]);
  }
  for (const each of grouped.values()) each.sort((a, b) => b.expiresAtMs - a.expiresAtMs || (a.id < b.id ? -1 : 1));
  return grouped;
});
