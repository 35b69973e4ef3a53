import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { changedDocuments, mayConcern } from './changes.ts';
import { evaluate } from './evaluate.ts';
import { compileRulebook, type Document } from './rulebook.ts';
import { anyEvidence, anyPolicies } from './testing.ts';
import { evidence, exception, nowMs, policy } from './testing.fixture.ts';

const changed = (before: readonly Document[], after: readonly Document[]): readonly Document[] =>
  changedDocuments(compileRulebook(before), compileRulebook(after));
const demo = policy('demo', { match: { repositories: ['demo/**'] } });
const other = policy('other', { match: { repositories: ['other/**'] } });

describe('documents that have changed', () => {
  it('are those that came, went, or are not what they were, as before and as after', () => {
    const urgent = policy('demo', { match: { repositories: ['demo/**'] }, priority: 1 });
    assert.deepEqual(changed([demo, other], [policy('other', { match: { repositories: ['other/**'] } }), demo]), []);
    assert.deepEqual(changed([demo], [demo, other]), [other]);
    assert.deepEqual(changed([demo, other], [demo]), [other]);
    assert.deepEqual(changed([demo, other], [urgent, other]), [demo, urgent]);
  });

  it('concern what they name, and what they look up concerns all', () => {
    const image = evidence();
    assert.ok(mayConcern([other, demo], image));
    assert.ok(!mayConcern([other], image));
    assert.ok(!mayConcern([], image));
    assert.ok(mayConcern([exception('e')], image));
  });

  it('that only labels, kind or tenant decide about may concern an image, since these are no names', () => {
    for (const match of [{ labels: { a: 'b' } }, { kinds: ['artifact'] }, { tenants: ['t'] }])
      assert.ok(mayConcern([policy('p', { match })], evidence()), JSON.stringify(match));
  });

  it('leave alone what they do not concern: before and after it is decided alike', () => {
    let untouched = 0;
    fc.assert(
      fc.property(anyPolicies(6), anyPolicies(6), anyEvidence(nowMs), fc.nat(6), (some, others, image, kept) => {
        const [before, after] = [some, [...some.slice(0, kept), ...others.slice(kept)]].map(compileRulebook);
        if (mayConcern(changedDocuments(before!, after!), image)) return;
        untouched += 1;
        assert.deepEqual(evaluate(after!.replication, image, nowMs), evaluate(before!.replication, image, nowMs));
      }),
      { numRuns: 500 },
    );
    assert.ok(untouched > 10, `${untouched} of 500`);
  });
});
