import { allTopics, type Topic, topics } from '@waybill/domain';

/** State topics that no endpoint shows: marks, evidence and heads of other apps. */
const unread: readonly Topic[] = [topics.dedupMarks, topics.imageFacts, topics.policyEvidence, topics.auditHeads];

/** What the read model is a fold of. */
export const followedTopics: readonly Topic[] = allTopics.filter((topic) => !unread.includes(topic));
