import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { evaluate } from './evaluate.ts';
import { findPolicy, compileSet, withoutPolicy, withPolicy } from './set/compiled-set.ts';
import { anyEvidence, anyPolicies, referenceEvaluate } from './testing.ts';

// Goal: the index and the early end change what a decision costs, never what it is. `npm run fuzz:policy` asks a million times.
const nowMs = Date.UTC(2026, 0, 10);
const images = fc.array(anyEvidence(nowMs), { minLength: 50, maxLength: 50 });

const decided = (decision: ReturnType<typeof referenceEvaluate>) => {
  const { outcome, code, policyId, awaiting, targets } = decision;
  return { outcome, code, policyId, awaiting, targets };
};

describe('a compiled set', () => {
  it('decides what the specification decides, on 20,000 pairs of policies and images', () =>
    fc.assert(
      fc.property(anyPolicies(30), images, (policies, each) => {
        const set = compileSet(policies);
        for (const image of each) assert.deepEqual(decided(evaluate(set, image, nowMs)), referenceEvaluate(policies, image, nowMs));
      }),
      { numRuns: 400 },
    ));

  it('does so whatever was added, replaced and taken away before, and then is the set that it would be at once', () =>
    fc.assert(
      fc.property(anyPolicies(15), anyPolicies(15), fc.array(fc.nat(14), { maxLength: 15 }), images, (first, second, gone, each) => {
        const before = compileSet(first);
        const removed = gone.reduce((set, index) => withoutPolicy(set, `p${index}`), second.reduce(withPolicy, before));
        const rest = [...new Map([...first, ...second].map((policy) => [policy.id, policy])).values()].filter(
          ({ id }) => !gone.includes(Number(id.slice(1))),
        );
        assert.deepEqual(removed.policies, compileSet(rest).policies);
        for (const image of each.slice(0, 10)) {
          assert.deepEqual(decided(evaluate(removed, image, nowMs)), referenceEvaluate(rest, image, nowMs));
          // Whoever evaluates with the set from before sees nothing of all this.
          assert.deepEqual(decided(evaluate(before, image, nowMs)), referenceEvaluate(first, image, nowMs));
        }
        for (const { id } of first) assert.equal(findPolicy(before, id)?.id, id);
        assert.equal(rest.reduce((set, { id }) => withoutPolicy(set, id), removed).index, undefined);
      }),
      { numRuns: 200 },
    ));
});
