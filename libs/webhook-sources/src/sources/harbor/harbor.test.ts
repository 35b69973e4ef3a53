import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, otherDigest, readerOf } from '../reading.fixture.ts';

const { eventOf, eventsOf, pushOf, reasonOf } = readerOf('harbor');

const resource = { digest, tag: 'v1', resource_url: 'Harbor.example:8443/my.project/app:v1' };
const data = (...resources: readonly object[]) => ({ resources, repository: { repo_full_name: 'my.project/app' } });
const notice = (type: string, ...resources: readonly object[]) => ({
  type,
  occur_at: 1_722_945_600,
  operator: 'robot$ci',
  event_data: data(...resources),
});
const cloudEvent = (type: string, id = 'e1') => ({
  ...{ specversion: '1.0', id, type, time: '2024-08-06T12:00:00Z', operator: 'robot$ci', source: '/projects/1/webhook/policies/1' },
  data: data(resource),
});

describe('a notice', () => {
  it('has the same meaning under its three names', () => {
    for (const type of ['PUSH_ARTIFACT', 'pushImage']) assert.equal(eventOf(notice(type, resource)).type, 'ImagePushed');
    for (const type of ['PULL_ARTIFACT', 'pullImage']) assert.equal(eventOf(notice(type, resource)).type, 'ImagePulled');
    for (const type of ['DELETE_ARTIFACT', 'deleteImage']) assert.equal(eventOf(notice(type, resource)).type, 'ImageDeleted');
    const types = ['pushed', 'pulled', 'deleted'].map((type) => eventOf(cloudEvent(`harbor.artifact.${type}`)).type);
    assert.deepEqual(types, ['ImagePushed', 'ImagePulled', 'ImageDeleted']);
  });
  it('of Harbor itself, of charts, or of a test is ignored by name; replications have no resources at all', () => {
    const own = [
      ...['SCANNING_COMPLETED', 'SCANNING_FAILED', 'SCANNING_STOPPED', 'QUOTA_EXCEED', 'QUOTA_WARNING', 'REPLICATION', 'TAG_RETENTION'],
      ...['scan.completed', 'scan.failed', 'scan.stopped', 'quota.exceeded', 'quota.warned'].map((type) => `harbor.${type}`),
      ...['harbor.replication.status.changed', 'harbor.tag_retention.finished'],
      ...['scanningCompleted', 'scanningFailed', 'projectQuota', 'replication'],
    ];
    for (const type of own) assert.equal(reasonOf({ type }), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf({ type: 'REPLICATION', event_data: { replication: {} } }), 'ignored: NOT_ABOUT_IMAGES');
    const charts = ['upload', 'download', 'delete'].flatMap((verb) => [`${verb}Chart`, `${verb.toUpperCase()}_CHART`]);
    for (const type of charts) assert.equal(reasonOf(notice(type)), 'ignored: HELM_CHART');
    assert.equal(reasonOf(notice('testEndpoint')), 'ignored: PING');
    for (const type of ['EXPLODE_ARTIFACT', 7]) assert.equal(reasonOf({ ...notice('', resource), type }), 'malformed: EVENT_UNKNOWN');
  });
  it('is one event per resource; one without tag and digest is not taken for the whole repository', () => {
    const second = { ...resource, digest: otherDigest, tag: 'v2' };
    assert.equal(eventsOf(notice('PUSH_ARTIFACT', resource, second)).length, 2);
    assert.equal(reasonOf(notice('DELETE_ARTIFACT', { ...resource, tag: '', digest: '' })), 'malformed: FIELD_MISSING');
    assert.deepEqual(pushOf(notice('PUSH_ARTIFACT', { ...resource, tag: undefined })).digest, digest);
    assert.deepEqual(pushOf(notice('PUSH_ARTIFACT', { ...resource, digest: undefined })).tags, ['v1']);
    assert.equal(reasonOf({ type: 'PUSH_ARTIFACT' }), 'malformed: FIELD_MISSING');
  });
  it('has its host up to the first slash, for projects may look like hosts and digests have colons', () => {
    const { registry, repository } = pushOf(
      notice('PUSH_ARTIFACT', { ...resource, resource_url: `Harbor.example:8443/my.project/app:${digest}` }),
    );
    assert.equal(`${registry}/${repository}`, 'harbor.example:8443/my.project/app');
  });
  it('in the CloudEvents format has an id, in the default one its second and its digest', () => {
    assert.notEqual(eventOf(cloudEvent('harbor.artifact.pushed')).id, eventOf(cloudEvent('harbor.artifact.pushed', 'e2')).id);
    const push = notice('PUSH_ARTIFACT', resource);
    assert.equal(eventOf(push).id, eventOf(push, { receivedAtMs: 9 }).id);
    assert.notEqual(eventOf(push).id, eventOf({ ...push, occur_at: push.occur_at + 1 }).id);
  });
});
