import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('jfrog');

const delivery = (data: object = {}, more: object = {}) => ({
  domain: 'docker',
  event_type: 'pushed',
  data: {
    repo_key: 'docker-local',
    path: 'team/app/1.0/manifest.json',
    name: 'manifest.json',
    sha256: digest.slice(7),
    size: 7,
    image_name: 'app',
    tag: '1.0',
    ...data,
  },
  jpd_origin: 'https://Example.jfrog.io/',
  source: 'jfrog/ci',
  ...more,
});

describe('a name', () => {
  it('is the repository key and the folder of the tag, for image_name may lack its first parts', () => {
    assert.equal(pushOf(delivery()).repository, 'docker-local/team/app');
    for (const path of [undefined, '', 'manifest.json', '1.0/manifest.json'])
      assert.equal(pushOf(delivery({ path })).repository, 'docker-local/app');
    assert.equal(reasonOf(delivery({ repo_key: '' })), 'malformed: REPOSITORY_INVALID');
  });
  it('has no key where the key is in the host', () => {
    const at = (registryHost: string) => pushOf(delivery(), { settings: { registryHost } }).repository;
    assert.equal(at('docker-local.example.com'), 'team/app');
    assert.equal(at('docker-local-2.example.com'), 'docker-local/team/app');
  });
  it('has the host of the platform, or a configured one where that is not told', () => {
    assert.equal(pushOf(delivery()).registry, 'example.jfrog.io');
    assert.equal(pushOf(delivery({}, { jpd_origin: 'art.example:8443/artifactory' })).registry, 'art.example:8443');
    assert.equal(reasonOf(delivery({}, { jpd_origin: '' })), 'malformed: REGISTRY_MISSING');
    assert.equal(pushOf(delivery({}, { jpd_origin: '' }), { settings: { registryHost: 'art.example' } }).registry, 'art.example');
  });
});

describe('a digest', () => {
  it('is the checksum of a manifest and of no other file', () => {
    assert.equal(pushOf(delivery({ name: 'list.manifest.json' })).digest, digest);
    assert.equal(pushOf(delivery({ name: undefined })).digest, digest, 'by the path');
    assert.equal(pushOf(delivery({ name: 'chart.tgz' })).digest, null);
    assert.deepEqual(
      [pushOf(delivery({ sha256: 'sample' })).digest, pushOf(delivery({ sha256: 'sample' })).rawDigest],
      [null, 'sha256:sample'],
    );
  });
  it('in the tag’s place means untagged', () => {
    for (const tag of [digest, digest.replace(':', '__')]) {
      const { tags, digest: found } = pushOf(delivery({ tag, name: 'other', sha256: undefined }));
      assert.deepEqual([tags, found], [[], digest]);
    }
  });
  it('is not deleted with one of its tags', () => {
    const { type, data } = eventOf(delivery({}, { event_type: 'deleted' }));
    assert.deepEqual([type, data.tags, data.digest], ['ImageDeleted', ['1.0'], null]);
  });
});

describe('an event', () => {
  it('may be told in the data alone; the outer one counts', () => {
    assert.equal(eventOf(delivery({ event_type: 'deleted' }, { event_type: undefined })).type, 'ImageDeleted');
    assert.equal(eventOf(delivery({ event_type: 'deleted' })).type, 'ImagePushed');
  });
  it('of a promotion makes no image available; one that is not known, or without a tag, gets parked', () => {
    assert.equal(reasonOf(delivery({}, { event_type: 'promoted' })), 'ignored: NOT_A_PUSH');
    assert.equal(reasonOf(delivery({}, { event_type: 'exploded' })), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf(delivery({ tag: undefined })), 'malformed: FIELD_MISSING');
  });
  it('of the files repeats a push, or is about its layers, or about another package', () => {
    const file = (name: string) => reasonOf(delivery({ name }, { domain: 'artifact', event_type: 'deployed' }));
    assert.equal(file('manifest.json'), 'ignored: REPEATED_BY_SENDER');
    assert.equal(file(digest.replace(':', '__')), 'ignored: BLOB');
    assert.equal(file('lib-1.0.jar'), 'ignored: NOT_AN_IMAGE');
  });
  it('of the platform is about no image; of a domain that is not known it gets parked', () => {
    assert.equal(reasonOf(delivery({}, { domain: 'build', event_type: 'uploaded' })), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf(delivery({}, { domain: 'oci' })), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf({ text: 'a custom webhook' }), 'malformed: EVENT_UNKNOWN');
  });
});
