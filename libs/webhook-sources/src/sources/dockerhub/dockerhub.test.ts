import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('dockerhub');

const push = (data: object = {}, repository: object = {}) => ({
  callback_url: 'https://evil.example/never-called',
  push_data: { pushed_at: 1_417_566_161, pusher: 'ci', tag: 'v1', images: ['a'.repeat(64)], ...data },
  repository: { repo_name: 'team/app', namespace: 'team', name: 'app', ...repository },
});

describe('a push', () => {
  it('has its name from repo_name, else from namespace and name', () => {
    assert.equal(pushOf(push({}, { name: 'other' })).repository, 'team/app');
    for (const repo_name of ['', null, 7]) assert.equal(pushOf(push({}, { repo_name, name: 'other' })).repository, 'team/other');
    assert.equal(reasonOf(push({}, { repo_name: '', name: undefined })), 'malformed: REPOSITORY_INVALID');
  });
  it('may have no tag, and never a digest', () => {
    for (const tag of ['', null, undefined]) assert.deepEqual([pushOf(push({ tag })).tags, pushOf(push({ tag })).digest], [[], null]);
  });
  it('has its time in seconds, which may be a fraction; what looks like ms is none', () => {
    assert.equal(pushOf(push({ pushed_at: 1.417566822e9 })).occurredAtMs, 1_417_566_822_000);
    assert.equal(pushOf(push({ pushed_at: 1_417_566_161_000 })).occurredAtMs, null);
  });
  it('of a chart is told by the media type, which is the config’s', () => {
    assert.equal(reasonOf(push({ media_type: 'application/vnd.cncf.helm.config.v1+json' })), 'ignored: HELM_CHART');
    const { mediaType, artifactKind } = pushOf(push({ media_type: 'application/vnd.docker.container.image.v1+json' }));
    assert.deepEqual([mediaType, artifactKind], [null, 'image']);
  });
  it('that is reported six times is one event, and another second another', () => {
    assert.equal(eventOf(push()).id, eventOf(push({ images: [] }), { receivedAtMs: 9 }).id);
    assert.notEqual(eventOf(push()).id, eventOf(push({ pushed_at: 1_417_566_162 })).id);
  });
});

describe('a payload with the same two parts', () => {
  it('needs both', () => {
    for (const half of ['push_data', 'repository']) assert.equal(reasonOf({ ...push(), [half]: undefined }), 'malformed: EVENT_UNKNOWN');
  });
  it('is Alibaba’s by the names in the second', () => {
    for (const own of [{ repo_full_name: 'team/app' }, { region: 'cn-hangzhou' }])
      assert.equal(reasonOf(push({}, own)), 'malformed: EVENT_UNKNOWN');
  });
});
