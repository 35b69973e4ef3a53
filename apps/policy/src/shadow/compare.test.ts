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

it('a candidate that throws says nothing, and takes nothing back that was told of it', () => {
  const beside = compare(shadow, row, ruling, () => {
    throw new Error('deep inside');
  });
  assert.deepEqual(beside, { ruling: undefined, hasFailed: true, toldDifference: 's1 before', news: undefined });
});

it('a candidate that cannot be used is not asked', () => {
  const asked = (): never => assert.fail('it was asked');
  for (const absent of [undefined, { ...shadow, rulebook: null, fault: 'broken' }])
    assert.deepEqual(compare(absent, row, ruling, asked), {
      ...{ ruling: undefined, hasFailed: false, toldDifference: 's1 before', news: undefined },
    });
});
