import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('aliyun');

const push = (data: object = {}, repository: object = {}) => ({
  push_data: { digest, pushed_at: '2024-08-06 12:00:00', tag: '1.0', ...data },
  repository: { name: 'App', namespace: 'team', region: 'cn-hangzhou', repo_full_name: 'team/App', ...repository },
});

describe('Alibaba', () => {
  it('writes a time without a zone: it is kept as text, and tells one push from the next', () => {
    const { occurredAtMs, rawOccurredAt } = pushOf(push());
    assert.deepEqual([occurredAtMs, rawOccurredAt], [null, '2024-08-06 12:00:00']);
    const id = (data: object, receivedAtMs: number): string => eventOf(push(data), { receivedAtMs }).id;
    assert.equal(id({}, 0), id({}, 86_400_000), 'however late it is repeated');
    assert.notEqual(id({}, 0), id({ pushed_at: '2024-08-06 12:00:01' }, 0));
  });
  it('would be believed a time with a zone', () =>
    assert.equal(pushOf(push({ pushed_at: '2024-08-06 12:00:00+08:00' })).occurredAtMs, Date.UTC(2024, 7, 6, 4)));
  it('names the repository in one field or two, with its capitals', () => {
    assert.equal(pushOf(push()).repository, 'team/App');
    assert.equal(pushOf(push({}, { repo_full_name: '' })).repository, 'team/App');
  });
  it('has a host by region, and another one only by configuration', () => {
    assert.equal(pushOf(push()).registry, 'registry.cn-hangzhou.aliyuncs.com');
    const registryHost = 'team-registry.cn-hangzhou.cr.aliyuncs.com';
    assert.equal(pushOf(push(), { settings: { registryHost } }).registry, registryHost);
    for (const region of [undefined, '', 'evil.example/', 5]) assert.equal(reasonOf(push({}, { region })), 'malformed: REGISTRY_MISSING');
  });
  it('says nothing without a tag and a digest; one of them is enough', () => {
    assert.equal(reasonOf(push({ tag: '', digest: undefined })), 'malformed: FIELD_MISSING');
    assert.deepEqual(pushOf(push({ tag: undefined })).tags, []);
    assert.equal(pushOf(push({ digest: undefined })).digest, null);
  });
  it('is not Docker Hub, whose payload has the same keys and neither region nor digest', () => {
    const hub = {
      push_data: { tag: '1', pushed_at: 1_417_566_161 },
      repository: { repo_name: 'team/app', name: 'app', namespace: 'team' },
    };
    assert.equal(reasonOf(hub), 'malformed: REGISTRY_MISSING');
    assert.equal(reasonOf({ events: [] }), 'malformed: EVENT_UNKNOWN');
  });
});
