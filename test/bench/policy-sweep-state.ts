import { join } from 'node:path';
import {
  digestKey,
  repositoryKey,
  tagKey,
  topics,
  type DecisionState,
  type ImageEvidence,
  type Job,
  type TypedRecord,
} from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { compileRulebook, parseDocument, versionOf, type Document } from '@waybill/policy-engine';
import { openStateStore } from '@waybill/state-store';
import { partitionOfKey, type Codec, type StoreChanges } from '@waybill/stream';
import { topologyDriver } from '@waybill/stream/testing';
import { createPolicy } from '../../apps/policy/src/topology.ts';

export const partitions = 6;
/** Each has one hundredth of the tags, and a policy of its own. */
const teamsCount = 100;
const tagsPerRepository = 10;
const chunkRows = 10_000;

/** When the run begins: five minutes past the hour. */
export const beginMs = Date.UTC(2026, 0, 10, 0, 5);
/** When all reviews are due. */
export const dueMs = Date.UTC(2026, 0, 10, 1);

export const publishedOf = (policyId: string, spec: object): Extract<TypedRecord, { readonly type: 'PolicyPublished' }> => ({
  type: 'PolicyPublished',
  data: {
    ...{ policyId, documentSha256: '', author: 'bench', publishedAtMs: beginMs, reason: '', previousSha256: null },
    document: JSON.stringify(documentOf(policyId, spec)),
  },
});

const documentOf = (name: string, spec: object) => ({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name }, spec });

/** Of every team; true at any hour, so that each decision is looked at anew at each. */
export const teamSpec = (team: number, registry = 'b') => ({
  match: { repositories: [`team-${team}/**`] },
  when: 'time.hour < 24',
  require: { scan: { withinHours: 720, worstSeverity: 'high' } },
  replicate: [{ registry }],
});

/** A policy per team, and others that are about nothing here. */
export const specsOf = (policiesCount: number): ReadonlyMap<string, object> =>
  new Map(
    Array.from({ length: policiesCount }, (_, at) => {
      const { when, ...spec } = teamSpec(at);
      return [`p${at}`, at < teamsCount ? { ...spec, when } : spec];
    }),
  );

const digestOf = (at: number): string => `sha256:${at.toString(16).padStart(64, '0')}`;
const repositoryOf = (image: number, team: number): string => `team-${team}/app-${Math.floor(image / teamsCount / tagsPerRepository)}`;

export type TagNames = Pick<DecisionState, 'registry' | 'repository' | 'tag' | 'digest'>;
export const tagAt = (at: number): TagNames => {
  const [team, place] = [at % teamsCount, Math.floor(at / teamsCount)];
  return { registry: 'a.test', repository: repositoryOf(at, team), tag: `v${place % tagsPerRepository}`, digest: digestOf(at) };
};

type Template = { readonly decision: DecisionState; readonly evidence: ImageEvidence; readonly timer: Job };

/** Rows as the app itself makes them, of one image of each team. */
function templates(specs: ReadonlyMap<string, object>): readonly Template[] {
  const driver = topologyDriver(createPolicy());
  driver.table('policies', Object.fromEntries([...specs].map(([id, spec]) => [id, publishedOf(id, spec)])));
  return Array.from({ length: teamsCount }, (_, team) => {
    const { tag, digest, ...image } = tagAt(team);
    const key = repositoryKey(image);
    const pushed = { ...image, ...unsaid, tags: [tag], digest, occurredAtMs: null, receivedAtMs: beginMs };
    const source = { source: 'distribution', endpoint: 'distribution' };
    driver.pipe(topics.images, key, { type: 'ImagePushed', data: { ...pushed, ...source } }, { id: 'push', atMs: beginMs });
    driver.pipe(topics.inspections, key, { type: 'ImageInspected', data: inspectedOf(tagAt(team)) }, { atMs: beginMs });
    driver.pipe(topics.scanReports, key, { type: 'ScanReported', data: scanOf(tagAt(team)) }, { atMs: beginMs });
    const decision = driver.row('decisions', tagKey(image, tag)) as DecisionState;
    const timer = driver.timers().find(({ id }) => id === tagKey(image, tag));
    if (decision.status !== 'allowed' || timer?.notBeforeMs !== dueMs) throw new Error(`${decision.status}: ${decision.reason}`);
    return { decision, evidence: driver.row('evidence', digestKey(image, digest)) as ImageEvidence, timer };
  });
}

const inspectedOf = ({ registry, repository, tag, digest }: TagNames) => ({
  ...{ registry, repository, tags: [tag], pushEventId: 'push', digest, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
  ...{ kind: 'image', artifactType: null, sizeBytes: 1, annotations: {}, labels: { team: 'core' }, totalBytes: 1, referrers: [] },
  ...{
    subject: null,
    inspectedAtMs: beginMs,
    signatures: null,
    trustSha256: null,
    subjectSignatures: [],
    refusedSignatures: [],
    predicateTypes: [],
  },
  platforms: [
    {
      ...{ digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', sizeBytes: 1, os: 'linux', architecture: 'amd64' },
      ...{ variant: null, configDigest: digest, createdAt: null, labels: {}, layers: [], totalBytes: 1 },
    },
  ],
});

const scanOf = ({ registry, repository, digest }: TagNames) => ({
  ...{ registry, repository, digest, imageDigest: digest, outcome: 'scanned', worstSeverity: 'low', scanner: 'bench', reason: null },
  ...{ counts: { critical: 0, high: 0, medium: 0, low: 1, unknown: 0 }, findings: [], findingsOmitted: 0 },
  ...{ scannedAtMs: beginMs, scanEventId: 'scan' },
});

/** Fills the stores of all partitions with so many tags, decided by these policies, each with its timer. */
export async function fillStores(dir: string, codec: Codec, tagsCount: number, specs: ReadonlyMap<string, object>): Promise<void> {
  const made = templates(specs);
  const stores = await Promise.all(Array.from({ length: partitions }, (_, partition) => openStateStore(join(dir, String(partition)))));
  const rows = stores.map((): { store: string; key: string; value: Buffer }[] => []);
  const position: StoreChanges['position'] = { changelog: new Map() };
  const load = async (partition: number): Promise<void> => {
    await stores[partition]!.load({ rows: rows[partition]!.splice(0), position });
  };
  const add = (partition: number, store: string, key: string, row: TypedRecord) =>
    rows[partition]!.push({ store, key, value: codec.encode(row) });
  for (const partition of stores.keys()) {
    const data = { versions: [versionIn(specs)], after: null, until: null, again: null, asked: null };
    add(partition, 'evidence', '@sweep', { type: 'PolicySweep', data });
  }
  for (let at = 0; at < tagsCount; at += 1) {
    const { decision, evidence, timer } = made[at % teamsCount]!;
    const names = tagAt(at);
    const key = repositoryKey(names);
    const partition = partitionOfKey(key, partitions);
    const id = tagKey(names, names.tag);
    const { digest, tag } = names;
    const image = { registry: names.registry, repository: names.repository, digest };
    const scans = evidence.scans.map((scan) => ({ ...scan, digest }));
    add(partition, 'decisions', id, { type: 'DecisionState', data: { ...decision, ...names } });
    const facts = { ...evidence, ...image, scans, tags: [tag], platformDigests: [digest] };
    add(partition, 'evidence', digestKey(names, digest), { type: 'ImageEvidence', data: facts });
    const payload = JSON.stringify({ ...image, tag });
    add(partition, '@jobs', id, { type: 'Job', data: { ...timer, id, key, payload } });
    if (rows[partition]!.length >= chunkRows) await load(partition);
  }
  for (const partition of stores.keys()) await load(partition);
  await Promise.all(stores.map((store) => store.close()));
}

function versionIn(specs: ReadonlyMap<string, object>): string {
  const documents = [...specs].map(([id, spec]): Document => {
    const parsed = parseDocument(documentOf(id, spec));
    if (!parsed.ok) throw new Error(parsed.faults.join('; '));
    return parsed.document;
  });
  return versionOf(compileRulebook(documents));
}
