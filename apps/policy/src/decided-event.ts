import { repositoryKey, tagKey, targetKey, topics, type DecisionState, type ImageDecided, type ImageEvidence } from '@waybill/domain';
import { inputsSha256, traceMax, traceOf, versionOf, withTenant } from '@waybill/policy-engine';
import type { Emit } from '@waybill/stream';
import { inputsOf } from './inputs.ts';
import type { Judgement, Occasion } from './judge.ts';
import type { PolicySet } from './policy-set.ts';
import { toldOutcome } from './told-outcome.ts';

export type DecidedEmit = Extract<Emit, { readonly event: unknown }> & {
  readonly event: { readonly type: 'ImageDecided'; readonly data: ImageDecided };
};

/**
 * A decision as it is told. With the ids of the events that its facts came from, the version of the documents and the moment, it can be
 * made again from the log alone; `inputsSha256` tells whether that was from the same.
 * @param row as it was before
 */
export function decidedEvent(
  { rulebook, broken }: PolicySet,
  row: DecisionState,
  evidence: ImageEvidence,
  {
    decision,
    admission,
    facts: { evidence: asking, asked },
    occasion,
    row: { changedAtMs: atMs },
  }: Judgement & { readonly occasion: Occasion },
): DecidedEmit {
  const { registry, repository, tag, digest, pushEventId } = row;
  const { outcome, code, policyId, reason } = decision;
  const allowed = new Set(decision.targets.map(targetKey));
  const takenBack = row.targets.filter((target) => !allowed.has(targetKey(target)));
  const trace = traceOf(rulebook.replication, asking, atMs);
  const facts = asked(); // Also what the trace has asked for.
  const data: ImageDecided = {
    ...{ registry, repository, tag, digest, outcome, code, policyId, policySetVersion: versionOf(rulebook), reason },
    trace: [...trace, ...broken].slice(0, traceMax),
    // A deny names the targets that it takes back: a copy to them may still be waiting.
    targets: outcome === 'allow' ? decision.targets : takenBack,
    exceptionIds: decision.exceptionIds,
    takenBack,
    retroactive: toldOutcome(row) === 'allow' && outcome !== 'allow',
    admission: admission && { ...admission, retroactive: row.toldAdmission === 'allow' && admission.outcome !== 'allow' },
    ...inputsOf(evidence, facts),
    inputsSha256: inputsSha256(facts, atMs),
    // For whoever counts what tenants have.
    tenant: withTenant(facts, rulebook.replication.surroundings).tenant ?? null,
    sizeBytes: evidence.sizeBytes,
    ...{ evaluatedAtMs: atMs, occasion, pushEventId },
  };
  return {
    topic: topics.decisions,
    key: repositoryKey(row),
    subject: tagKey(row, tag),
    event: { type: 'ImageDecided', data },
    discriminator: tag,
    correlationId: row.correlationId,
  };
}
