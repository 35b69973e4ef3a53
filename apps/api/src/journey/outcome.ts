import { type DecisionState, type PolicyTrace, type ReplicaState } from '@waybill/domain';
import type { StepRow } from '../read-model/rows.ts';
import type { JourneyJob, Outcome } from './journey.ts';
import { isHeldAgain, shortDigest } from './words.ts';

/** What is known about a push, gathered from the read model. */
export type Facts = {
  /** Null for a push by digest alone. */
  readonly tag: string | null;
  readonly digest: string | null;
  /** The registry's time, as in the row of the policy app. */
  readonly pushedAtMs: number;
  readonly deduplicated: boolean;
  readonly inspected: boolean;
  readonly inspectionFailure: string | null;
  /** The newest decision on this content under this tag, also where an earlier push brought it about. */
  readonly decision: StepRow | undefined;
  /** What the policy app now says about the tag. */
  readonly state: DecisionState | undefined;
  readonly replicas: readonly ReplicaState[];
  /** Targets that were reached for the decision, in events: a row says only what is there now. */
  readonly copiedTargets: readonly string[];
  readonly jobs: readonly JourneyJob[];
};

type Fields = {
  readonly outcome?: string;
  readonly reason?: string;
  readonly policyId?: string | null;
  readonly trace?: readonly PolicyTrace[];
};

/** Where a push stands, and why. Total: whatever is missing is what is awaited. */
export function outcomeOf(facts: Facts): Outcome {
  const plain = (status: Outcome['status'], final: boolean, text: string, awaiting: readonly string[] = []): Outcome => ({
    ...{ status, final, text, awaiting },
    ...{ policyId: null, trace: [] },
  });
  if (facts.decision !== undefined) return decided(facts, facts.decision);
  if (facts.tag === null)
    return plain('recorded', facts.deduplicated, 'pushed by digest: it is judged with the image or index that names it');
  const { state, digest } = facts;
  if (hasMovedOn(facts)) return plain('superseded', true, movedOnWords(state));
  if (state?.status === 'held' && (digest === null || state.digest === digest))
    return { ...plain('held', false, heldWords(state), state.awaiting), policyId: state.policyId };
  if (facts.inspectionFailure !== null)
    return plain('under-way', false, `could not be read: ${facts.inspectionFailure}; the decision follows`, ['decision']);
  if (!facts.deduplicated) return plain('under-way', false, 'in the log; dedup has not come to it', ['dedup']);
  if (!facts.inspected) return plain('under-way', false, 'waits for its inspection', ['inspection']);
  return plain('under-way', false, 'inspected; the policies have not come to it', ['decision']);
}

/** Of a tag that was deleted the row stays. One without a digest otherwise waits for its own: until then nothing has moved. */
function hasMovedOn({ state, digest, pushedAtMs }: Facts): boolean {
  if (state === undefined || state.pushedAtMs < pushedAtMs) return false;
  return state.status === 'deleted' || (digest !== null && state.digest !== '' && state.digest !== digest);
}
const movedOnWords = (state: DecisionState | undefined): string =>
  state?.status === 'deleted' ? 'the tag was deleted' : `the tag has moved on to ${shortDigest(state?.digest ?? '')}`;

/** The policy's own words where it has some: they name what is awaited. */
function heldWords({ awaiting, reason }: DecisionState): string {
  return `held: ${shortDigests(reason === '' ? `waits for ${awaiting.join(' and ') || 'evidence'}` : reason)}`;
}

const shortDigests = (text: string): string => text.replace(/sha(?:256|512):[0-9a-f]{64,128}/g, shortDigest);

function decided(facts: Facts, decision: StepRow): Outcome {
  const { outcome, reason = '', policyId = null, trace = [] } = decision.details as Fields;
  const about = { policyId, trace, awaiting: [] as readonly string[] };
  if (outcome === 'held') {
    const awaiting = facts.state?.awaiting ?? [];
    const held = isHeldAgain(decision) ? 'held again' : 'held';
    return { ...about, status: 'held', final: false, text: takenBackWords(held, facts, shortDigests(reason)), awaiting };
  }
  if (outcome !== 'allow') return { status: 'denied', final: true, text: takenBackWords('denied', facts, reason), ...about };
  const targetsCount = Number(decision.details['targetsCount'] ?? 0);
  if (targetsCount === 0) return { status: 'allowed', final: true, text: `allowed: ${reason}; no policy names a target`, ...about };
  const mine = facts.replicas.filter((replica) => replica.digest === decision.details['digest']);
  const named = (status: string): readonly string[] => mine.filter((replica) => replica.status === status).map(targetName);
  const copied = [...new Set([...named('copied'), ...facts.copiedTargets])];
  const failed = named('failed').filter((name) => !copied.includes(name));
  const reasons = mine.filter((replica) => failed.includes(targetName(replica))).map((replica) => replica.reason ?? 'given up');
  if (copied.length >= targetsCount) return { status: 'copied', final: true, text: `copied to ${copied.join(', ')}`, ...about };
  if (failed.length > 0)
    return {
      status: 'copy-failed',
      final: copied.length + failed.length >= targetsCount,
      text: `not copied to ${failed.join(', ')}: ${reasons.join('; ')}`,
      ...about,
    };
  if (hasMovedOn(facts)) return { status: 'superseded', final: true, text: `allowed, but ${movedOnWords(facts.state)}`, ...about };
  const left = targetsCount - copied.length;
  const text = `allowed; ${left} of ${targetsCount} ${targetsCount === 1 ? 'copy' : 'copies'} under way`;
  return { status: 'copying', final: false, text, ...about, awaiting: ['copy'] };
}

/** It stops what is on its way; what is there already stays, and whoever reads it must know. */
function takenBackWords(what: string, { replicas, digest }: Facts, reason: string): string {
  const there = replicas.filter((replica) => replica.status === 'copied' && replica.digest === digest).map(targetName);
  return `${what}: ${reason}${there.length > 0 ? `; copied before, and still at ${there.join(', ')}` : ''}`;
}

const targetName = ({ targetRegistry, targetRepository, targetTag }: ReplicaState): string =>
  `${targetRegistry}/${targetRepository}:${targetTag}`;
