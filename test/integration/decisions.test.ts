// Goal: what was decided stays true on a real broker: when policies change and when time passes, through a kill -9, told exactly once;
// and so is what a candidate beside them would decide otherwise.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { deterministicId, repositoryKey, topics, type ImageDecided, type Topic, type TypedRecord } from '@waybill/domain';
import { notLookedAt, unsaid } from '@waybill/domain/testing';
import { decodeEvent, encodeEvent, type NewRecord } from '@waybill/stream';
import { eventually } from '../support/read-log.ts';
import { startCluster, type Cluster } from './stream.fixture.ts';

const root = join(import.meta.dirname, '../..');
type Seen = ImageDecided & { readonly id: string; readonly seenAtMs: number };

let cluster: Cluster;
let app: ChildProcess;
/** In the order in which anybody could read them. */
const decisions: Seen[] = [];
/** `<outcome> -> <that of the candidate>` by tag, as they came. */
const differences: { readonly id: string; readonly tag: string; readonly kind: string }[] = [];
const closing = new AbortController();
let following: Promise<void>;

before(async () => {
  cluster = await startCluster();
  const { log, codec } = cluster;
  const onRecords: Parameters<typeof log.follow>[0]['onRecords'] = async (_, records) => {
    for (const record of records) {
      const event = await decodeEvent(codec, record);
      if (event.type === 'ImageDecided') decisions.push({ ...event.data, id: event.meta.id, seenAtMs: Date.now() });
      if (event.type !== 'DecisionDiffered') continue;
      const { tag, active, shadow } = event.data;
      differences.push({ id: event.meta.id, tag, kind: `${active.outcome} -> ${shadow.outcome}` });
    }
  };
  following = log.follow({
    topics: [topics.decisions.name, topics.differences.name],
    from: () => undefined,
    signal: closing.signal,
    onRecords,
  });
  app = start();
});
after(async () => {
  await stop('SIGKILL');
  closing.abort();
  await following.catch(() => undefined);
  await cluster.stop();
});

function start(): ChildProcess {
  const { brokers, schemaRegistryUrl } = cluster.stack;
  const places = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, STATE_DIR: cluster.dir, OPS_PORT: '0' };
  const env = { ...process.env, ...places, GROUP_SESSION_TIMEOUT_MS: '3000', LOG_LEVEL: 'warn' };
  return spawn(process.execPath, [join(root, 'apps/policy/src/main.ts')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  if (app.exitCode !== null || app.signalCode !== null) return;
  const exited = once(app, 'exit');
  app.kill(signal);
  await exited;
}

function recordOf(topic: Topic, key: string, event: TypedRecord, id: string): NewRecord {
  const meta = { id, source: '/test', timeMs: Date.now(), subject: key, correlationId: id, causationId: null, traceparent: null };
  return encodeEvent(cluster.codec, { topic, partition: cluster.appender.partitionOf(key), key }, { ...event, meta });
}

type Image = { readonly registry: string; readonly repository: string; readonly tag: string; readonly digest: string };
const imageOf = (run: string, index: number): Image => ({
  ...{ registry: 'registry.test', repository: `${run}/app${index % 60}`, tag: `v${index}` },
  digest: `sha256:${String(index).padStart(64, '0')}`,
});

function pushed({ tag, ...image }: Image): NewRecord {
  const data = { ...image, tags: [tag], ...unsaid, occurredAtMs: 1, receivedAtMs: 1, source: 'test', endpoint: 'test' };
  return recordOf(topics.images, repositoryKey(image), { type: 'ImagePushed', data }, deterministicId('push', image.repository, tag));
}

/** As an image of one platform, which is itself. */
function inspected({ tag, ...image }: Image): NewRecord {
  const { digest } = image;
  const platform = {
    ...{ digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', sizeBytes: 1, os: 'linux', architecture: 'amd64' },
    ...{ variant: null, configDigest: digest, createdAt: null, labels: {}, layers: [], totalBytes: 1 },
  };
  const data = {
    ...image,
    ...{ tags: [tag], pushEventId: '', mediaType: platform.mediaType, kind: 'image', artifactType: null, sizeBytes: 1, subject: null },
    ...{ platforms: [platform], annotations: {}, labels: {}, totalBytes: 1, referrers: [], inspectedAtMs: 1, ...notLookedAt },
  };
  const id = deterministicId('inspection', image.repository, tag);
  return recordOf(topics.inspections, repositoryKey(image), { type: 'ImageInspected', data }, id);
}

function scanned({ tag, ...image }: Image, scannedAtMs: number): NewRecord {
  const verdict = { outcome: 'scanned', worstSeverity: 'none', counts: { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 } };
  const data = {
    ...{ ...image, imageDigest: image.digest, ...verdict, scanner: 'test', scannedAtMs, reason: null },
    ...{ scanEventId: `scan of ${tag}`, findings: [], findingsOmitted: 0 },
  };
  const id = deterministicId('scan', image.repository, tag);
  return recordOf(topics.scanReports, repositoryKey(image), { type: 'ScanReported', data }, id);
}

/** @returns when it was acknowledged */
async function publish(name: string, spec: object): Promise<number> {
  const document = JSON.stringify({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name }, spec });
  const about = { documentSha256: '', author: 'test', publishedAtMs: Date.now(), reason: '', previousSha256: null };
  const event = { type: 'PolicyPublished' as const, data: { policyId: name, document, ...about } };
  await cluster.appender.append([recordOf(topics.policies, name, event, deterministicId(name, document))]);
  return Date.now();
}

/** A candidate that changes this policy alone. */
async function startCandidate(name: string, spec: object): Promise<void> {
  const document = JSON.stringify({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name }, spec });
  const about = { candidate: 'next', shadowId: name, changesCount: 1, author: 'test', reason: '', publishedAtMs: Date.now() };
  const data = { ...about, policyId: name, document, documentSha256: '' };
  const event = { type: 'CandidatePublished' as const, data };
  await cluster.appender.append([recordOf(topics.policies, `candidate/next/${name}`, event, deterministicId('candidate', name))]);
}

async function append(records: readonly NewRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += 500) await cluster.appender.append(records.slice(from, from + 500));
}

const of = (run: string, isWanted: (decision: Seen) => boolean = () => true): readonly Seen[] =>
  decisions.filter((decision) => decision.repository.startsWith(`${run}/`) && isWanted(decision));
const until = async (count: number, read: () => readonly Seen[]): Promise<readonly Seen[]> =>
  eventually(
    async () => read(),
    (found) => found.length >= count,
  );

describe('a policy that is published', () => {
  it('decides what was waiting, within 30 seconds of its acknowledgement', async (t: TestContext) => {
    await publish('waits', { match: { repositories: ['live/**'] }, require: { labels: { team: '*' } }, replicate: [{ registry: 'b' }] });
    const images = Array.from({ length: 600 }, (_, index) => imageOf('live', index));
    await append(images.map(pushed));
    const ready = imageOf('live', 600);
    await append([pushed(ready), inspected(ready)]);
    assert.equal((await until(1, () => of('live'))).length, 1, 'one that lacks the label shows that the app is there');
    const acknowledgedAtMs = await publish('stops', { priority: 1, match: { repositories: ['live/**'] }, effect: 'deny' });
    const stopped = await until(images.length, () => of('live', ({ policyId }) => policyId === 'stops'));
    assert.equal(new Set(stopped.map(({ tag }) => tag)).size, images.length, 'the one that was denied before has nothing new to say');
    const [first, last] = [stopped[0]!, stopped.at(-1)!].map(({ seenAtMs }) => seenAtMs - acknowledgedAtMs);
    t.diagnostic(`first decision by it after ${first} ms, the last of ${images.length} after ${last} ms`);
    assert.ok(first! < 30_000);
    assert.ok(stopped.every(({ outcome, occasion, retroactive }) => outcome === 'deny' && occasion === 'policies' && !retroactive));
  });

  it('takes back what was allowed, each once, though the app is killed on its way', async (t: TestContext) => {
    await publish('lets', { match: { repositories: ['killed/**'] }, replicate: [{ registry: 'b' }] });
    const images = Array.from({ length: 3_000 }, (_, index) => imageOf('killed', index));
    await append(images.flatMap((image) => [pushed(image), inspected(image)]));
    assert.equal((await until(images.length, () => of('killed'))).length, images.length);
    const isOfStop = ({ policyId }: Seen): boolean => policyId === 'stops-all';
    await startCandidate('lets-elsewhere', { priority: 3, match: { repositories: ['killed/**'] }, replicate: [{ registry: 'c' }] });
    await publish('stops-all', { priority: 2, match: { repositories: ['killed/**'] }, effect: 'deny' });
    await until(1, () => of('killed', isOfStop));
    await stop('SIGKILL');
    t.diagnostic(`killed when ${of('killed', isOfStop).length} of ${images.length} were told`);
    app = start();
    await until(images.length, () => of('killed', isOfStop));
    const late = imageOf('killed', images.length);
    await append([pushed(late)]);
    await until(images.length + 1, () => of('killed', isOfStop)); // It has come to an end with all before.
    const told = of('killed', (decision) => isOfStop(decision) && decision.tag !== late.tag);
    assert.equal(told.length, images.length);
    assert.equal(new Set(told.map(({ tag }) => tag)).size, images.length);
    assert.equal(new Set(of('killed').map(({ id }) => id)).size, of('killed').length);
    assert.ok(told.every(({ retroactive, takenBack }) => retroactive && takenBack.length === 1));
    await aCandidateHasToldEach(images);
  });
});

/** It would go on letting them go: first elsewhere, and then where they are denied. Each of it once, whatever was killed. */
async function aCandidateHasToldEach(images: readonly Image[]): Promise<void> {
  const lastOf = () => new Map(differences.map(({ tag, kind }) => [tag, kind]));
  const last = await eventually(
    async () => lastOf(),
    (found) => images.every(({ tag }) => found.get(tag) === 'deny -> allow'),
  );
  assert.ok(last.size >= images.length);
  assert.equal(new Set(differences.map(({ id }) => id)).size, differences.length);
  for (const [tag, told] of Map.groupBy(differences, ({ tag }) => tag))
    assert.equal(new Set(told.map(({ kind }) => kind)).size, told.length, `${tag}: ${told.map(({ kind }) => kind).join()}`);
}

describe('a scan that expires', () => {
  it('takes the targets back at its moment, once, also while the app is away', async (t: TestContext) => {
    const withinMs = 6_000;
    const scan = { withinHours: withinMs / 3_600_000, worstSeverity: 'high' };
    await publish('fresh', { match: { repositories: ['aging/**'] }, require: { scan }, replicate: [{ registry: 'b' }] });
    const images = Array.from({ length: 20 }, (_, index) => imageOf('aging', index));
    await append(images.flatMap((image) => [pushed(image), inspected(image)]));
    const scannedAtMs = Date.now();
    await append(images.map((image) => scanned(image, scannedAtMs)));
    const allowed = await until(images.length, () => of('aging', ({ outcome }) => outcome === 'allow'));
    assert.equal(allowed.length, images.length);
    await stop('SIGKILL');
    app = start();
    const held = await until(images.length, () => of('aging', ({ outcome }) => outcome === 'held'));
    assert.deepEqual(held.map(({ tag }) => tag).toSorted(), images.map(({ tag }) => tag).toSorted());
    for (const { occasion, evaluatedAtMs, takenBack, retroactive } of held) {
      assert.deepEqual([occasion, retroactive, takenBack.map(({ registry }) => registry)], ['time', true, ['b']]);
      assert.ok(evaluatedAtMs > scannedAtMs + withinMs);
    }
    t.diagnostic(`told ${Math.min(...held.map(({ seenAtMs }) => seenAtMs)) - scannedAtMs - withinMs} ms after they expired`);
    assert.equal(of('aging').length, 2 * images.length);
  });
});
