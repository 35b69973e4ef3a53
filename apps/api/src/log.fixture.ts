import type { Event, EventMeta, RecordType, RecordTypes, Topic, TypedRecord } from '@waybill/domain';
import { topics } from '@waybill/domain';
import { type Codec, encodeEvent, type LogRecord, type StateStore, StreamError } from '@waybill/stream';
import { memoryStore } from './memory-store.fixture.ts';
import { followedTopics } from './read-model/followed-topics.ts';
import { createProjector } from './read-model/projector.ts';
import { type Reader, readerOf } from './read-model/rows.ts';

/** JSON in place of Avro: the read model sees records through the codec alone. */
export const jsonCodec: Codec = {
  encode: (record) =>
    Buffer.from(
      JSON.stringify(record, (_, value: unknown) => (isBufferJson(value) ? { base64: Buffer.from(value.data).toString('base64') } : value)),
    ),
  decode: async (value) => jsonCodec.decodeSync(value),
  decodeSync(value) {
    try {
      return JSON.parse(value.toString(), (_, each: unknown) =>
        isBase64(each) ? Buffer.from(each.base64, 'base64') : each,
      ) as TypedRecord;
    } catch (error) {
      throw new StreamError('RECORD_UNDECODABLE', 'no JSON', { cause: error });
    }
  },
};
const isBufferJson = (value: unknown): value is { data: number[] } =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;
const isBase64 = (value: unknown): value is { base64: string } => typeof value === 'object' && value !== null && 'base64' in value;

export const startMs = Date.UTC(2026, 0, 1);

/** A log of one partition that is folded into a read model as it grows; `atMs` counts from `startMs`. */
export function fakeLog(store: StateStore = memoryStore()) {
  const skipped: string[] = [];
  const projector = createProjector({ store, codec: jsonCodec, topics: followedTopics, onSkipped: (_, reason) => skipped.push(reason) });
  const offsets = new Map<string, number>();
  const append = async (topic: Topic, record: Omit<LogRecord, 'topic' | 'partition' | 'offset'>): Promise<LogRecord> => {
    const offset = offsets.get(topic.name) ?? 0;
    offsets.set(topic.name, offset + 1);
    const written = { ...record, topic: topic.name, partition: 0, offset };
    await projector.apply(written, [written], offset + 1);
    return written;
  };
  return {
    store,
    projector,
    skipped,
    reader: readerOf(store) satisfies Reader,
    append,
    event: async <T extends RecordType>(
      topic: Topic,
      type: T,
      data: RecordTypes[T],
      meta: Partial<EventMeta> & { id: string },
      atMs = 0,
    ) => {
      const full = {
        source: '/test',
        timeMs: startMs + atMs,
        subject: 'test',
        correlationId: meta.id,
        causationId: null,
        traceparent: null,
        ...meta,
      };
      const event = { type, data, meta: full } as unknown as Event;
      const { value, headers } = encodeEvent(jsonCodec, { topic, partition: 0, key: 'key' }, event);
      return append(topic, { timestampMs: startMs + atMs, key: Buffer.from('key'), value, headers });
    },
    row: async (topic: Topic, key: string, row: TypedRecord | null, atMs = 0) =>
      append(topic, {
        timestampMs: startMs + atMs,
        key: Buffer.from(key),
        value: row === null ? null : jsonCodec.encode(row),
        headers: {},
      }),
  };
}
export type FakeLog = ReturnType<typeof fakeLog>;

export const [registry, repository, tag] = ['127.0.0.1:25001', 'demo/app', '1.0'];
export const image = `${registry}/${repository}:${tag}`;
export const indexDigest = `sha256:${'a'.repeat(64)}`;
export const [amd64, arm64] = [`sha256:${'b'.repeat(64)}`, `sha256:${'c'.repeat(64)}`] as const;
const counts = (critical: number) => ({ critical, high: 0, medium: 0, low: 0, unknown: 0 });
const from = { registry, repository };

/** The events of one push as the apps make them; each step is one call, so that a test can stop on the way. */
export function pushOf(log: FakeLog, id = 'push-1', delayMs = 0) {
  const meta = (own: string, causationId: string) => ({ id: `${id}-${own}`, correlationId: id, causationId });
  const pushed = {
    ...{ ...from, tags: [tag], digest: indexDigest, rawDigest: null, mediaType: null, configMediaType: null, sizeBytes: 500, actor: 'ci' },
    ...{
      occurredAtMs: null,
      receivedAtMs: startMs + delayMs,
      source: 'distribution',
      endpoint: 'distribution',
      sourceDeliveryId: null,
      origin: 'webhook',
    },
  };
  const platform = (digest: string, architecture: string) => ({
    ...{ digest, mediaType: 'm', sizeBytes: 1, os: 'linux', architecture, variant: null, configDigest: digest, createdAt: null },
    ...{ labels: {}, layers: [], totalBytes: 1_500_000 },
  });
  const copy = {
    ...{
      ...from,
      tag,
      digest: indexDigest,
      targetRegistry: '127.0.0.1:25002',
      targetRepository: repository,
      targetTag: tag,
      decisionEventId: `${id}-decided`,
    },
  };
  const state = (status: string, awaiting: readonly string[]) => ({
    ...{ ...from, tag, digest: indexDigest, status, awaiting, reason: status, policyId: 'prod', policySetVersion: 'v', targets: [] },
    ...{ pushEventId: id, correlationId: id, pushedAtMs: startMs + delayMs, changedAtMs: startMs + delayMs },
    decisionEventId: status === 'held' ? null : `${id}-decided`,
  });
  return {
    copy,
    delivered: () => log.event(topics.deliveries, 'DeliveryReceived', deliveryData(delayMs), { id: `${id}-delivery` }, delayMs),
    pushed: (topic: Topic = topics.imageEvents, atMs = 5) =>
      log.event(topic, 'ImagePushed', pushed, { id, causationId: `${id}-delivery` }, delayMs + atMs),
    inspected: () =>
      log.event(
        topics.inspections,
        'ImageInspected',
        {
          ...{
            ...from,
            digest: indexDigest,
            tags: [tag],
            pushEventId: id,
            mediaType: 'm',
            kind: 'index',
            artifactType: null,
            sizeBytes: 500,
          },
          platforms: [platform(amd64, 'amd64'), platform(arm64, 'arm64')],
          ...{ annotations: {}, labels: {}, totalBytes: 3_000_000, referrers: [], inspectedAtMs: startMs + 50 },
        },
        meta('inspected', id),
        delayMs + 50,
      ),
    scanned: async (digest: string, critical = 0) => {
      const scan = { digest, ...from, scanner: 'tiny', worstSeverity: critical > 0 ? 'critical' : 'none', counts: counts(critical) };
      const scanned = {
        ...scan,
        scannerVersion: null,
        findings: [],
        findingsOmitted: 0,
        reportSha256: 'x',
        startedAtMs: startMs,
        finishedAtMs: startMs + 200,
      };
      const reported = {
        ...scan,
        imageDigest: indexDigest,
        outcome: 'scanned',
        scannedAtMs: startMs + 200,
        reason: null,
        scanEventId: `scan-${digest}`,
      };
      // One scan per digest: its event belongs to whoever asked first.
      if (log.reader.get('events', `scan-${digest}|${topics.scans.name}|`) === undefined)
        await log.event(topics.scans, 'ImageScanned', scanned, { ...meta('scanned', id), id: `scan-${digest}` }, delayMs + 200);
      await log.event(topics.scanReports, 'ScanReported', reported, meta(`reported-${digest}`, `scan-${digest}`), delayMs + 210);
    },
    held: (...awaiting: readonly string[]) =>
      log.row(topics.decisionState, image, { type: 'DecisionState', data: state('held', awaiting) }, delayMs + 20),
    decided: async (outcome: 'allow' | 'deny', reason = 'scanned, nothing above high') => {
      const targets = outcome === 'allow' ? [{ registry: 'b', repository, tag }] : [];
      const trace = [{ policyId: 'prod', matched: true, outcome, reason }];
      await log.event(
        topics.decisions,
        'ImageDecided',
        {
          ...{ ...from, tag, digest: indexDigest, outcome, policyId: 'prod', policySetVersion: 'v', reason, trace, targets, scans: [] },
          ...{ evaluatedAtMs: startMs + 300, pushEventId: id },
        },
        meta('decided', id),
        delayMs + 300,
      );
      await log.row(topics.decisionState, image, {
        type: 'DecisionState',
        data: { ...state(outcome === 'allow' ? 'allowed' : 'denied', []), targets },
      });
    },
    replica: (status: string, reason: string | null = null) =>
      log.row(topics.replicaState, `127.0.0.1:25002/${repository}:${tag}`, {
        type: 'ReplicaState',
        data: {
          ...copy,
          status,
          reason,
          copiedDigest: status === 'copied' ? indexDigest : null,
          correlationId: id,
          changedAtMs: startMs + 400,
        },
      }),
    copied: () =>
      log.event(
        topics.replications,
        'ImageCopied',
        {
          ...{ ...copy, manifestsCopied: 3, blobsCopied: 4, blobsSkipped: 0, referrersCopied: 0, bytesCopied: 3_000_500, verified: true },
          ...{ startedAtMs: startMs + 310, finishedAtMs: startMs + 400 },
        },
        meta('copied', `${id}-decided`),
        delayMs + 400,
      ),
  };
}

const deliveryData = (delayMs: number): RecordTypes['DeliveryReceived'] => ({
  ...{
    source: 'distribution',
    endpoint: 'distribution',
    receivedAtMs: startMs + delayMs,
    contentType: null,
    headers: {},
    remoteAddress: null,
  },
  ...{ bodySha256: 'x', body: Buffer.from('{}') },
});

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
  await push.replica('copied');
}
