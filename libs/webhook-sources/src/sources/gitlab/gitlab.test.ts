import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventsOf, pushOf, reasonOf } = readerOf('gitlab');
const settings = { registryHost: 'registry.gitlab.example' };
const event = (action: string, target: object) => ({ action, target: { repository: 'group/project', ...target } });

describe('a notification of the registry', () => {
  it('of the smallest kind tells a tag, pushed, pulled or deleted, and is told from the next by its place and minute', () => {
    const events = eventsOf({ events: ['push', 'pull', 'delete', 'push'].map((action) => event(action, { tag: 'latest' })) }, { settings });
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ImagePushed', 'ImagePulled', 'ImageDeleted', 'ImagePushed'],
    );
    assert.equal(new Set(events.map(({ id }) => id)).size, 4);
  });
  it('of a manifest by digest is told by its media type, of a blob by nothing', () => {
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    assert.equal(pushOf({ events: [event('push', { digest, mediaType })] }, { settings }).digest, digest);
    assert.equal(reasonOf({ events: [event('push', { digest })] }, { settings }), 'ignored: BLOB');
  });
});

describe('a hook of a project, a group or the instance', () => {
  it('is about Git and no image, by its header or by its keys', () => {
    for (const name of ['Push Hook', 'Tag Push Hook', 'Pipeline Hook', 'System Hook', 'Whatever Comes Hook'])
      assert.equal(reasonOf({ ref: 'refs/heads/main' }, { headers: { 'x-gitlab-event': name } }), 'ignored: NOT_AN_IMAGE');
    assert.equal(reasonOf({ object_kind: 'push', ref: 'refs/heads/main' }), 'ignored: NOT_AN_IMAGE');
    assert.equal(reasonOf({ event_name: 'repository_update' }), 'ignored: NOT_AN_IMAGE');
  });
  it('does not hide what else there is', () => {
    assert.equal(reasonOf({ something: 'else' }), 'malformed: EVENT_UNKNOWN');
    const headers = { 'x-gitlab-event': 'Push Hook' };
    assert.deepEqual(pushOf({ events: [event('push', { tag: 'v1' })] }, { settings, headers }).tags, ['v1']);
  });
});
