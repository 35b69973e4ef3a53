import type { Event, EventOf } from '@waybill/domain';

/** What a candidate says of one policy. */
export type CandidateChange = EventOf<'CandidatePublished'>;

/** More would cost what is in force its speed when it changes. */
export const candidateChangesMax = 1_000;

/**
 * The newest candidate of which all is there. Its events lie in several partitions and become visible one by one: half of one would tell
 * differences that there are not.
 * @param newest The newest event of each key
 * @returns a change per policy, by policy id; undefined where there is no candidate
 */
export function findCandidate(newest: readonly Event[]): readonly CandidateChange[] | undefined {
  const published = newest.filter((event) => event.type === 'CandidatePublished');
  const complete = [...Map.groupBy(published, ({ data }) => data.shadowId).values()].filter(
    (changes) => changes.length === changes[0]!.data.changesCount,
  );
  const [found] = complete.toSorted(
    ([a], [b]) => b!.data.publishedAtMs - a!.data.publishedAtMs || (a!.data.shadowId < b!.data.shadowId ? -1 : 1),
  );
  return found?.toSorted((a, b) => (a.data.policyId < b.data.policyId ? -1 : 1));
}
