import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type EventOf, type ImageFacts, type ImagePushed } from '@waybill/domain';
import { notLookedAt, unsaid } from '@waybill/domain/testing';
import { topologyDriver } from '@waybill/stream/testing';
import type { Inspected } from './inspected.ts';
import { inspector } from './topology.ts';

const nowMs = Date.UTC(2026, 0, 1);
const sha = (letter: string) => `sha256:${letter.repeat(64)}`;
const platform = (letter: string, architecture: string) => ({
  ...{ digest: sha(letter), mediaType: 'm', sizeBytes: 1, os: 'linux', architecture, variant: null },
  ...{ configDigest: sha('0'), createdAt: null, labels: {}, layers: [], totalBytes: 1 },
});
const index: Inspected = {
  ...{ digest: sha('1'), mediaType: 'm', kind: 'index', artifactType: null, subject: null, sizeBytes: 10 },
  platforms: [platform('a', 'amd64'), platform('b', 'arm64')],
  ...{ annotations: {}, labels: { team: 'core' }, totalBytes: 2, referrers: [], ...notLookedAt },
};
const artifact: Inspected = { ...index, digest: sha('2'), kind: 'artifact', artifactType: 'application/vnd.test.sbom', platforms: [] };

const start = (trustSha256: string | null = null) => {
  const inspect = () => Promise.reject(new Error('the driver runs no jobs'));
  const driver = topologyDriver(inspector(inspect, { timeoutMs: 1, concurrencyMax: 1, perRegistryMax: 1, attemptsMax: 1, trustSha256 }));
  const push = (id: string, data: Partial<ImagePushed> = {}, atMs = nowMs) => {
    const pushed: ImagePushed = {
      ...{ ...unsaid, registry: 'r.test', repository: 'team/app', tags: ['v1'], digest: index.digest, occurredAtMs: null },
      ...{ receivedAtMs: nowMs, source: 'distribution', endpoint: 'distribution', ...data },
    };
    driver.pipe(topics.images, 'r.test/team/app', { type: 'ImagePushed', data: pushed }, { id, correlationId: id, atMs });
  };
  const inspected = () => driver.emitted(topics.inspections) as readonly EventOf<'ImageInspected'>[];
  const scans = () => driver.emitted(topics.scanRequests) as readonly EventOf<'ScanRequested'>[];
  return {
    driver,
    push,
    inspected,
    scans,
    facts: (digest: string) => driver.row('facts', `r.test/team/app@${digest}`) as ImageFacts | undefined,
  };
};

describe('a pushed image', () => {
  it('is read once from its registry, under the id of its push', () => {
    const { driver, push, inspected } = start();
    push('push-1');
    assert.deepEqual(
      driver.jobs().map(({ id, kind, host, key }) => ({ id, kind, host, key })),
      [{ id: 'push-1', kind: 'inspect', host: 'r.test', key: 'r.test/team/app' }],
    );
    assert.deepEqual(inspected(), []);
  });

  it('is reported with the push that it belongs to, and remembered', () => {
    const { driver, push, inspected, facts } = start();
    push('push-1');
    driver.finishJob('push-1', index, { atMs: nowMs + 5 });
    const [event] = inspected();
    const image = { registry: 'r.test', repository: 'team/app' };
    assert.deepEqual(event?.data, { ...index, ...image, tags: ['v1'], pushEventId: 'push-1', inspectedAtMs: nowMs + 5 });
    assert.equal(event.meta.correlationId, 'push-1');
    assert.equal(event.meta.subject, 'r.test/team/app:v1');
    assert.deepEqual(driver.keys(topics.inspections), ['r.test/team/app']);
    assert.deepEqual(facts(index.digest), { ...index, ...image, inspectedAtMs: nowMs + 5, eventId: 'push-1' });
  });

  it('asks for one scan per platform, keyed by the digest of that platform', () => {
    const { driver, push, scans } = start();
    push('push-1');
    driver.finishJob('push-1', index);
    assert.deepEqual(driver.keys(topics.scanRequests), [sha('a'), sha('b')]);
    assert.deepEqual(
      scans().map(({ data }) => [data.digest, data.imageDigest, data.repository]),
      [
        [sha('a'), index.digest, 'team/app'],
        [sha('b'), index.digest, 'team/app'],
      ],
    );
    assert.equal(new Set(scans().map(({ meta }) => meta.id)).size, 2);
  });

  it('that is known is reported at once, for its own push and time', () => {
    const { driver, push, inspected, scans } = start();
    push('push-1');
    driver.finishJob('push-1', index);
    push('push-2', { tags: ['v2'] }, nowMs + 60_000);
    assert.deepEqual(driver.jobs(), []);
    assert.deepEqual(
      inspected().map(({ data, meta }) => [data.pushEventId, data.tags, data.inspectedAtMs, meta.correlationId]),
      [
        ['push-1', ['v1'], nowMs, 'push-1'],
        ['push-2', ['v2'], nowMs + 60_000, 'push-2'],
      ],
    );
    assert.equal(scans().length, 4);
  });

  it('is read again where its signatures were verified with other keys, or by nobody', () => {
    const { driver, push, inspected } = start('keys of today');
    push('push-1');
    driver.finishJob('push-1', { ...index, trustSha256: 'keys of before' });
    push('push-2');
    driver.finishJob('push-2', { ...index, signatures: [], trustSha256: 'keys of today' });
    push('push-3');
    assert.deepEqual(driver.jobs(), []);
    assert.deepEqual(
      inspected().map(({ data }) => data.trustSha256),
      ['keys of before', 'keys of today', 'keys of today'],
    );
  });

  it('whose job began before signatures were looked at has none to tell of', () => {
    const { driver, push, inspected } = start();
    push('push-1');
    const { signatures: _, subjectSignatures: _s, refusedSignatures: _r, trustSha256: _t, ...before } = index;
    driver.finishJob('push-1', before);
    assert.deepEqual([inspected()[0]?.data.signatures, inspected()[0]?.data.refusedSignatures], [null, []]);
  });

  it('is read for each repository that holds it', () => {
    const { driver, push } = start();
    push('push-1');
    driver.finishJob('push-1', index);
    push('push-2', { repository: 'team/other' });
    assert.equal(driver.jobs().length, 1);
  });

  it('without a tag is recorded and not scanned', () => {
    const { driver, push, inspected, scans, facts } = start();
    push('push-1', { tags: [] });
    driver.finishJob('push-1', index);
    assert.equal(inspected().length, 1);
    assert.ok(facts(index.digest));
    assert.deepEqual(scans(), []);
  });

  it('without a digest takes the one that its tag has', () => {
    const { driver, push, inspected, facts } = start();
    push('push-1', { digest: null });
    assert.equal((JSON.parse(driver.jobs()[0]!.payload) as { digest: null }).digest, null);
    driver.finishJob('push-1', index);
    assert.deepEqual([inspected()[0]?.data.digest, inspected()[0]?.data.tags], [index.digest, ['v1']]);
    assert.ok(facts(index.digest));
  });

  it('with neither is ignored', () => {
    const { driver, push } = start();
    push('push-1', { digest: null, tags: [] });
    assert.deepEqual(driver.ignored(), ['names neither digest nor tag']);
  });

  it('that is an artifact wants no scan', () => {
    const { driver, push, inspected, scans } = start();
    push('push-1', { digest: artifact.digest });
    driver.finishJob('push-1', artifact);
    assert.equal(inspected()[0]?.data.kind, 'artifact');
    assert.deepEqual(scans(), []);
  });

  it('that cannot be read is said to have failed, with the reason', () => {
    const { driver, push, facts } = start();
    push('push-1', { tags: [] });
    driver.failJob('push-1', { code: 'REGISTRY_DENIED', reason: 'needs rights', attempts: 1 }, { atMs: nowMs + 9 });
    const [event] = driver.emitted(topics.inspections);
    assert.equal(event?.type, 'ImageInspectionFailed');
    assert.deepEqual(event.data, {
      ...{ registry: 'r.test', repository: 'team/app', tags: [], digest: index.digest, pushEventId: 'push-1' },
      ...{ code: 'REGISTRY_DENIED', reason: 'needs rights', attempts: 1, failedAtMs: nowMs + 9 },
    });
    assert.equal(event.meta.subject, `r.test/team/app@${index.digest}`);
    assert.equal(facts(index.digest), undefined);
  });
});
