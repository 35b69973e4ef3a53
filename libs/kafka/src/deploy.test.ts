import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allTopics } from '@waybill/domain';
import { topicConfig } from './deploy.ts';

const policyOf = (topic: (typeof allTopics)[number]): string | undefined =>
  topicConfig(topic).find(({ name }) => name === 'cleanup.policy')?.value;

describe('a topic', () => {
  it('keeps the newest per key where only that counts: of rows and tables, and of nothing else', () => {
    for (const topic of allTopics)
      assert.equal(policyOf(topic), topic.kind === 'state' || topic.kind === 'table' ? 'compact' : 'delete', topic.name);
    assert.ok(allTopics.some(({ kind }) => kind === 'table'));
  });
});
