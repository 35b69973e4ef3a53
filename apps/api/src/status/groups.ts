import { auditedTopics, type Topic, topics } from '@waybill/domain';

/** Consumer groups and what they read; compared with the apps' own topologies in test/integration/audit.test.ts, since apps never import apps. */
export const groups: Readonly<Record<string, readonly Topic[]>> = {
  dedup: [topics.imageEvents],
  inspector: [topics.images],
  scanner: [topics.scanRequests],
  policy: [topics.images, topics.inspections, topics.scanReports],
  replicator: [topics.decisions],
  audit: auditedTopics,
};
