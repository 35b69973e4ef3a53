import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, reasonOf } = readerOf('tencent');

const notice = (type: string) => ({
  type,
  occur_at: 1_722_945_600,
  operator: '100000000001',
  event_data: {
    resources: [{ digest, tag: '1.0', resource_url: 'team.tencentcloudcr.com/public/app:1.0' }],
    repository: { name: 'app', namespace: 'public', repo_full_name: 'public/app', repo_type: 'public' },
  },
});

describe('Tencent', () => {
  it('says push, pull and deletion in the words of Harbor 1', () => {
    const types = ['pushImage', 'pullImage', 'deleteImage'].map((type) => eventOf(notice(type)).type);
    assert.deepEqual(types, ['ImagePushed', 'ImagePulled', 'ImageDeleted']);
  });
  it('speaks of charts too', () => {
    for (const type of ['uploadChart', 'downloadChart', 'deleteChart']) assert.equal(reasonOf(notice(type)), 'ignored: HELM_CHART');
  });
  it('is parked where its word is not known', () => assert.equal(reasonOf(notice('explodeImage')), 'malformed: EVENT_UNKNOWN'));
});
