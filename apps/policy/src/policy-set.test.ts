import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '@waybill/domain';
import { compileRulebook } from '@waybill/policy-engine';
import { createPolicyReader } from './policy-set.ts';
import { nowMs, published } from './testing.fixture.ts';

const event = (policyId: string, priority = 0): Event => {
  const spec = `spec: { priority: ${priority}, match: { repositories: ['${policyId}/**'] }, replicate: [{ registry: b }] }`;
  const document = `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: ${policyId} }\n${spec}`;
  return { ...published(policyId, document), meta: {} } as never;
};
const retired = (policyId: string): Event =>
  ({ type: 'PolicyRetired', data: { policyId, author: 'test', retiredAtMs: nowMs }, meta: {} }) as never;
const many = Array.from({ length: 300 }, (_, index) => event(`p${index}`));

describe('the policies in force', () => {
  it('are compiled once for any number of inputs', () => {
    const read = createPolicyReader();
    const { rulebook } = read(many);
    assert.equal(read(many).rulebook, rulebook);
    assert.equal(read([...many]).rulebook, rulebook);
    assert.equal(read(many.map((each) => ({ ...each }))).rulebook, rulebook, 'published again, with the same text');
  });

  it('are the same set after changes one by one as all at once, and what has not changed is not made again', () => {
    const read = createPolicyReader();
    const before = read(many).rulebook;
    const changed = [...many.slice(2), event('p1', 7), retired('p0'), event('new')];
    const after = read(changed).rulebook;
    assert.equal(after.version, createPolicyReader()(changed).rulebook.version);
    assert.deepEqual(
      [before.replication.policies.length, after.replication.policies.length, after.replication.policies[0]?.id],
      [300, 300, 'p1'],
    );
    const known = new Set(before.replication.policies);
    assert.deepEqual(
      after.replication.policies.filter((policy) => !known.has(policy)).map(({ id }) => id),
      ['p1', 'new'],
    );
  });

  it('lose one that is broken by a change, and have it back when it is mended', () => {
    const read = createPolicyReader();
    const broken = { ...many[0]!, data: { ...many[0]!.data, document: 'spec: 1' } } as Event;
    assert.equal(read(many.slice(0, 2)).rulebook.replication.policies.length, 2);
    const { rulebook, broken: lines } = read([broken, many[1]!]);
    assert.deepEqual([rulebook.replication.policies.map(({ id }) => id), lines.map(({ policyId }) => policyId)], [['p1'], ['p0']]);
    assert.deepEqual(
      [read(many.slice(0, 2)).rulebook.version, read(many.slice(0, 2)).broken],
      [createPolicyReader()(many.slice(0, 2)).rulebook.version, []],
    );
    assert.equal(read([]).rulebook.version, compileRulebook([]).version);
  });
});
