import { evaluate } from '../evaluate.ts';
import type { Evidence } from '../evidence.ts';
import { findPolicy, type CompiledSet } from '../set/compiled-set.ts';
import { choose } from '../targets/choose.ts';
import { residenceOf } from '../targets/residency.ts';
import { withTenant } from '../tenants/namespaces.ts';

/** Where the policy that decides wants an image, by names of registries. */
export type WantedPlaces = {
  /** Where it has to be. */
  readonly fixed: readonly string[];
  /** Targets that are content with some of several registries. Residency lets the image lie in all of these. */
  readonly choices: readonly { readonly copies: number; readonly among: readonly string[] }[];
};

/** @returns undefined of an image that is not allowed now: where it goes is not known, or it goes nowhere */
export function wantedPlaces(set: CompiledSet, evidence: Evidence, atMs: number): WantedPlaces | undefined {
  const { outcome, policyId } = evaluate(set, evidence, atMs);
  const policy = outcome === 'allow' && policyId !== null ? findPolicy(set, policyId) : undefined;
  if (policy === undefined) return undefined;
  const { surroundings } = set;
  const question = { evidence: withTenant(evidence, surroundings), atMs, surroundings };
  const residence = residenceOf(question);
  const fixed: string[] = [];
  const choices: WantedPlaces['choices'][number][] = [];
  for (const target of policy.document.spec.replicate ?? []) {
    const { chosen, passedOver } = choose(target, question, residence);
    if (target.copies === undefined) fixed.push(...chosen);
    else choices.push({ copies: target.copies, among: [...chosen, ...passedOver] });
  }
  return { fixed, choices };
}
