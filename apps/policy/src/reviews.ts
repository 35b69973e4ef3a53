import { repositoryKey, tagKey, topics, type DecisionState, type ReviewRequested } from '@waybill/domain';
import type { Emit, JobRequest, JobRow } from '@waybill/stream';

/**
 * Decisions are made when a record is read, so that they follow from the log alone: what a clock or a change of documents gives rise to
 * is a request in the log, keyed like all that concerns the repository, and read like a push.
 */
export function reviewRequest(row: DecisionState, occasion: Review, policySetVersion: string, atMs: number, dueAtMs = atMs): Emit {
  const { registry, repository, tag, digest, correlationId } = row;
  const data: ReviewRequested = { registry, repository, tag, digest, occasion, dueAtMs, policySetVersion, requestedAtMs: atMs };
  return {
    ...{ topic: topics.reviewRequests, key: repositoryKey(row), subject: tagKey(row, tag), discriminator: tagKey(row, tag), correlationId },
    event: { type: 'ReviewRequested', data },
  };
}
export type Review = 'time' | 'policies' | 'registries' | 'usage';

/** Wakes when time alone may make a decision another one. Its id is the key of the tag: there is one per tag. */
export const reviewTimer = (row: DecisionState): Omit<JobRequest, 'id'> => {
  const { registry, repository, tag, digest, reviewAtMs, correlationId } = row;
  const payload: Reviewed = { registry, repository, tag, digest };
  return { kind: 'review', key: repositoryKey(row), payload, correlationId, ...(reviewAtMs !== null && { notBeforeMs: reviewAtMs }) };
};

export type Reviewed = Pick<DecisionState, 'registry' | 'repository' | 'tag' | 'digest'>;
export const reviewedBy = ({ payload }: JobRow): Reviewed => JSON.parse(payload) as Reviewed;
