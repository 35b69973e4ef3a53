import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { evaluate, inputsSha256 } from './evaluate.ts';
import { explain, explainPolicy, traceOf } from './explain.ts';
import type { Evidence } from './evidence.ts';
import { noSurroundings, type Question } from './surroundings.ts';
import { compileSet } from './set/compiled-set.ts';
import { amd64, evidence, nowMs, policy, scanned } from './testing.fixture.ts';
import { anyEvidence, anyPolicies } from './testing.ts';

const picky = policy('picky', {
  match: {
    registries: ['a.test'],
    repositories: ['demo/**'],
    tags: ['v*'],
    kinds: ['index'],
    labels: { team: 'other' },
    exclude: { tags: ['x'] },
  },
});

const question = (given: Evidence): Question => ({ evidence: given, atMs: nowMs, surroundings: noSurroundings });

describe('an explanation', () => {
  it('says why: each clause, what the image has to say to it, and where it is written', () => {
    const given = policy('open', { match: { repositories: ['demo/**'], labels: { team: '*' } } });
    assert.deepEqual(explainPolicy(given, question(evidence())), {
      policyId: 'open',
      priority: 0,
      outcome: 'allow',
      reason: 'nothing more is required',
      clauses: [
        { path: 'spec.match.repositories', holds: 'yes', reason: 'repository demo/app matches one of demo/**' },
        { path: 'spec.match.labels.team', holds: 'yes', reason: 'label team=core is there' },
      ],
      requirements: [],
    });
  });

  it('says why not: the first clause that refuses, and nothing behind it', () => {
    const { outcome, reason, clauses } = explainPolicy(picky, question(evidence()));
    assert.deepEqual([outcome, reason], ['not-matched', 'label team is not other']);
    assert.deepEqual(
      clauses.map(({ path, holds }) => `${path} ${holds}`),
      ['registries yes', 'repositories yes', 'tags yes', 'kinds yes', 'labels.team no'].map((line) => `spec.match.${line}`),
    );
  });

  it('says what excludes', () => {
    const { reason } = explainPolicy(policy('a', { match: { exclude: { tags: ['v*', 'rc'] } } }), question(evidence()));
    assert.equal(reason, 'tag v1 is excluded by v*, rc');
  });

  it('says what is waited for', () => {
    const { outcome, clauses } = explainPolicy(picky, question(evidence({ inspection: { status: 'missing' } })));
    assert.equal(outcome, 'held');
    assert.deepEqual(clauses.find(({ holds }) => holds === 'unknown')?.reason, 'its kind is not known yet');
  });

  it('says of each requirement whether it holds, also behind the one that is denied for', () => {
    const demanding = policy('demanding', {
      require: { labels: { team: 'core' }, scan: { withinHours: 24, worstSeverity: 'none' }, sbom: {}, registries: ['b.test'] },
    });
    const { outcome, clauses, requirements } = explainPolicy(demanding, question(evidence()));
    assert.deepEqual([outcome, clauses], ['deny', []]);
    assert.deepEqual(
      requirements.map(({ path, holds, reason }) => `${path} ${holds}: ${reason}`),
      [
        'spec.require.registries no: registry a.test is not among b.test, which are allowed',
        'spec.require.labels yes: has all labels that are required',
        `spec.require.scan no: ${amd64} has findings of severity low (at most none)`,
        'spec.require.sbom unknown: waits for sbom',
      ],
    );
  });

  it('says of a condition what it has asked for', () => {
    const conditional = policy('c', { match: { tags: ['v*'] }, when: "image.labels.team == 'x' || size(signatures) > 0" });
    const { outcome, reason, clauses } = explainPolicy(conditional, question(evidence({ signatures: [] })));
    assert.deepEqual([outcome, reason], ['not-matched', 'spec.when does not hold: image.labels is {"team":"core"}, signatures is []']);
    assert.deepEqual(clauses.at(-1), { path: 'spec.when', holds: 'no', reason });
    const waiting = explainPolicy(conditional, question(evidence()));
    assert.deepEqual([waiting.outcome, waiting.clauses.at(-1)?.holds], ['held', 'unknown']);
    assert.equal(explainPolicy(conditional, question(evidence({ tag: 'x' }))).clauses.length, 1, 'it is not asked where match refuses');
  });

  it('says `error` of a policy of which the condition fails', () => {
    const failing = policy('c', { when: "image.labels.owner == 'x'" });
    const { outcome, reason, clauses } = explainPolicy(failing, question(evidence()));
    const why = 'spec.when fails: image.labels.owner is not there: ask has(image.labels.owner) first';
    assert.deepEqual([outcome, reason], ['error', why]);
    assert.deepEqual(clauses, [{ path: 'spec.when', holds: 'error', reason: why }]);
    const [line] = traceOf(compileSet([failing]), evidence(), nowMs);
    assert.deepEqual(line, { policyId: 'c', matched: true, outcome: 'error', reason: why });
  });

  it('is made again from the recorded inputs, whatever their order: the same decision, version and digest', () => {
    const set = compileSet([picky, policy('open')]);
    const recorded = JSON.parse(JSON.stringify(evidence())) as ReturnType<typeof evidence>;
    const again = { ...recorded, scans: recorded.scans.toReversed() };
    assert.equal(JSON.stringify(explain(set, again, nowMs)), JSON.stringify(explain(set, evidence(), nowMs)));
    assert.notEqual(inputsSha256(evidence({ scans: [scanned(amd64, 'high')] }), nowMs), inputsSha256(evidence(), nowMs));
    assert.notEqual(inputsSha256(evidence(), nowMs + 1), inputsSha256(evidence(), nowMs));
  });

  it('of any policies and any image is bounded, begins with the one that decides, and leaves none out in silence', () =>
    fc.assert(
      fc.property(anyPolicies(20), anyEvidence(nowMs), fc.integer({ min: 1, max: 25 }), (policies, image, policiesMax) => {
        const set = compileSet(policies);
        const explanation = explain(set, image, nowMs, policiesMax);
        assert.deepEqual(explanation.decision, evaluate(set, image, nowMs));
        assert.ok(explanation.policies.length <= policiesMax);
        assert.equal(explanation.policies.length + explanation.leftOutCount, policies.length);
        const [first] = explanation.policies;
        const { policyId } = explanation.decision;
        if (policyId !== null) assert.equal(first?.policyId, policyId);
        else assert.ok(explanation.policies.every(({ outcome }) => outcome === 'not-matched'));
        const silentAt = explanation.policies.findIndex(({ outcome }) => outcome === 'not-matched');
        if (silentAt !== -1) assert.ok(explanation.policies.slice(silentAt).every(({ outcome }) => outcome === 'not-matched'));
        for (const { outcome, clauses } of explanation.policies) assert.equal(outcome === 'not-matched', clauses.at(-1)?.holds === 'no');
      }),
    ));
});
