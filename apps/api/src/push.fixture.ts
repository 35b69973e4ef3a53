import { type DecisionState, type RecordTypes, type Topic, topics } from '@waybill/domain';
import { notLookedAt, targetAt, unsaid } from '@waybill/domain/testing';
import { type FakeLog, startMs } from './log.fixture.ts';

export const [registry, repository, tag] = ['127.0.0.1:25001', 'demo/app', '1.0'];
export const image = `${registry}/${repository}:${tag}`;
export const indexDigest = `sha256:${'a'.repeat(64)}`;
export const [amd64, arm64] = [`sha256:${'b'.repeat(64)}`, `sha256:${'c'.repeat(64)}`] as const;
const from = { registry, repository };
const targetRegistry = '127.0.0.1:25002';
export const target = `${targetRegistry}/${repository}:${tag}`;

/** The events of one push as the apps make them; each step is one call, so that a test can stop on the way. */
export function pushOf(log: FakeLog, id = 'push-1', delayMs = 0) {
  const { event, row } = log;
  const meta = (own: string, causationId = id) => ({ id: `${id}-${own}`, correlationId: id, causationId });
  const state = (change: Partial<DecisionState>) =>
    row(topics.decisionState, image, { type: 'DecisionState', data: { ...stateData(id, delayMs), ...change } }, delayMs + 20);
  const copy = copyData(`${id}-decided`);
  const replicated = {
    ...copy,
    status: 'copied',
    reason: null,
    copiedDigest: indexDigest,
    correlationId: id,
    changedAtMs: startMs + 400,
    platforms: [],
    priorityClass: 'normal',
  };
  return {
    delivered: () => event(topics.deliveries, 'DeliveryReceived', deliveryData(delayMs), { id: `${id}-delivery` }, delayMs),
    pushed: (topic: Topic = topics.imageEvents, atMs = 5, occurredAtMs: number | null = null) =>
      event(topic, 'ImagePushed', { ...pushData(delayMs), occurredAtMs }, { id, causationId: `${id}-delivery` }, delayMs + atMs),
    inspected: (change: Partial<RecordTypes['ImageInspected']> = {}) =>
      event(topics.inspections, 'ImageInspected', { ...inspectionData(id), ...change }, meta('inspected'), delayMs + 50),
    scanned: async (digest: string, critical = 0) => {
      const scanId = `scan-${digest}`;
      // One scan per digest: its event belongs to whoever asked first.
      if (log.reader.get('events', `${scanId}|${topics.scans.name}|`) === undefined)
        await event(topics.scans, 'ImageScanned', scanData(digest, critical), { ...meta('scanned'), id: scanId }, delayMs + 200);
      await event(topics.scanReports, 'ScanReported', reportData(digest, critical), meta(`reported-${digest}`, scanId), delayMs + 210);
    },
    state,
    held: (...awaiting: readonly string[]) => state({ awaiting }),
    /** A hold is one of what was allowed, and takes it back, unless `change` says otherwise. */
    decided: async (
      outcome: 'allow' | 'deny' | 'held',
      reason = 'scanned, nothing above high',
      own = 'decided',
      change: Partial<RecordTypes['ImageDecided']> = {},
    ) => {
      const targets = outcome === 'deny' ? [] : [targetAt('b', repository, tag)];
      const data = { ...decisionData(id, outcome, reason), targets, ...change };
      await event(topics.decisions, 'ImageDecided', data, meta(own), delayMs + 300);
      const statuses = { allow: 'allowed', deny: 'denied', held: 'held' } as const;
      await state({ status: statuses[outcome], reason, targets: data.targets, decisionEventId: `${id}-${own}` });
    },
    replica: (change: Partial<RecordTypes['ReplicaState']> = {}) =>
      row(topics.replicaState, target, { type: 'ReplicaState', data: { ...replicated, ...change } }),
    withdrawn: () => {
      const failure = { code: 'COPY_WITHDRAWN', reason: 'denied: critical', attempts: 0, failedAtMs: startMs + 350 };
      return event(topics.replications, 'ImageCopyFailed', { ...copy, ...failure }, meta('withdrawn'), delayMs + 350);
    },
    copied: (change: Partial<RecordTypes['ImageCopied']> = {}) =>
      event(topics.replications, 'ImageCopied', { ...copy, ...copyCounts, ...change }, meta('copied', copy.decisionEventId), delayMs + 400),
  };
}

/** A push that goes the whole way. */
export async function wholeJourney(log: FakeLog, id = 'push-1', delayMs = 0): Promise<void> {
  const push = pushOf(log, id, delayMs);
  await push.delivered();
  await push.pushed();
  await push.pushed(topics.images, 30);
  await push.held('inspection');
  await push.inspected();
  await push.scanned(amd64);
  await push.scanned(arm64);
  await push.decided('allow');
  await push.copied();
  await push.replica();
}

const deliveryData = (delayMs: number): RecordTypes['DeliveryReceived'] => ({
  ...{ source: 'distribution', endpoint: 'distribution', receivedAtMs: startMs + delayMs, contentType: null, headers: {} },
  ...{ remoteAddress: null, bodySha256: 'x', body: Buffer.from('{}') },
});

const pushData = (delayMs: number): RecordTypes['ImagePushed'] => ({
  ...{ ...unsaid, ...from, tags: [tag], digest: indexDigest, sizeBytes: 500, actor: 'ci' },
  ...{ occurredAtMs: null, receivedAtMs: startMs + delayMs, source: 'distribution', endpoint: 'distribution' },
});

export const platform = (digest: string, architecture: string, os = 'linux') => ({
  ...{ digest, mediaType: 'm', sizeBytes: 1, os, architecture, variant: null, configDigest: digest, createdAt: null },
  ...{ labels: {}, layers: [], totalBytes: 1_500_000 },
});
const inspectionData = (pushEventId: string): RecordTypes['ImageInspected'] => ({
  ...{ ...from, digest: indexDigest, tags: [tag], pushEventId, mediaType: 'm', kind: 'index', artifactType: null, sizeBytes: 500 },
  ...{ platforms: [platform(amd64, 'amd64'), platform(arm64, 'arm64')], annotations: {}, labels: {}, totalBytes: 3_000_000 },
  ...{ referrers: [], subject: null, inspectedAtMs: startMs + 50, ...notLookedAt },
});

const verdict = (digest: string, critical: number) => ({
  ...{ ...from, digest, scanner: 'tiny', worstSeverity: critical > 0 ? 'critical' : 'none' },
  counts: { critical, high: 0, medium: 0, low: 0, unknown: 0 },
});
const scanData = (digest: string, critical: number): RecordTypes['ImageScanned'] => ({
  ...{ ...verdict(digest, critical), scannerVersion: null, findings: [], findingsOmitted: 0, reportSha256: 'x' },
  ...{ startedAtMs: startMs, finishedAtMs: startMs + 200 },
});
const reportData = (digest: string, critical: number): RecordTypes['ScanReported'] => ({
  ...{ ...verdict(digest, critical), imageDigest: indexDigest, outcome: 'scanned', scannedAtMs: startMs + 200, reason: null },
  ...{ scanEventId: `scan-${digest}`, findings: [], findingsOmitted: 0 },
});

const stateData = (id: string, delayMs: number): DecisionState => ({
  ...{
    ...from,
    tag,
    digest: indexDigest,
    status: 'held',
    awaiting: [],
    reason: '',
    policyId: 'prod',
    policySetVersion: 'v',
    targets: [],
    ...{ toldOutcome: '', toldAdmission: '', toldDifference: '', earlierImages: 0, earlierBytes: 0, reviewAtMs: null },
  },
  ...{ pushEventId: id, correlationId: id, pushedAtMs: startMs + delayMs, changedAtMs: startMs + delayMs, decisionEventId: null },
});
const decisionData = (pushEventId: string, outcome: string, reason: string): RecordTypes['ImageDecided'] => ({
  ...{ ...from, tag, digest: indexDigest, outcome, policyId: 'prod', policySetVersion: 'v', reason, targets: [], scans: [] },
  ...{ trace: [{ policyId: 'prod', matched: true, outcome, reason }], evaluatedAtMs: startMs + 300, pushEventId },
  ...{ code: '', occasion: 'push', retroactive: false, exceptionIds: [], takenBack: [], admission: null },
  ...{ inspectionEventId: null, sboms: null, signatures: null, inputsSha256: '' },
  ...{ registries: [], usage: null, pullsByRegion: null, cannotWait: false, tenant: null, sizeBytes: null },
});

const copyData = (decisionEventId: string) => ({
  ...{ ...from, tag, digest: indexDigest, targetRegistry, targetRepository: repository, targetTag: tag, decisionEventId },
});
const copyCounts = {
  ...{ manifestsCopied: 3, blobsCopied: 4, blobsSkipped: 0, referrersCopied: 0, bytesCopied: 3_000_500, verified: true },
  ...{ startedAtMs: startMs + 310, finishedAtMs: startMs + 400, platforms: [], copiedDigest: indexDigest, imageBytes: 3_001_500 },
};
