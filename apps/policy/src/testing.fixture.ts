import {
  topics,
  type DecisionState,
  type EventOf,
  type ImageDecided,
  type ImageInspected,
  type ImagePushed,
  type ReviewRequested,
  type Topic,
  type TypedRecord,
} from '@waybill/domain';
import { notLookedAt, unsaid } from '@waybill/domain/testing';
import type { Topology } from '@waybill/stream';
import { topologyDriver } from '@waybill/stream/testing';
import { createPolicy } from './topology.ts';

export const nowMs = Date.UTC(2026, 0, 10);
export const hour = 60 * 60 * 1000;
export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const image = { registry: 'a.test', repository: 'demo/app' } as const;
const key = 'a.test/demo/app';

export const prod = `
apiVersion: waybill/v1
kind: ReplicationPolicy
metadata: { name: prod }
spec:
  match: { repositories: ['demo/**'] }
  require: { scan: { withinHours: 24, worstSeverity: high } }
  replicate: [{ registry: b }]
`;

export const published = (policyId: string, document: string) => ({
  type: 'PolicyPublished' as const,
  data: { policyId, document, documentSha256: '', author: 'test', publishedAtMs: nowMs, reason: '', previousSha256: null },
});

/** `occurred`: the registry's own time of a push or deletion; without, it gives none and the time of arrival counts. */
type Common = { readonly at?: number; readonly occurred?: number };
/** One line of a test: what happens, told in the words of the events. */
export type Happening =
  | (Common & { readonly push: string; readonly tags: readonly string[]; readonly digest: string | null })
  | (Common & {
      readonly inspected: string;
      readonly of: string;
      readonly tags?: readonly string[];
      readonly platforms: readonly string[];
      readonly kind?: string;
      /** Of what it is attached to. */
      readonly subject?: string;
      readonly artifactType?: string;
      /** Artifact types of what is attached to it. */
      readonly attached?: readonly string[];
      /** Types of the predicates that it attests to its subject, or that an index holds for its platforms. */
      readonly attests?: readonly string[];
      /** By whom it is signed, and with what that was verified; without, nobody looked. A key, or a subject that `ci` vouches for. */
      readonly signers?: readonly string[];
      readonly trust?: string;
      /** By whom it proves its subject to be signed. */
      readonly proves?: readonly string[];
    })
  | (Common & { readonly inspectionFailed: string | null; readonly of: string; readonly tags: readonly string[] })
  | (Common & {
      readonly scanned: string;
      readonly in: string;
      readonly worst?: string;
      readonly failed?: string;
      readonly scannedAt?: number;
      /** Ids of what was found; without, the verdict does not list it. */
      readonly found?: readonly string[];
      readonly omitted?: number;
    })
  | (Common & { readonly deleted: readonly string[]; readonly digest?: string });

/** The topology with some policies in force, fed with happenings. */
export type Policies = Readonly<Record<string, ReturnType<typeof published>>>;
/** What lies in the topic of policies, candidates among it. */
export type PolicyTable = Readonly<Record<string, TypedRecord>>;
export function startPolicy(policies: PolicyTable = { prod: published('prod', prod) }, topology: Topology = createPolicy()) {
  const driver = topologyDriver(topology);
  driver.table('policies', policies);
  let [clockMs, requestsRead] = [nowMs, 0];
  const readRequests = (): void => {
    for (const { type, data, meta } of driver.emitted(topics.reviewRequests).slice(requestsRead) as readonly EventOf<'ReviewRequested'>[]) {
      requestsRead += 1;
      driver.pipe(topics.reviewRequests, key, { type, data }, { id: meta.id, atMs: meta.timeMs });
    }
  };
  const dueAt = (atMs: number) => driver.timers().filter(({ notBeforeMs }) => notBeforeMs <= atMs);
  /** Lets the clock come to a moment: due timers fire in their order, and what is asked for is read. */
  const passTo = (atMs: number): void => {
    const due = () => dueAt(atMs).toSorted((a, b) => a.notBeforeMs - b.notBeforeMs);
    for (let [timer] = due(); timer !== undefined; [timer] = due()) {
      driver.fire(timer.id, { atMs: Math.max(clockMs, timer.notBeforeMs) });
      readRequests();
    }
    clockMs = atMs;
  };
  return {
    driver,
    when: (...happenings: readonly Happening[]) => {
      for (const happening of happenings) {
        const { topic, id, ...event } = eventOf(happening);
        driver.pipe(topic, key, event, { atMs: happening.at ?? nowMs, ...(id === undefined ? {} : { id }) });
      }
    },
    decisions: (): readonly ImageDecided[] =>
      (driver.emitted(topics.decisions) as readonly EventOf<'ImageDecided'>[]).map(({ data }) => data),
    passTo,
    /** One of the timers that are due comes, out of turn. */
    wake: (which: number, atMs: number): void => {
      const due = dueAt(atMs);
      const timer = due[which % Math.max(1, due.length)];
      if (timer) driver.fire(timer.id, { atMs });
    },
    /** Has all done that is left to do, half an hour later. @returns when that is */
    settle: (fromMs: number): number => {
      // Decided again, a tag is decided a millisecond later: between full hours nothing grows too old in it.
      const atMs = fromMs + hour / 2;
      readRequests();
      driver.tellOf('policies', { atMs });
      passTo(atMs);
      return atMs;
    },
    readRequests,
    /** Publishes other policies in place of all; the app is told. */
    publish: (changed: PolicyTable, atMs = nowMs): void => {
      driver.table('policies', changed);
      driver.tellOf('policies', { atMs });
    },
    requests: (): readonly ReviewRequested[] =>
      (driver.emitted(topics.reviewRequests) as readonly EventOf<'ReviewRequested'>[]).map(({ data }) => data),
    row: (tag: string) => driver.row('decisions', `${key}:${tag}`) as DecisionState | undefined,
  };
}

type Piped = { readonly topic: Topic; readonly id?: string } & Parameters<ReturnType<typeof topologyDriver>['pipe']>[2];

function eventOf(happening: Happening): Piped {
  if ('push' in happening)
    return {
      topic: topics.images,
      id: happening.push,
      type: 'ImagePushed',
      data: pushed(happening.tags, happening.digest, happening.occurred),
    };
  if ('inspected' in happening) {
    const { kind = 'index', subject = null, artifactType = null, attached = [] } = happening;
    const referrers = attached.map((type, at) => ({ digest: digestOf(String(at)), mediaType: 'm', artifactType: type, sizeBytes: 1 }));
    const facts = inspected(happening.inspected, happening.of, happening.tags ?? [], happening.platforms);
    const { inspected: digest, signers, trust = 'trust', proves = [] } = happening;
    const signatures = signers?.map((signer) => signatureBy(signer, digest)) ?? null;
    const subjectSignatures = proves.map((signer) => signatureBy(signer, digest));
    const proofs = { signatures, subjectSignatures, refusedSignatures: [], trustSha256: signers === undefined ? null : trust };
    const data = { ...facts, kind, subject, artifactType, referrers, ...proofs, predicateTypes: happening.attests ?? [] };
    return { topic: topics.inspections, type: 'ImageInspected', data };
  }
  if ('inspectionFailed' in happening) {
    const { inspectionFailed: digest, of: pushEventId, tags } = happening;
    const data = { ...image, tags, digest, pushEventId, code: 'MANIFEST_UNKNOWN', reason: 'gone', attempts: 1, failedAtMs: nowMs };
    return { topic: topics.inspections, type: 'ImageInspectionFailed', data };
  }
  if ('deleted' in happening) {
    const { deleted: tags, digest = null } = happening;
    const { receivedAtMs, actor, occurredAtMs, source, endpoint, sourceDeliveryId, origin } = pushed([], null, happening.occurred);
    const data = { ...image, tags, digest, receivedAtMs, actor, occurredAtMs, source, endpoint, sourceDeliveryId, origin };
    return { topic: topics.images, type: 'ImageDeleted', data };
  }
  const { scanned: digest, in: imageDigest, worst: worstSeverity = 'none', failed, scannedAt: scannedAtMs = nowMs } = happening;
  const counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };
  const outcome = failed === undefined ? 'scanned' : 'failed';
  const scanEventId = `scan-${digest}-${worstSeverity}-${scannedAtMs}`;
  const scan = { digest, imageDigest, outcome, worstSeverity, counts, scanner: 'tiny', scannedAtMs, scanEventId };
  const { found, omitted: findingsOmitted = 0 } = happening;
  const findings = found?.map((id) => ({ id, severity: worstSeverity })) ?? null;
  return {
    topic: topics.scanReports,
    type: 'ScanReported',
    data: { ...image, ...scan, reason: failed ?? null, findings, findingsOmitted },
  };
}

const signatureBy = (signer: string, digest: string) => {
  const isKey = signer.startsWith('sha256:');
  return { digest, key: isKey ? signer : null, issuer: isKey ? null : 'ci', subject: isKey ? null : signer, verifiedAtMs: nowMs };
};

const pushed = (tags: readonly string[], digest: string | null, occurredAtMs: number | null = null): ImagePushed => ({
  ...image,
  ...unsaid,
  tags,
  digest,
  occurredAtMs,
  receivedAtMs: nowMs,
  source: 'distribution',
  endpoint: 'distribution',
});

const inspected = (digest: string, pushEventId: string, tags: readonly string[], platforms: readonly string[]): ImageInspected => ({
  ...image,
  tags,
  pushEventId,
  digest,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  kind: 'index',
  artifactType: null,
  sizeBytes: 1,
  platforms: platforms.map((platform) => ({
    digest: platform,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    sizeBytes: 1,
    os: 'linux',
    architecture: 'amd64',
    variant: null,
    configDigest: digestOf('c'),
    createdAt: null,
    labels: {},
    layers: [],
    totalBytes: 1,
  })),
  annotations: {},
  labels: {},
  totalBytes: 1,
  referrers: [],
  subject: null,
  ...notLookedAt,
  inspectedAtMs: nowMs,
});
