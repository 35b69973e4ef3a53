import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { documentOf } from './document.fixture.ts';
import { evaluate } from './evaluate.ts';
import { findPolicy, compileSet, withoutPolicy, withPolicy } from './set/compiled-set.ts';
import { compileRulebook } from './rulebook.ts';
import { anyDemandingPolicy, anyDocuments, anyEvidence, anyExceptions, anyPolicies, referenceEvaluate } from './testing.ts';

// Goal: the index and the early end change what a decision costs, never what it is. `npm run fuzz:policy` asks a million times.
const nowMs = Date.UTC(2026, 0, 10);
const images = fc.array(anyEvidence(nowMs), { minLength: 50, maxLength: 50 });

const grant = fc.constantFrom(undefined, ...(['low', 'medium', 'high', 'critical'] as const).map((worstSeverity) => ({ worstSeverity })));

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

  it('does so with registries, residencies and tenants around them, on 20,000 pairs', () =>
    fc.assert(
      fc.property(anyPolicies(20), anyDocuments, images, (policies, documents, each) => {
        const { replication } = compileRulebook([...policies, ...documents]);
        for (const image of each)
          assert.deepEqual(
            decided(evaluate(replication, image, nowMs)),
            referenceEvaluate(policies, image, nowMs, replication.surroundings),
          );
      }),
      { numRuns: 400 },
    ));

  it('does so with all that can be required and excepted, on 50,000 pairs, and allows no less with exceptions than without', () =>
    fc.assert(
      fc.property(anyDemandingPolicy, anyExceptions(nowMs), images, (policy, exceptions, each) => {
        const { replication } = compileRulebook([policy, ...exceptions]);
        const strict = compileSet([policy]);
        for (const image of each) {
          const decision = evaluate(replication, image, nowMs);
          assert.deepEqual(decided(decision), referenceEvaluate([policy], image, nowMs, replication.surroundings));
          if (evaluate(strict, image, nowMs).outcome === 'allow')
            assert.deepEqual([decision.outcome, decision.exceptionIds], ['allow', []]);
          else if (decision.outcome === 'allow') assert.ok(decision.exceptionIds.length > 0);
        }
      }),
      { numRuns: 1_000 },
    ));

  it('does so where tenants except what they may, on 15,000 pairs', () =>
    fc.assert(
      fc.property(anyDemandingPolicy, anyExceptions(nowMs), grant, images, (policy, exceptions, mayExcept, each) => {
        const tenant = documentOf('Tenant', 't1', { repositories: ['**'], ...(mayExcept && { mayExcept }) });
        const { replication } = compileRulebook([policy, ...exceptions, tenant]);
        for (const image of each)
          assert.deepEqual(
            decided(evaluate(replication, image, nowMs)),
            referenceEvaluate([policy], image, nowMs, replication.surroundings),
          );
      }),
      { numRuns: 300 },
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
