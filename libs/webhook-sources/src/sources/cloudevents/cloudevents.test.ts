import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingsOf } from '../../index.ts';
import { digest, readerOf } from '../reading.fixture.ts';
import { cloudevents } from './cloudevents.ts';

const { parse, eventOf, pushOf, reasonOf } = readerOf('cloudevents');

const event = (data: object = {}, more: object = {}) => ({
  ...{ specversion: '1.0', id: '1', source: 'https://registry.example.com', type: 'com.example.container.push' },
  ...more,
  data: { repository: 'team/app', tag: '1.0', digest, registryUrl: 'registry.example.com', ...data },
});

describe('a type', () => {
  const typed = (type: string): string => {
    const parsed = parse(event({}, { type }));
    return parsed.outcome === 'events' ? parsed.events[0]!.type : parsed.outcome;
  };
  it('is about an image by its words, and says by the last one what happened', () => {
    for (const type of [
      'container.push',
      'org.container.image.published',
      'com.amazon.ecr.image.push',
      'ImagePushed',
      'io.x.images.pushed.v1',
    ])
      assert.equal(typed(type), 'ImagePushed');
    assert.equal(typed('com.example.image.deleted'), 'ImageDeleted');
    assert.equal(typed('com.example.image.pulled.1.0'), 'ImagePulled');
  });
  it('is foreign else: a scan, a started container and a picture are no pushes', () => {
    const foreign = ['com.example.image.scan.completed', 'com.example.container.started', 'com.example.image.resized', 'push', 'image'];
    for (const type of [...foreign, 'com.example.git.push', 'com.example.imagery.push', 'image.push.failed', 'image.__proto__', 'v1'])
      assert.equal(reasonOf(event({}, { type })), 'ignored: NOT_AN_IMAGE', type);
  });
});

describe('the fields of data', () => {
  it('have several names, of which the first that is not empty counts', () => {
    const named = { repositoryName: 'a/b', imageTag: '2', imageDigest: '', registryUrl: '', registry: 'r.example:5000' };
    const { registry, repository, tags, digest: told } = pushOf(event(named));
    assert.deepEqual([registry, repository, tags, told], ['r.example:5000', 'a/b', ['2'], digest]);
  });
  it('give way to a subject of repository and tag, with the registry before them or without', () => {
    const bare = { repository: undefined, tag: undefined, digest: undefined };
    for (const subject of ['team/app:2', 'registry.example.com/team/app:2']) {
      const { repository, tags } = pushOf(event(bare, { subject }));
      assert.deepEqual([repository, tags], ['team/app', ['2']]);
    }
    assert.equal(pushOf(event(bare, { subject: `team/app@${digest}` })).digest, digest);
    assert.equal(reasonOf(event(bare, { subject: 'team/app' })), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(event(bare)), 'malformed: FIELD_MISSING');
  });
  it('may be missing the registry where the source is it', () => {
    const from = (source: string, data: object = {}): string => pushOf(event({ registryUrl: undefined, ...data }, { source })).registry;
    assert.equal(from('https://GHCR.io/owner/repo'), 'ghcr.io');
    assert.equal(from('registry.example.com:5000/team'), 'registry.example.com:5000');
    assert.equal(from('urn:aws:ecr:us-east-1:123456789012:repository/app'), '123456789012.dkr.ecr.us-east-1.amazonaws.com');
    const ours = from('arn:aws-cn:ecr:cn-north-1:123456789012:repository/app', { registryId: '210987654321' });
    assert.equal(ours, '210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn');
    for (const source of ['/registry/mycr', 'urn:uuid:1', 'ci', 'https://', '//host/path'])
      assert.equal(reasonOf(event({ registryUrl: undefined }, { source })), 'malformed: REGISTRY_MISSING', source);
  });
  it('may name the registry by a URL', () =>
    assert.equal(pushOf(event({ registryUrl: 'https://r.example:5000/v2/' })).registry, 'r.example:5000'));
});

describe('an id', () => {
  it('is unique per source: the same id of another one is another event', () => {
    assert.equal(eventOf(event()).id, eventOf(event()).id);
    assert.notEqual(eventOf(event()).id, eventOf(event({}, { source: 'https://other.example.com' })).id);
    assert.notEqual(eventOf(event()).id, eventOf(event({}, { id: '2' })).id);
  });
});

describe('OPTIONS', () => {
  it('is granted to nobody unless the endpoint names the origin', () => {
    const headers = { 'webhook-request-origin': 'events.example.com' };
    assert.equal(cloudevents.options?.(headers, settingsOf('test')), null);
    assert.notEqual(cloudevents.options?.(headers, settingsOf('test', { allowedOrigins: ['events.example.com'] })), null);
  });
});
