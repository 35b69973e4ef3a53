import { repositoryKey, tagKey, topics, type DecisionState, type ImageEvidence, type TypedRecord, type Verdict } from '@waybill/domain';
import { inputsSha256, versionOf, type Evidence } from '@waybill/policy-engine';
import type { Emit } from '@waybill/stream';
import { inputsOf } from '../inputs.ts';
import type { Ruling } from '../ruling.ts';
import type { PolicySet } from '../policy-set.ts';
import type { Shadow } from './read-shadow.ts';

/** Two rulings on a tag, and what both were made from. */
export type Compared = {
  readonly active: Ruling;
  readonly shadow: Ruling;
  readonly evidence: ImageEvidence;
  readonly facts: Evidence;
  readonly atMs: number;
};

/** @param row as it is when the active decision, if there is one, has been told */
export function differedEvent(
  set: PolicySet,
  { id: shadowId, candidate, rulebook }: Shadow,
  row: DecisionState,
  { active, shadow, evidence, facts, atMs }: Compared,
): Emit {
  const { decisionEventId, pushEventId, toldDifference } = row;
  const versions = { policySetVersion: versionOf(set.rulebook), candidateSetVersion: rulebook === null ? '' : versionOf(rulebook) };
  const data = {
    ...{ ...nameOf(row), candidate, shadowId, ...versions, active: verdictOf(active), shadow: verdictOf(shadow) },
    ...inputsOf(evidence, facts),
    ...{ inputsSha256: inputsSha256(facts, atMs), decisionEventId, pushEventId, evaluatedAtMs: atMs },
  };
  return emitOf(row, { type: 'DecisionDiffered', data }, toldDifference);
}

/** @param row as it was: with the difference that is no longer there */
export const agreedEvent = ({ id: shadowId, candidate }: Shadow, row: DecisionState, reason: string, atMs: number): Emit =>
  emitOf(row, { type: 'DecisionAgreed', data: { ...nameOf(row), candidate, shadowId, reason, evaluatedAtMs: atMs } }, row.toldDifference);

/** All tags of a partition were compared, or cannot be. */
export function comparedEvent(
  { id: shadowId, candidate, rulebook, fault, version }: Shadow,
  { id, atMs }: { readonly id: string; readonly atMs: number },
): Emit {
  const candidateSetVersion = rulebook === null ? '' : versionOf(rulebook);
  const data = { candidate, shadowId, partition: Number(id.split('/')[1]), candidateSetVersion, fault, comparedAtMs: atMs };
  const event: TypedRecord = { type: 'CandidateCompared', data };
  return { topic: topics.differences, key: id, subject: `candidate/${candidate}`, event, discriminator: version, correlationId: shadowId };
}

const nameOf = ({ registry, repository, tag, digest }: DecisionState) => ({ registry, repository, tag, digest });

const verdictOf = ({ decision, admission }: Ruling): Verdict => {
  const { outcome, code, policyId, reason, targets } = decision;
  return { outcome, code, policyId, reason, targets, admission: admission && admissionOf(admission) };
};

const admissionOf = ({ outcome, code, policyId, reason }: NonNullable<Ruling['admission']>) => ({ outcome, code, policyId, reason });

const emitOf = (row: DecisionState, event: TypedRecord, difference: string): Emit => ({
  ...{ topic: topics.differences, key: repositoryKey(row), subject: tagKey(row, row.tag), event },
  ...{ discriminator: `${row.tag} ${difference}`, correlationId: row.correlationId },
});
