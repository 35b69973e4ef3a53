import type { RecordType } from './events.ts';

/**
 * The one list of topics: it creates them, is compared with the cluster at start, and prints `docs/topology.md`.
 * All have the same partition count, and what must stay in order shares a key, so that the same partition number of several
 * topics holds the same repositories. A count can never change, because keys would move: `docs/adr`.
 */
export type TopicKind = 'event' | 'table' | 'state' | 'marks';
export type Topic = {
  readonly name: string;
  readonly kind: TopicKind;
  readonly records: readonly RecordType[];
  /** What the record key is. A state topic's rows lie in the partition of the key that made them. */
  readonly key: string;
  /** -1 keeps for ever. */
  readonly retentionMs: number;
  readonly purpose: string;
};

const days = (count: number): number => count * 24 * 60 * 60 * 1000;
const event = (name: string, records: readonly RecordType[], key: string, purpose: string, retentionMs = -1): Topic => ({
  name: `waybill.${name}.v1`,
  kind: 'event',
  records,
  key,
  retentionMs,
  purpose,
});
/** Events of which only the newest per key counts: compacted, so that it can be read whole at any time. Not audited, since it forgets. */
const table = (name: string, records: readonly RecordType[], key: string, purpose: string): Topic => ({
  name: `waybill.${name}.v1`,
  kind: 'table',
  records,
  key,
  retentionMs: -1,
  purpose,
});
/** Compacted. */
const state = (name: string, records: readonly RecordType[], key: string, purpose: string, retentionMs = -1): Topic => ({
  name: `waybill.${name}.v1`,
  kind: 'state',
  records,
  key,
  retentionMs,
  purpose,
});
/** Batches of ids that an app has dealt with. Not compacted: a mark ends by itself. Kept a day longer than it counts, for late records. */
const marks = (name: string, key: string, purpose: string, ttlMs: number): Topic => ({
  name: `waybill.${name}.v1`,
  kind: 'marks',
  records: ['MarkBatch'],
  key,
  retentionMs: ttlMs + days(1),
  purpose,
});
const jobs = (app: string): Topic => state(`${app}-jobs`, ['Job'], 'job id', `Slow work of ${app} that is due or parked.`);
const held = (app: string): Topic =>
  state(`${app}-held`, ['HeldRecord'], 'topic/partition/offset', `What ${app} could not process, and what waits behind it.`);

const repository = 'registry/repository';

export const topics = {
  deliveries: event('deliveries', ['DeliveryReceived'], 'endpoint', 'Webhooks as received, byte for byte.', days(30)),
  deliveryReplays: event('delivery-replays', ['DeliveryReplayed'], 'endpoint', 'Stored deliveries that were read again, by whom and why.'),
  imageEvents: event(
    'image-events',
    ['ImagePushed', 'ImageDeleted', 'ImagePulled'],
    repository,
    'What deliveries say, one event per image.',
  ),
  images: event('images', ['ImagePushed', 'ImageDeleted'], repository, 'Each occurrence once.'),
  catalog: state(
    'catalog',
    ['TagEntry', 'DigestEntry'],
    'registry/repository:tag or @digest',
    'Tags and digests: first seen, now, before.',
  ),
  dedupMarks: marks('dedup-marks', 'none', 'Ids of occurrences already passed on.', days(30)),
  inspections: event('inspections', ['ImageInspected', 'ImageInspectionFailed'], repository, 'What a pushed image is.'),
  imageFacts: state('image-facts', ['ImageFacts'], 'registry/repository@digest', 'Newest facts per manifest.'),
  inspectorJobs: jobs('inspector'),
  scanRequests: event('scan-requests', ['ScanRequested'], 'digest', 'Platform manifests that want a verdict.'),
  scans: event('scans', ['ImageScanned', 'ScanFailed'], 'digest', 'One verdict per digest.'),
  scanReports: event('scan-reports', ['ScanReported'], repository, 'Verdicts, told to each repository that holds the digest.'),
  scanState: state('scan-state', ['ScanState'], 'digest', 'Newest verdict per digest.'),
  scannerJobs: jobs('scanner'),
  policies: event(
    'policies',
    ['PolicyPublished', 'PolicyRetired', 'CandidatePublished', 'CandidateWithdrawn'],
    'policy id, or candidate/name/policy id',
    'Policies as written, with their author; and candidates, which are only compared with them.',
  ),
  decisions: event('decisions', ['ImageDecided'], repository, 'Where an image may go, and why.'),
  differences: event(
    'differences',
    ['DecisionDiffered', 'DecisionAgreed', 'CandidateCompared'],
    repository,
    'Where a candidate decides otherwise than the policies in force. Nobody acts on it.',
  ),
  decisionState: state('decision-state', ['DecisionState'], 'registry/repository:tag', 'What is decided or awaited per tag.'),
  policyEvidence: state(
    'policy-evidence',
    ['ImageEvidence', 'RepositoryPulls', 'PolicySweep', 'QuotaDenial'],
    'registry/repository@digest',
    'What decisions are made from, how far they have been compared with the policies, and which wait for room.',
  ),
  reviewRequests: event(
    'review-requests',
    ['ReviewRequested'],
    repository,
    'Tags that may have to be decided otherwise, because of the time, other policies, registries or usage.',
  ),
  policyJobs: jobs('policy'),
  replications: event('replications', ['ImageCopied', 'ImageCopyFailed'], repository, 'Copies made and verified, or given up.'),
  replicaState: state('replica-state', ['ReplicaState'], 'target registry/repository:tag', 'What is where.'),
  replicatorJobs: jobs('replicator'),
  registryHealth: event('registry-health', ['RegistryHealthChanged'], 'registry name', 'Which registries answer, told when that changes.'),
  registryProbes: state('registry-probes', ['RegistryProbe'], 'registry name', 'What is told of a registry, and what speaks against it.'),
  copyChanges: event(
    'copy-changes',
    ['CopyChanged'],
    'target registry/repository',
    'What became of copies, passed on to the places that they go to.',
  ),
  usage: table(
    'usage',
    ['TenantUsage', 'RegistryUsage'],
    'tenant/name@partition or registry/name@partition',
    'What tenants have and registries hold, a part per partition.',
  ),
  pullCounts: event('pull-counts', ['PullsCounted'], repository, 'How often and where repositories were pulled, copies with their source.'),
  usageState: state(
    'usage-state',
    ['CopyState', 'DeletionState', 'PullState', 'TenantTotal', 'RegistryTotal'],
    'kind and name of what is counted',
    'What is where, as far as it counts, and the sums of it.',
  ),
  usageMarks: marks('usage-marks', 'none', 'Ids of pulls that are counted.', days(7)),
  usageJobs: jobs('usage'),
  parked: event('parked', ['RecordParked'], 'topic/partition/offset', 'Records that could not be processed, with their bytes.'),
  parkedCommands: event(
    'parked-commands',
    ['ParkedRetryRequested', 'ParkedDropRequested'],
    'app/kind/id',
    'What is to become of parked records and jobs; in the partition where they wait.',
  ),
  projections: event('projections', ['ProjectionSwapped'], 'app', 'Which version of an app is live, who made it so, and why.'),
  dedupHeld: held('dedup'),
  inspectorHeld: held('inspector'),
  scannerHeld: held('scanner'),
  policyHeld: held('policy'),
  replicatorHeld: held('replicator'),
  usageHeld: held('usage'),
  auditHeld: held('audit'),
  audit: event('audit', ['AuditEntry'], 'partition', 'Every record of every event topic in a hash chain per partition.'),
  auditHeads: state('audit-heads', ['AuditHead'], 'head', 'Last link per chain.'),
} as const satisfies Record<string, Topic>;

/** Written by earlier versions into topics that no app uses any more; what they left in logs can still be read. */
export const retiredRecords: readonly RecordType[] = ['SeenMark'];

/** Apps whose rows can be rebuilt from the log beside the live ones: what they read, and what a version of them writes for itself. */
export const rebuildable: Readonly<Record<string, { readonly inputs: readonly Topic[]; readonly state: readonly Topic[] }>> = {
  dedup: { inputs: [topics.imageEvents], state: [topics.catalog, topics.dedupMarks, topics.dedupHeld] },
  policy: {
    inputs: [topics.images, topics.inspections, topics.scanReports, topics.pullCounts, topics.reviewRequests],
    state: [topics.decisionState, topics.policyEvidence, topics.policyJobs, topics.policyHeld],
  },
  usage: {
    inputs: [topics.decisions, topics.replications, topics.copyChanges, topics.images, topics.imageEvents],
    state: [topics.usageState, topics.usageMarks, topics.usageJobs, topics.usageHeld],
  },
};

export type TopicId = keyof typeof topics;
export const allTopics: readonly Topic[] = Object.values(topics);
/** What the audit chains: every event topic but its own. */
export const auditedTopics: readonly Topic[] = allTopics.filter((topic) => topic.kind === 'event' && topic.name !== topics.audit.name);

/** Twice the most instances that an app is expected to run in the first years; each costs one producer and one store per app. */
export const partitionsDefault = 6;
