import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluate, type Decision } from './evaluate.ts';
import type { Evidence } from './evidence.ts';
import { compileRulebook, parseDocument } from './rulebook.ts';
import { documentOf, evidence, nowMs, policy } from './testing.fixture.ts';

const digestOnly = documentOf('AdmissionPolicy', 'pinned', { match: { repositories: ['demo/**'] }, require: { digestOnly: true } });
const notLatest = documentOf('AdmissionPolicy', 'named', { match: {}, require: { tag: { notLatest: true } } });
const copy = policy('copy');

type Rule = {
  readonly rule: string;
  readonly given: readonly ReturnType<typeof documentOf>[];
  readonly when?: Partial<Evidence>;
  readonly then: Partial<Decision>;
};
const rules: readonly Rule[] = [
  { rule: 'nothing may run without a policy that says so', given: [copy], then: { outcome: 'deny', code: 'NO_POLICY_MATCHES' } },
  {
    rule: 'what may run has no target',
    given: [digestOnly, copy],
    when: { namedBy: 'digest' },
    then: { outcome: 'allow', policyId: 'admission/pinned', targets: [] },
  },
  {
    rule: 'a tag is not a digest, and the name that would do is said',
    given: [digestOnly],
    when: { namedBy: 'tag' },
    then: { code: 'DIGEST_REQUIRED', reason: `it is named by tag v1: name it a.test/demo/app@${evidence().digest}` },
  },
  {
    rule: 'how it is named has to be known where a digest is asked for',
    given: [digestOnly],
    then: { outcome: 'held', awaiting: ['how it is named'] },
  },
  {
    rule: 'an image that is named by its digest alone has no tag that is forbidden',
    given: [notLatest],
    when: { tag: '', namedBy: 'digest' },
    then: { outcome: 'allow', reason: 'has no tag' },
  },
  {
    rule: 'latest is forbidden beside a digest too',
    given: [notLatest],
    when: { tag: 'latest', namedBy: 'digest' },
    then: { outcome: 'deny' },
  },
  {
    rule: 'the first that matches decides, as for copies',
    given: [notLatest, documentOf('AdmissionPolicy', 'frozen', { priority: 1, match: { tags: ['v*'] }, effect: 'deny', reason: 'frozen' })],
    then: { outcome: 'deny', policyId: 'admission/frozen', reason: 'frozen' },
  },
];

describe('admission', () => {
  for (const { rule, given, when, then } of rules)
    it(rule, () => {
      const decision = evaluate(compileRulebook(given).admission, evidence(when), nowMs);
      for (const [field, value] of Object.entries(then)) assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  it('is not what copies are decided by', () =>
    assert.equal(evaluate(compileRulebook([notLatest]).replication, evidence(), nowMs).outcome, 'deny'));

  it('alone can ask how an image is named: a push names none', () => {
    const spec = { match: {}, require: { digestOnly: true }, replicate: [{ registry: 'b' }] };
    const parsed = parseDocument({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name: 'p' }, spec });
    assert.deepEqual(!parsed.ok && parsed.faults, ['spec.require.digestOnly has a place only in an AdmissionPolicy']);
  });
});
