import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, otherDigest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('gar');

const image = 'europe-docker.pkg.dev/project/repo/team/app';
const notice = (more: object = {}) => ({ action: 'INSERT', digest: `${image}@${digest}`, tag: `${image}:1.0`, ...more });
const wrapped = (data: unknown, more: object = {}) => ({
  message: {
    data: Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)).toString('base64'),
    ...{ messageId: 'm1', publishTime: '2024-08-06T12:00:00.123Z', ...more },
  },
  subscription: 'projects/p/subscriptions/s',
});

describe('a message of Pub/Sub', () => {
  it('has its id and time under one of two names', () => {
    for (const body of [
      wrapped(notice()),
      wrapped(notice(), { messageId: undefined, message_id: 'm1', publishTime: undefined, publish_time: '2024-08-06T12:00:00.123Z' }),
    ]) {
      const { sourceDeliveryId, occurredAtMs } = pushOf(body);
      assert.deepEqual([sourceDeliveryId, occurredAtMs], ['m1', Date.UTC(2024, 7, 6, 12, 0, 0, 123)]);
    }
  });
  it('may come unwrapped, with its metadata as headers, and is the same event', () => {
    const headers = { 'x-goog-pubsub-message-id': 'm1', 'x-goog-pubsub-publish-time': '2024-08-06T12:00:00.123Z' };
    assert.deepEqual(eventOf(notice(), { headers }), eventOf(wrapped(notice())));
    assert.equal(pushOf(notice()).sourceDeliveryId, null);
  });
  it('without data, or with data that is none of ours, is parked', () => {
    assert.equal(reasonOf({ message: { messageId: 'm', attributes: {} } }), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(wrapped('')), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(wrapped('test')), 'malformed: BODY_NOT_JSON');
    assert.equal(reasonOf(wrapped(notice({ action: 'EXPLODE' }))), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf({}), 'malformed: EVENT_UNKNOWN');
  });
});

describe('a notice of the registry', () => {
  it('names the image by digest, by tag, or by both', () => {
    const said = (more: object): unknown[] => {
      const { repository, tags, digest: told } = pushOf(wrapped(notice(more)));
      return [repository, tags, told];
    };
    assert.deepEqual(said({}), ['project/repo/team/app', ['1.0'], digest]);
    assert.deepEqual(said({ tag: undefined }), ['project/repo/team/app', [], digest]);
    assert.deepEqual(said({ digest: undefined }), ['project/repo/team/app', ['1.0'], null]);
    assert.equal(reasonOf(wrapped({ action: 'INSERT' })), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(wrapped({ action: 'DELETE' })), 'malformed: FIELD_MISSING', 'or it would delete everything');
  });
  it('of two images says nothing of either', () =>
    assert.equal(reasonOf(wrapped(notice({ tag: 'europe-docker.pkg.dev/project/repo/other:1.0' }))), 'malformed: REPOSITORY_INVALID'));
  it('may name a host with a port, and has its tag behind the last slash', () => {
    const { registry, repository, tags } = pushOf(wrapped({ action: 'INSERT', tag: 'localhost:5000/p/r/app:1' }));
    assert.deepEqual([registry, repository, tags], ['localhost:5000', 'p/r/app', ['1']]);
    assert.equal(reasonOf(wrapped({ action: 'INSERT', tag: 'localhost:5000/p/r/app' })), 'malformed: FIELD_MISSING');
  });
  it('of a deletion is one of a tag or of a digest', () => {
    const gone = eventOf(wrapped(notice({ action: 'DELETE', tag: undefined, digest: `${image}@${otherDigest}` })));
    assert.deepEqual([gone.type, gone.data.tags, gone.data.digest], ['ImageDeleted', [], otherDigest]);
  });
  it('told again without its tag and with it is two events, as the sender means it', () =>
    assert.notEqual(eventOf(wrapped(notice({ tag: undefined }))).id, eventOf(wrapped(notice())).id));
});
