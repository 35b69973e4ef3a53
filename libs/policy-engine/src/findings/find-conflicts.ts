import { compileSet, withSurroundings } from '../set/compiled-set.ts';
import { noSurroundings, type Surroundings } from '../surroundings.ts';
import type { Policy } from '../policy.ts';
import { findCycles } from './cycles.ts';
import type { Finding } from './finding.ts';
import { findMistakes } from './mistakes.ts';
import { inNamespaces } from './namespaces.ts';
import { findOverlaps } from './overlaps.ts';
import { findPlaceMistakes } from './places.ts';
import { findShadowed } from './shadows.ts';
import { findTenantMistakes } from './tenants.ts';
import { openLedger, type Bounds, type KnownRegistry, type Unfinished } from './work.ts';

/** What a whole set of policies was found to hold, errors first, then by policy; and what could not be looked into within the bounds. */
export type Report = { readonly findings: readonly Finding[]; readonly unfinished: readonly Unfinished[] };

const defaults: Bounds = { stepsMax: 100_000_000, stepsPerQuestionMax: 1_000_000, findingsPerCheckMax: 1_000 };

/**
 * Looks at policies together, as they would decide together: contradictions, policies that never decide, unknown registries, copies that
 * come round, patterns and requirements that nothing fulfils, registries, tenants and quotas that do not go together. Each finding that
 * is about images has one that proves it. The images are found by walking the
 * patterns' automata, not by trying names, so that what is not found is not there. Deterministic, and bounded in work: what would take
 * more is listed in `unfinished`.
 *
 * @param registries those of registries.yaml; undefined where they are not known: what depends on them is then listed as unfinished
 */
export function findConflicts(
  policies: readonly Policy[],
  registries: readonly KnownRegistry[] | undefined,
  { surroundings = noSurroundings, ...bounds }: Partial<Bounds> & { readonly surroundings?: Surroundings } = {},
): Report {
  const set = withSurroundings(compileSet(policies.map((policy) => inNamespaces(policy, surroundings))), surroundings);
  const { run, findings, unfinished } = openLedger(set, registries, { ...defaults, ...bounds });
  for (const check of [findMistakes, findPlaceMistakes, findTenantMistakes, findShadowed, findOverlaps, findCycles]) run(check);
  return { findings: findings.toSorted(compareFindings), unfinished: unfinished() };
}

const keyOf = ({ severity, policyIds, code, path }: Finding): string => [severity, policyIds.join(' '), code, path].join('\n');
const compareFindings = (a: Finding, b: Finding): number => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0);
