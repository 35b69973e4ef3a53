import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('nexus');

const around = { headers: { 'x-nexus-webhook-delivery': 'd1' }, settings: { registryHost: 'nexus.example:8083' } };
const envelope = {
  timestamp: '2024-08-06T12:00:00.664+0000',
  initiator: 'ci/10.0.0.7',
  repositoryName: 'docker-hosted',
  action: 'CREATED',
};
const component = (more: object = {}, action = 'CREATED') => ({
  ...envelope,
  action,
  component: { format: 'docker', name: 'team/app', version: '1.0', ...more },
});
const asset = (name: string, action = 'CREATED') => ({ ...envelope, action, asset: { format: 'docker', name } });

describe('a component', () => {
  it('is a tag that was pushed, pushed again, or deleted', () => {
    const types = ['CREATED', 'UPDATED', 'DELETED', 'PURGED'].map((action) => eventOf(component({}, action), around).type);
    assert.deepEqual(types, ['ImagePushed', 'ImagePushed', 'ImageDeleted', 'ImageDeleted']);
    assert.equal(reasonOf(component({}, 'EXPLODED'), around), 'malformed: EVENT_UNKNOWN');
  });
  it('of another format is no image', () => {
    for (const format of ['npm', 'helm', 'maven2', undefined])
      assert.equal(reasonOf(component({ format }), around), 'ignored: NOT_AN_IMAGE');
  });
  it('without a version is not taken for the whole repository', () =>
    assert.equal(reasonOf(component({ version: '' }, 'DELETED'), around), 'malformed: FIELD_MISSING'));
  it('has its host from the configuration alone', () => assert.equal(reasonOf(component()), 'malformed: REGISTRY_MISSING'));
});

describe('an asset', () => {
  it('is a manifest by tag or by digest, with or without a slash before it', () => {
    assert.deepEqual(pushOf(asset('v2/team/app/manifests/1.0'), around).tags, ['1.0']);
    assert.deepEqual(pushOf(asset(`/v2/team/app/manifests/${digest}`), around).digest, digest);
    assert.equal(pushOf(asset('v2/a/manifests/b/manifests/1.0'), around).repository, 'a/manifests/b');
    assert.equal(pushOf(asset('v2/a/blobs/b/manifests/1.0'), around).repository, 'a/blobs/b');
  });
  it('is else a blob or a list', () => {
    for (const name of [`v2/-/blobs/${digest}`, `/v2/a/manifests/b/blobs/${digest}`, 'v2/team/app/tags/list', 'v2/_catalog', ''])
      assert.equal(reasonOf(asset(name), around), 'ignored: BLOB');
  });
  it('that is deleted deletes the tag or the manifest that it was', () => {
    assert.deepEqual(eventOf(asset('v2/a/manifests/1.0', 'DELETED'), around).data.tags, ['1.0']);
    assert.equal(eventOf(asset(`v2/a/manifests/${digest}`, 'DELETED'), around).data.digest, digest);
  });
});

describe('what stands around both', () => {
  it('is a time in ms whose offset may lack its colon', () => {
    const atOf = (timestamp: unknown) => pushOf({ ...component(), timestamp }, around).occurredAtMs;
    const noon = Date.UTC(2024, 7, 6, 12, 0, 0, 664);
    for (const text of [
      '2024-08-06T12:00:00.664+0000',
      '2024-08-06T14:00:00.664+02:00',
      '2024-08-06T12:00:00.664Z',
      '2024-08-06T10:00:00.664-0200',
    ])
      assert.equal(atOf(text), noon);
    for (const text of ['2024-08-06T12:00:00', 1_722_945_600_664, '']) assert.equal(atOf(text), null);
  });
  it('is an account before the address it came from', () => {
    const actorOf = (initiator: unknown) => pushOf({ ...component(), initiator }, around).actor;
    assert.deepEqual(['ci/10.0.0.7', 'ci', '/10.0.0.7', null].map(actorOf), ['ci', 'ci', null, null]);
  });
  it('of audits and of Nexus’ own repositories is about no image; anything else gets parked', () => {
    assert.equal(reasonOf({ initiator: 'x', audit: { domain: 'security.user' } }), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf({ ...envelope, repository: { format: 'docker', name: 'docker-hosted' } }), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf({ ...envelope }), 'malformed: EVENT_UNKNOWN');
  });
  it('is the id of one delivery to one hook', () => {
    assert.notEqual(eventOf(component(), around).id, eventOf(component(), { ...around, headers: { 'x-nexus-webhook-delivery': 'd2' } }).id);
  });
});
