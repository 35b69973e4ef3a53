// The stages one behind the other, without a broker: what webhooks that come late do to the image at the target.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Event, type ImageDeleted, type ImagePushed, type ReplicaState, type Topic } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import type { JobRow } from '@waybill/stream';
import { topologyDriver, type TopologyDriver } from '@waybill/stream/testing';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { inspector } from '../../apps/inspector/src/topology.ts';
import { policy } from '../../apps/policy/src/topology.ts';
import { replicator } from '../../apps/replicator/src/topology.ts';

const key = 'a.test/demo/app';
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const [one, two] = [digestOf('1'), digestOf('2')];
const allowAll = `
apiVersion: waybill/v1
kind: ReplicationPolicy
metadata: { name: all }
spec: { match: {}, replicate: [{ registry: b }] }
`;
const result = {
  ...{ manifestsCopied: 1, blobsCopied: 1, blobsSkipped: 0, referrersCopied: 0, bytesCopied: 1, verified: true },
  ...{ startedAtMs: 0, finishedAtMs: 0, imageBytes: 1 },
};
const digestOfJob = ({ payload }: JobRow): string => (JSON.parse(payload) as { digest: string }).digest;
const neverRun = () => Promise.reject(new Error('the driver runs no jobs'));

/** Feeds webhooks' events through dedup, inspector, policy and replicator; what a stage emits is handed on in order. */
function startStages() {
  const once = topologyDriver(dedup);
  const inspect = topologyDriver(inspector(neverRun, { timeoutMs: 1, concurrencyMax: 1, perRegistryMax: 1, attemptsMax: 1 }));
  const decide = topologyDriver(policy);
  const replicate = topologyDriver(
    replicator(neverRun, (name) => `${name}.test`, { timeoutMs: 1, concurrencyMax: 1, perTargetMax: 1, attemptsMax: 1 }),
  );
  const published = {
    policyId: 'all',
    document: allowAll,
    documentSha256: '',
    author: 'test',
    publishedAtMs: 0,
    reason: '',
    previousSha256: null,
  };
  decide.table('policies', { all: { type: 'PolicyPublished', data: published } });
  const hand = [
    handing(once, topics.images, inspect),
    handing(once, topics.images, decide),
    handing(inspect, topics.inspections, decide),
    handing(decide, topics.decisions, replicate),
  ];

  const settle = (): void => {
    for (const next of hand) next();
    for (const job of inspect.jobs()) inspect.finishJob(job.id, factsOf(digestOfJob(job)));
    for (const next of hand) next();
    for (const job of replicate.jobs()) replicate.finishJob(job.id, { ...result, copiedDigest: digestOfJob(job) });
  };
  return {
    hear(...events: readonly Heard[]): void {
      for (const [id, event] of events) {
        once.pipe(topics.imageEvents, key, event, { id });
        settle();
      }
    },
    target: () => replicate.row('replicas', 'b.test/demo/app:v1') as ReplicaState | undefined,
    copies: () => replicate.emitted(topics.replications).map(({ data }) => (data as { readonly digest: string }).digest),
  };
}

/** Pipes what has been emitted since the last call. */
function handing(from: TopologyDriver, topic: Topic, to: TopologyDriver): () => void {
  let handed = 0;
  return () => {
    const events: readonly Event[] = from.emitted(topic).slice(handed);
    handed += events.length;
    for (const { meta, ...event } of events)
      to.pipe(topic, key, event, { id: meta.id, correlationId: meta.correlationId, atMs: meta.timeMs });
  };
}

const factsOf = (digest: string) => ({
  ...{ digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', kind: 'image', artifactType: null, sizeBytes: 1 },
  ...{ platforms: [], annotations: {}, labels: {}, totalBytes: 1, referrers: [] },
});

type Heard = readonly [id: string, event: { type: 'ImagePushed'; data: ImagePushed } | { type: 'ImageDeleted'; data: ImageDeleted }];
const common = {
  ...{ registry: 'a.test', repository: 'demo/app', tags: ['v1'], actor: null, receivedAtMs: 9_000_000 },
  ...{ source: 'distribution', endpoint: 'distribution', sourceDeliveryId: null, origin: 'webhook' },
};
const pushed = (id: string, digest: string, occurredAtMs: number): Heard => [
  id,
  { type: 'ImagePushed', data: { ...unsaid, ...common, digest, occurredAtMs } },
];
const deleted = (id: string, occurredAtMs: number): Heard => [
  id,
  { type: 'ImageDeleted', data: { ...common, digest: null, occurredAtMs } },
];

describe('the image at the target', () => {
  it('is the one that was pushed last, in whatever order the webhooks come', () => {
    const inOrder = startStages();
    inOrder.hear(pushed('p1', one, 1_000), pushed('p2', two, 2_000));
    assert.deepEqual([inOrder.target()?.copiedDigest, inOrder.copies()], [two, [one, two]]);
    const late = startStages();
    late.hear(pushed('p2', two, 2_000), pushed('p1', one, 1_000));
    assert.deepEqual([late.target()?.copiedDigest, late.copies()], [two, [two]]);
  });

  it('goes back to an earlier one when the tag was moved back, and not when its first push is heard of again', () => {
    const stages = startStages();
    stages.hear(pushed('p1', one, 1_000), pushed('p2', two, 2_000), pushed('p1', one, 1_000));
    assert.equal(stages.target()?.copiedDigest, two);
    stages.hear(pushed('p3', one, 3_000));
    assert.deepEqual([stages.target()?.copiedDigest, stages.copies()], [one, [one, two, one]]);
  });

  it('is not changed by a push of a tag that was deleted since', () => {
    const stages = startStages();
    stages.hear(pushed('p1', one, 1_000), deleted('d', 3_000), pushed('p2', two, 2_000));
    assert.deepEqual(stages.copies(), [one]);
  });

  it('follows a push that is newer than a deletion heard of later', () => {
    const stages = startStages();
    stages.hear(pushed('p2', two, 2_000), deleted('d', 1_000), pushed('p3', one, 3_000));
    assert.deepEqual(stages.copies(), [two, one]);
  });
});
