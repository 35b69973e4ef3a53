import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('dtr');

const settings = { registryHost: 'msr.example' };
const notice = (type: string, more: object = {}) => ({
  type,
  createdAt: '2019-05-15T19:39:40.607337713Z',
  contents: { namespace: 'foo', repository: 'bar', tag: 'v1', digest, imageName: '10.10.10.1:4443/foo/bar:v1', author: 'ci', ...more },
});

describe('a notice', () => {
  it('tells pushes, pulls and deletions of tags and manifests', () => {
    const types = ['TAG_PUSH', 'MANIFEST_PUSH', 'TAG_PULL', 'MANIFEST_PULL', 'TAG_DELETE', 'MANIFEST_DELETE'].map(
      (type) => eventOf(notice(type)).type,
    );
    assert.deepEqual(types, ['ImagePushed', 'ImagePushed', 'ImagePulled', 'ImagePulled', 'ImageDeleted', 'ImageDeleted']);
  });
  it('of anything else known is ignored by name, of what is not known parked', () => {
    const reasons = [
      'SCAN_FAILED',
      'PROMOTION',
      'PUSH_MIRRORING',
      'POLL_MIRRORING',
      'REPO_CREATED',
      'REPO_UPDATED',
      'SCANNER_UPDATE_COMPLETED',
      'CHART_PUSH',
      'EXPLODED',
    ].map((type) => reasonOf(notice(type)));
    assert.deepEqual(reasons, [
      'ignored: NOT_ABOUT_IMAGES',
      'ignored: NOT_A_PUSH',
      'ignored: NOT_A_PUSH',
      'ignored: NOT_A_PUSH',
      'ignored: NOT_ABOUT_IMAGES',
      'ignored: NOT_ABOUT_IMAGES',
      'ignored: NOT_ABOUT_IMAGES',
      'ignored: HELM_CHART',
      'malformed: EVENT_UNKNOWN',
    ]);
  });
  it('of a deleted tag does not name the manifest, for others may have it; of a deleted repository names neither', () => {
    assert.equal(eventOf(notice('TAG_DELETE')).data.digest, null);
    const bare = { tag: undefined, digest: undefined, imageName: undefined };
    const { type: gone, data } = eventOf(notice('REPO_DELETED', bare), { settings });
    assert.deepEqual([gone, data.tags, data.digest], ['ImageDeleted', [], null]);
    for (const type of ['TAG_DELETE', 'MANIFEST_PUSH'])
      assert.equal(reasonOf(notice(type, { tag: '', digest: '' })), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf({ type: 'TAG_PUSH' }), 'malformed: FIELD_MISSING');
  });
  it('is of the moment of the push, else of the notice', () => {
    assert.equal(pushOf(notice('TAG_PUSH', { pushedAt: '2015-01-02T15:04:05Z' })).occurredAtMs, Date.UTC(2015, 0, 2, 15, 4, 5));
    for (const pushedAt of [undefined, '0001-01-01T00:00:00Z', 'yesterday'])
      assert.equal(pushOf(notice('MANIFEST_PUSH', { pushedAt })).occurredAtMs, Date.UTC(2019, 4, 15, 19, 39, 40, 607));
  });
  it('of a deletion is not of the moment of the push', () => {
    const gone = notice('TAG_DELETE', { pushedAt: '2015-01-02T15:04:05Z', deletedAt: '2016-01-02T15:04:05Z' });
    assert.equal(eventOf(gone).data.occurredAtMs, Date.UTC(2016, 0, 2, 15, 4, 5));
  });
  it('repeated has the same id, of the next push of the same image another', () => {
    const idAt = (pushedAt: string) => eventOf(notice('TAG_PUSH', { pushedAt })).id;
    assert.equal(idAt('2024-01-02T15:04:05Z'), idAt('2024-01-02T15:04:05Z'));
    assert.notEqual(idAt('2024-01-02T15:04:05Z'), idAt('2024-01-02T15:04:06Z'));
  });
});

describe('a host', () => {
  const hostOf = (more: object): string | undefined => {
    const body = notice('TAG_PUSH', more);
    return reasonOf(body) === 'malformed: REGISTRY_MISSING' ? undefined : pushOf(body).registry;
  };
  it('is what stands before namespace and repository in the image’s name', () => {
    assert.equal(hostOf({}), '10.10.10.1:4443');
    assert.equal(hostOf({ imageName: `msr.example/foo/bar@${digest}` }), 'msr.example');
  });
  it('is not the namespace where there is none', () => {
    for (const imageName of ['foo/bar:v1', 'foo/bar', 'bar:v1', '', undefined]) assert.equal(hostOf({ imageName }), undefined);
    assert.equal(hostOf({ namespace: 'foo.io', imageName: 'foo.io/bar:v1' }), undefined, 'nor where it looks like one');
    assert.equal(pushOf(notice('TAG_PUSH', { imageName: 'foo/bar:v1' }), { settings }).registry, 'msr.example');
  });
  it('and repository are both in the name where there is nothing else', () => {
    const bare = { namespace: undefined, repository: undefined };
    const { registry, repository } = pushOf(notice('TAG_PUSH', { ...bare, imageName: 'msr.example/foo/bar:v1' }));
    assert.equal(`${registry}/${repository}`, 'msr.example/foo/bar');
    assert.equal(reasonOf(notice('TAG_PUSH', { ...bare, imageName: 'foo/bar:v1' })), 'malformed: REGISTRY_MISSING');
  });
});
