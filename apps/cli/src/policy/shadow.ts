import { deterministicId, type Event, type EventMeta, type EventOf } from '@waybill/domain';
import { findCandidate, type CandidateChange } from '@waybill/policy-engine';
import type { Occasion, Plan } from './plan.ts';
import { policyLogOf, isOfPolicies } from './policy-log.ts';
import type { Vault } from './vault.ts';

export type CandidateEvent = CandidateChange | EventOf<'CandidateWithdrawn'>;

/** A candidate that runs beside the policies in force. */
export type RunningShadow = {
  readonly shadowId: string;
  readonly candidate: string;
  readonly author: string;
  readonly reason: string;
  readonly startedAtMs: number;
  readonly changes: readonly CandidateChange[];
};

/** @param published All that was ever published, oldest first */
export function findShadow(published: readonly Event[]): RunningShadow | undefined {
  const changes = findCandidate(standing(published));
  if (changes === undefined) return undefined;
  const { shadowId, candidate, author, reason, publishedAtMs: startedAtMs } = changes[0]!.data;
  return { shadowId, candidate, author, reason, startedAtMs, changes };
}

/** What was published of candidates and not withdrawn since, also of one of which not all is there. */
function standing(published: readonly Event[]): readonly CandidateChange[] {
  const newest = new Map(published.filter(isOfCandidates).map((event) => [event.meta.subject, event]));
  return [...newest.values()].filter((event) => event.type === 'CandidatePublished');
}

const isOfCandidates = (event: Event): event is CandidateEvent =>
  event.type === 'CandidatePublished' || event.type === 'CandidateWithdrawn';

/** What a change would be to the policies that are in force now; `none` where they say the same already. */
export type ChangeNow = { readonly kind: 'adds' | 'changes' | 'retires' | 'none'; readonly policyId: string };

/** How a candidate differs from what is in force by now: that may have changed since it was started. */
export function changesNow(published: readonly Event[], { changes }: RunningShadow, vault: Vault): readonly ChangeNow[] {
  const { inForce } = policyLogOf(published.filter(isOfPolicies));
  return changes.map(({ data: { policyId, document, documentSha256 } }) => {
    const now = inForce.get(policyId)?.data;
    if (document === null) return { policyId, kind: now === undefined ? 'none' : 'retires' };
    if (now === undefined) return { policyId, kind: 'adds' };
    const text = { policyId, document, documentSha256: documentSha256 ?? '' };
    const isSame = now.documentSha256 === documentSha256 || (vault.open(now) ?? now.document) === (vault.open(text) ?? document);
    return { policyId, kind: isSame ? 'none' : 'changes' };
  });
}

/**
 * The events by which a plan becomes a candidate, in place of whatever was published of candidates before.
 * @param shadowId Unique to this start
 */
export function startEvents(
  published: readonly Event[],
  { changes }: Pick<Plan, 'changes'>,
  { candidate, shadowId }: { readonly candidate: string; readonly shadowId: string },
  occasion: Occasion,
): readonly CandidateEvent[] {
  const { author, reason } = occasion;
  const publishedAtMs = momentAfter(published, occasion);
  const events = changes.map(({ policyId, after }): CandidateChange => {
    const subject = `candidate/${candidate}/${policyId}`;
    const text = { document: after?.document ?? null, documentSha256: after?.documentSha256 ?? null };
    const data = { candidate, shadowId, policyId, ...text, changesCount: changes.length, author, reason, publishedAtMs };
    return {
      type: 'CandidatePublished',
      data,
      meta: metaOf(deterministicId('candidate', shadowId, policyId), subject, shadowId, publishedAtMs),
    };
  });
  const subjects = new Set(events.map(({ meta }) => meta.subject));
  return [...events, ...withdrawals(published, { ...occasion, atMs: publishedAtMs }).filter(({ meta }) => !subjects.has(meta.subject))];
}

/** The events by which whatever was published of candidates ends. */
export function withdrawals(published: readonly Event[], occasion: Occasion): readonly EventOf<'CandidateWithdrawn'>[] {
  const { author, reason } = occasion;
  const withdrawnAtMs = momentAfter(published, occasion);
  return standing(published).map(({ data: { candidate, policyId, shadowId }, meta: { id, subject } }) => ({
    type: 'CandidateWithdrawn',
    data: { candidate, policyId, author, reason, withdrawnAtMs },
    meta: metaOf(deterministicId('candidate-withdrawn', id), subject, shadowId, withdrawnAtMs),
  }));
}

/** After all that is in the log, whatever clock wrote that. */
const momentAfter = (published: readonly Event[], { atMs }: Occasion): number =>
  published.reduce((latest, { meta }) => Math.max(latest, meta.timeMs + 1), atMs);

const metaOf = (id: string, subject: string, correlationId: string, timeMs: number): EventMeta => ({
  ...{ id, source: '/waybill/cli', timeMs, subject, correlationId, causationId: null, traceparent: null },
});
