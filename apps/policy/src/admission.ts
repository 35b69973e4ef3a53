import type { DecisionState, ImageDecided } from '@waybill/domain';
import { evaluate, findPolicy, type CompiledSet, type Evidence } from '@waybill/policy-engine';

/** What the policies on what may run say of an image. */
export type Admission = Omit<NonNullable<ImageDecided['admission']>, 'retroactive'>;

/** @returns null where no such policy is in force: then nobody has an opinion, which is no denial */
export function admissionOn(set: CompiledSet, facts: Evidence, atMs: number): Admission | null {
  if (set.policies.length === 0) return null;
  const { outcome, code, policyId, reason } = evaluate(set, facts, atMs);
  const isAboutRunning = policyId !== null && findPolicy(set, policyId)?.document.spec.enforce === 'running';
  return { outcome, code, policyId, reason, isAboutRunning };
}

/** A hold is news only where it takes back that it may run. */
export function isAdmissionNews({ toldAdmission: told }: DecisionState, admission: Admission | null): boolean {
  const outcome = admission?.outcome ?? '';
  return outcome === 'held' ? told === 'allow' : outcome !== told;
}
