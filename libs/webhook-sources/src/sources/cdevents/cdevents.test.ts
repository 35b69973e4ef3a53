import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';
import { findImagePurl } from './purl.ts';

const { eventOf, pushOf, reasonOf } = readerOf('cdevents');

const encoded = digest.replace(':', '%3A');
const purl = `pkg:oci/app@${encoded}?repository_url=r.example:5000%2Fteam%2Fapp&tag=1.0`;
const event = (type: string, subject: object = {}, more: object = {}) => ({
  ...{ specversion: '1.0', id: '1', source: '/ci', type: `dev.cdevents.${type}.0.3.0`, ...more },
  data: { context: { id: 'c', timestamp: '2024-08-06T12:00:00Z' }, subject: { id: purl, content: { user: 'bot' }, ...subject } },
});

describe('an artifact', () => {
  it('is published, deleted, downloaded, or only built', () => {
    const types = ['published', 'deleted', 'downloaded'].map((predicate) => eventOf(event(`artifact.${predicate}`)).type);
    assert.deepEqual(types, ['ImagePushed', 'ImageDeleted', 'ImagePulled']);
    for (const predicate of ['packaged', 'signed']) assert.equal(reasonOf(event(`artifact.${predicate}`)), 'ignored: NOT_A_PUSH');
  });
  it('is what other events are not about, and unknown words are parked', () => {
    assert.equal(reasonOf(event('pipelinerun.started')), 'ignored: NOT_AN_IMAGE');
    assert.equal(reasonOf(event('artifact.exploded')), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf({ ...event(''), type: 'com.example.image.push' }), 'malformed: EVENT_UNKNOWN');
  });
  it('of any version of the specification is read', () => {
    for (const version of ['0.1.0', '0.2.0', '1.0.0-draft'])
      assert.equal(eventOf(event('', {}, { type: `dev.cdevents.artifact.published.${version}` })).type, 'ImagePushed');
  });
  it('has its time around it, else within', () => {
    assert.equal(pushOf(event('artifact.published')).occurredAtMs, Date.UTC(2024, 7, 6, 12));
    assert.equal(pushOf(event('artifact.published', {}, { time: '2024-08-06T13:00:00Z' })).occurredAtMs, Date.UTC(2024, 7, 6, 13));
  });
  it('is named by the body, and by the attribute where the body does not', () => {
    assert.deepEqual(pushOf(event('artifact.published', {}, { subject: 'pkg:oci/other' })).repository, 'team/app');
    assert.deepEqual(pushOf(event('artifact.published', { id: undefined }, { subject: purl })).repository, 'team/app');
    assert.equal(reasonOf(event('artifact.published', { id: undefined })), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(event('artifact.published', { id: 'pkg:golang/x@1' })), 'ignored: NOT_AN_IMAGE');
  });
  it('without a place is of the configured registry, or of none', () => {
    const subject = { id: `pkg:oci/app@${encoded}` };
    assert.equal(reasonOf(event('artifact.published', subject)), 'malformed: REGISTRY_MISSING');
    const { registry, repository } = pushOf(event('artifact.published', subject), { settings: { registryHost: 'r.example' } });
    assert.deepEqual([registry, repository], ['r.example', 'app']);
  });
});

describe('a package URL', () => {
  const place = (text: string): string | undefined => {
    const found = findImagePurl(text);
    return found && `${found.registry ?? '?'}/${found.repository}`;
  };
  it('has the name at the end of its place, or has not', () => {
    assert.equal(place('pkg:oci/app@x?repository_url=r.example/team/app'), 'r.example/team/app');
    assert.equal(place('pkg:oci/app@x?repository_url=r.example/team'), 'r.example/team/app');
    assert.equal(place('pkg:oci/app@x?repository_url=r.example/app'), 'r.example/app');
    assert.equal(place('pkg:oci/app@x?repository_url=r.example'), 'r.example/app');
    assert.equal(place('pkg:oci/app@x?repository_url=r.example/my-app'), 'r.example/my-app/app');
    assert.equal(place('pkg:oci/App@x?repository_url=https://localhost:5000/team/app/'), 'localhost:5000/team/app');
  });
  it('of Docker has its path within, and Docker Hub as its place', () => {
    assert.equal(place('pkg:docker/cassandra@latest'), 'docker.io/library/cassandra');
    assert.equal(place('pkg:docker/team/app@1'), 'docker.io/team/app');
    assert.equal(place('pkg:docker/team/app@1?repository_url=gcr.io'), 'gcr.io/team/app');
  });
  it('has a digest as its version, and a tag as a qualifier or where no digest is', () => {
    const version = (text: string): unknown[] => [findImagePurl(text)?.digest, findImagePurl(text)?.tag];
    assert.deepEqual(version(`pkg:oci/app@${encoded}`), [digest, undefined]);
    assert.deepEqual(version(`pkg:oci/app@${digest}?tag=a&tag=b#sub/path`), [digest, 'a']);
    assert.deepEqual(version('pkg:docker/app@1.0'), [undefined, '1.0']);
    assert.deepEqual(version('pkg:oci/app?arch=amd64&TAG=1%2E0'), [undefined, '1.0']);
  });
  it('may begin in capitals or with slashes, and is none of another type or another scheme', () => {
    assert.equal(place('PKG://OCI/app?repository_url=r.example'), 'r.example/app');
    for (const text of ['pkg:npm/app@1', 'oci/app', 'pkg:oci', '', 'pkg:oci/app@%zz', 'pkg:oci/a?tag=%'])
      assert.equal(findImagePurl(text), undefined);
  });
});
