export { assertNever } from './assert-never.ts';
export { deterministicId } from './ids.ts';
export type { Event, EventMeta, EventOf, RecordType, TypedRecord } from './events.ts';
export { happenedAtMs } from './occurrence.ts';
export type * from './records.generated.ts';
export { allTopics, auditedTopics, partitionsDefault, rebuildable, retiredRecords, topics } from './topics.ts';
export type { Topic, TopicId, TopicKind } from './topics.ts';
export { digestKey, isDigest, isRegistryHost, isRepositoryName, isTag, repositoryKey, tagKey } from './vocabulary.ts';
export type { Digest, RegistryHost, RepositoryName } from './vocabulary.ts';
