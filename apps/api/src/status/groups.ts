import { auditedTopics, type Topic, topics } from '@waybill/domain';

/** Consumer groups and what they read. Apps never import apps: test/integration/audit.test.ts compares this with their own topologies. */
export const groups: Readonly<Record<string, readonly Topic[]>> = {
  dedup: [topics.imageEvents],
  inspector: [topics.images],
  scanner: [topics.scanRequests],
  policy: [topics.images, topics.inspections, topics.scanReports, topics.pullCounts, topics.reviewRequests],
  replicator: [topics.decisions],
  usage: [topics.decisions, topics.replications, topics.copyChanges, topics.images, topics.imageEvents],
  audit: auditedTopics,
};
