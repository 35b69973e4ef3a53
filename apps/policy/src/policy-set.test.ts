import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '@waybill/domain';
import { compileRulebook, parseKeyRing, seal, versionOf } from '@waybill/policy-engine';
import { StreamError } from '@waybill/stream';
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
    assert.equal(versionOf(after), versionOf(createPolicyReader()(changed).rulebook));
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
      [versionOf(read(many.slice(0, 2)).rulebook), read(many.slice(0, 2)).broken],
      [versionOf(createPolicyReader()(many.slice(0, 2)).rulebook), []],
    );
    assert.equal(versionOf(read([]).rulebook), versionOf(compileRulebook([])));
  });
});

describe('a confidential policy', () => {
  const keys = (id: string, byte = 1) => parseKeyRing(`${id} ${Buffer.alloc(32, byte).toString('base64')}`);
  let count = 0;
  const randomBytes = (length: number): Buffer => Buffer.alloc(length, (count += 1));
  const sealed = (policyId: string, text: string, documentSha256 = 'of-the-envelope'): Event => {
    const data = { policyId, document: seal(text, policyId, keys('k1'), randomBytes), documentSha256 };
    return { type: 'PolicyPublished', data: { ...published(policyId, '').data, ...data }, meta: {} } as never;
  };
  const written = (name: string, more = ', sensitive: true', spec = "{ match: { repositories: ['acme/**'] }, effect: deny }"): string =>
    `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: ${name}${more} }\nspec: ${spec}`;

  it('is in force with its key, under the digest of its envelope', () => {
    const { rulebook, broken } = createPolicyReader(keys('k1'))([sealed('p', written('p'))]);
    assert.deepEqual(broken, []);
    assert.deepEqual(
      rulebook.replication.policies.map(({ id, documentSha256 }) => [id, documentSha256]),
      [['p', 'of-the-envelope']],
    );
  });

  it('lets nothing be decided without its key, and says which that is', () => {
    const isSealed = (error: unknown): boolean =>
      error instanceof StreamError &&
      error.code === 'KEY_MISSING' &&
      error.handling === 'stop' &&
      /policy p is .* key k1/.test(error.message);
    for (const ring of [undefined, keys('k2'), keys('k1', 2)])
      assert.throws(() => createPolicyReader(ring)([event('a'), sealed('p', written('p'))]), isSealed);
    const read = createPolicyReader();
    assert.throws(() => read([sealed('p', written('p'))]), isSealed);
    assert.throws(() => read([sealed('p', written('p'))]), isSealed, 'each time it is asked');
    assert.equal(read([event('p')]).rulebook.replication.policies.length, 1, 'until it is no longer in force');
  });

  it('that is broken is told without a word of it', () => {
    const { rulebook, broken } = createPolicyReader(keys('k1'))([
      sealed('acme-typo', written('acme-typo', ', sensitive: true', "{ match: { repositories: ['acme(b'] }, efect: acme }")),
      sealed('open', written('open', '')),
      sealed('other', written('acme')),
      sealed('yaml', 'acme: ['),
    ]);
    assert.equal(rulebook.replication.policies.length, 0);
    assert.deepEqual(
      broken.map(({ policyId, reason }) => [policyId, reason]),
      [
        ['acme-typo', 'is not valid: is confidential, and not valid'],
        ['open', 'is not valid: is sealed, and does not say that it is sensitive'],
        ['other', 'is not valid: is confidential, and not valid'],
        ['yaml', 'is not valid: is confidential, and not valid'],
      ],
    );
  });
});
