import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ImageEvidence } from '@waybill/domain';
import { digestOf, published, startPolicy, type Happening } from './testing.fixture.ts';

// Goal: an image goes where it may once somebody whom the policy accepts has signed it, whenever the signature arrives.
const [d1, carrier, other] = [digestOf('1'), digestOf('2'), digestOf('3')] as const;
const [ours, theirs] = [digestOf('d'), digestOf('e')] as const;
const tag = `${d1.replace(':', '-')}.sig`;
const push: Happening = { push: 'p1', tags: ['v1'], digest: d1 };
const inspection = { inspected: d1, of: 'p1', tags: ['v1'], platforms: [digestOf('a')] } as const;
const unsigned: Happening = { ...inspection, signers: [] };
const signedBy = (...signers: readonly string[]): Happening => ({ ...inspection, signers });
const signature = (...proves: readonly string[]): Happening => ({
  ...{ inspected: carrier, of: 'p2', tags: [tag], platforms: [], kind: 'artifact', subject: d1, signers: [], proves },
});
const pushOfSignature: Happening = { push: 'p2', tags: [tag], digest: carrier };

const requiring = (spec: string) => {
  const body = `{ match: {}, ${spec}, replicate: [{ registry: b }] }`;
  const document = `{ apiVersion: waybill/v1, kind: ReplicationPolicy, metadata: { name: p }, spec: ${body} }`;
  return startPolicy({ p: published('p', document) });
};
const byKey = `require: { signedBy: [{ key: '${ours}' }] }`;
const byIdentity = "require: { signedBy: [{ issuer: ci, subject: 'release-*' }] }";

type Rule = { readonly rule: string; readonly spec?: string; readonly when: readonly Happening[]; readonly then: string };
const rules: readonly Rule[] = [
  { rule: 'signatures that nobody looked at are waited for', when: [push, inspection], then: 'held' },
  { rule: 'an image that nobody signed is denied', when: [push, unsigned], then: 'SIGNATURE_MISSING' },
  { rule: 'one by a key that is not accepted is denied', when: [push, signedBy(theirs)], then: 'SIGNER_NOT_ACCEPTED' },
  { rule: 'one by an accepted key is allowed', when: [push, signedBy(ours)], then: 'REQUIREMENTS_MET' },
  { rule: 'one accepted signer of several is enough', when: [push, signedBy(theirs, ours)], then: 'REQUIREMENTS_MET' },
  { rule: 'an accepted identity is enough', spec: byIdentity, when: [push, signedBy('release-1')], then: 'REQUIREMENTS_MET' },
  { rule: 'another identity is not', spec: byIdentity, when: [push, signedBy('branch-1')], then: 'SIGNER_NOT_ACCEPTED' },
  {
    rule: 'a signature that is pushed later, as is usual, lets it go after all',
    when: [push, unsigned, pushOfSignature, signature(ours)],
    then: 'REQUIREMENTS_MET',
  },
  { rule: 'one that is pushed before its image waits for it', when: [signature(ours), push, unsigned], then: 'REQUIREMENTS_MET' },
  { rule: 'one that was found twice is the same', when: [push, signedBy(ours), signature(ours)], then: 'REQUIREMENTS_MET' },
  { rule: 'one that proves nothing changes nothing', when: [push, unsigned, signature()], then: 'SIGNATURE_MISSING' },
  {
    rule: 'one that proves another image changes nothing',
    when: [push, unsigned, { ...signature(ours), subject: other }],
    then: 'SIGNATURE_MISSING',
  },
  {
    rule: 'one that was verified by a key that nobody trusts any more counts until the image is read again',
    when: [push, signedBy(ours), { ...unsigned, trust: 'without ours' }],
    then: 'SIGNATURE_MISSING',
  },
  {
    rule: 'one that is missed by a look under the same keys still counts: it was attached meanwhile',
    when: [push, unsigned, signature(ours), unsigned],
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'conditions see who signed',
    spec: "when: \"signatures.exists(s, s.issuer == 'ci' && s.subject.startsWith('release-'))\"",
    when: [push, signedBy('release-1')],
    then: 'REQUIREMENTS_MET',
  },
];

describe('who signed an image', () => {
  for (const { rule, spec = byKey, when, then } of rules)
    it(rule, () => {
      const started = requiring(spec);
      started.when(...when);
      const newest = started.decisions().findLast((decision) => decision.tag === 'v1');
      assert.equal(newest?.code ?? started.row('v1')?.status, then, started.row('v1')?.reason ?? 'no row');
    });

  it('is named by the decision, in an order that does not depend on when they came', () => {
    const last = (...when: readonly Happening[]) => {
      const started = requiring(byKey);
      started.when(...when);
      const row = started.driver.row('evidence', `a.test/demo/app@${d1}`) as ImageEvidence;
      assert.deepEqual(started.decisions().at(-1)?.signatures, row.signatures);
      return row.signatures;
    };
    const a = last(push, signedBy('release-1', ours), signature(ours));
    const b = last(signature(ours), push, signedBy('release-1', ours));
    assert.deepEqual(
      a?.map(({ key, subject }) => key ?? subject),
      [ours, 'release-1'],
    );
    assert.deepEqual(a, b);
  });

  it('is bounded, and the same are kept in whatever order they come', () => {
    const many = Array.from({ length: 150 }, (_, at) => `release-${at}`);
    const kept = [many, many.toReversed()].map((signers) => {
      const started = requiring(byIdentity);
      started.when(push, unsigned, ...signers.map((signer) => signature(signer)));
      return (started.driver.row('evidence', `a.test/demo/app@${d1}`) as ImageEvidence).signatures;
    });
    assert.equal(kept[0]?.length, 100);
    assert.deepEqual(kept[0], kept[1]);
  });

  it('does not make an image of its signature: that has nobody who signs it, and a policy for artifacts can let it go', () => {
    const started = requiring(byKey);
    started.when(pushOfSignature, signature(ours));
    assert.equal(started.row(tag)?.status, 'denied');
    const artifacts = requiring(`when: "image.kind == 'artifact'"`);
    artifacts.when(pushOfSignature, signature(ours));
    assert.equal(artifacts.row(tag)?.status, 'allowed');
  });
});
