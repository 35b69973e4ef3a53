import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compileRulebook } from '@waybill/policy-engine';
import type { DecisionState } from '@waybill/domain';
import type { Ruling } from '../ruling.ts';
import { compare } from './compare.ts';
import type { Shadow } from './read-shadow.ts';

const shadow: Shadow = { id: 's1', candidate: 'next', rulebook: compileRulebook([]), fault: '', version: 's1 a', changedOver: () => [] };
const row = { digest: 'd', toldDifference: 's1 before' } as DecisionState;
const decision = { outcome: 'allow', code: 'X', policyId: null, reason: '', targets: [], awaiting: [], exceptionIds: [] } as never;
const ruling: Ruling = { decision, admission: null, nextMs: Infinity };

const fails = (): never => {
  throw new Error('deep inside');
};
const silent = { ruling: undefined, toldDifference: 's1 before', news: undefined, facts: undefined };

it('a candidate that throws says nothing, and takes nothing back that was told of it', () => {
  const otherwise = { ...ruling, decision: { ...ruling.decision, outcome: 'deny' as const } };
  for (const rules of [
    { ruleBy: fails, factsOfBoth: fails },
    { ruleBy: () => otherwise, factsOfBoth: fails },
  ])
    assert.deepEqual(compare(shadow, row, ruling, rules), { ...silent, hasFailed: true });
});

it('a candidate that cannot be used is not asked', () => {
  for (const absent of [undefined, { ...shadow, rulebook: null, fault: 'broken' }])
    assert.deepEqual(compare(absent, row, ruling, { ruleBy: fails, factsOfBoth: fails }), { ...silent, hasFailed: false });
});
