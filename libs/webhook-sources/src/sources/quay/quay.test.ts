import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('quay');

const about = { repository: 'team/app', namespace: 'team', name: 'app', docker_url: 'quay.example:8443/team/app' };
const push = { ...about, updated_tags: ['v1', 'latest'] };

describe('a push', () => {
  it('has its host and name from docker_url alone', () => {
    const { registry, repository, tags } = pushOf({ ...push, repository: 'other/name', homepage: 'https://other.example/' });
    assert.deepEqual([registry, repository, tags], ['quay.example:8443', 'team/app', ['v1', 'latest']]);
  });
  it('without docker_url wants a configured host', () => {
    const bare = { ...push, docker_url: undefined };
    assert.equal(reasonOf(bare), 'malformed: REGISTRY_MISSING');
    assert.equal(pushOf(bare, { settings: { registryHost: 'quay.io' } }).repository, 'team/app');
  });
  it('of 2013 has its tags as keys, and the ids beside them are no digests', () => {
    const { tags, digest: none } = pushOf({ ...push, updated_tags: { latest: digest.slice(7), v1: null } });
    assert.deepEqual([tags, none], [['latest', 'v1'], null]);
  });
  it('of no tag says nothing, of something else than tags gets parked', () => {
    assert.equal(reasonOf({ ...push, updated_tags: [] }), 'ignored: NO_EVENTS');
    assert.equal(reasonOf({ ...push, updated_tags: 'v1' }), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf({ ...push, updated_tags: [7] }), 'malformed: TAG_INVALID');
  });
  it('repeated half a minute later is the same event, an hour later another', () => {
    const idAt = (receivedAtMs: number) => eventOf(push, { receivedAtMs }).id;
    assert.equal(idAt(60_000), idAt(90_000));
    assert.notEqual(idAt(60_000), idAt(3_660_000));
  });
});

describe('a notification', () => {
  it('of a build that has succeeded repeats a push, of any other build makes none', () => {
    const build = { ...about, build_id: 'b1', docker_tags: ['v1'] };
    for (const told of [{ image_id: digest }, { manifest_digests: [`quay.example/team/app@${digest}`] }])
      assert.equal(reasonOf({ ...build, ...told }), 'ignored: REPEATED_BY_SENDER');
    assert.equal(reasonOf({ ...build, error_message: 'it broke' }), 'ignored: NOT_A_PUSH');
    assert.equal(reasonOf(build), 'ignored: NOT_A_PUSH');
  });
  it('of vulnerabilities, mirrors, expiry and quotas is about no push, though it may have tags', () => {
    const tags = ['v1', digest];
    for (const more of [{ vulnerability: {}, tags }, { vulnerabilities: [], tags }, { message: 'synced' }, { expiring_in: '7 days', tags }])
      assert.equal(reasonOf({ ...about, ...more }), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf({ namespace: 'team', homepage: 'https://quay.example/organization/team' }), 'ignored: NOT_ABOUT_IMAGES');
  });
  it('of a kind that is not known, or of an own template, gets parked', () => {
    assert.equal(reasonOf(about), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf({ text: 'pushed!' }), 'malformed: EVENT_UNKNOWN');
  });
});
