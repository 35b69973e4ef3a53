import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { truthOfAll } from '../clause.ts';
import { evaluate } from '../evaluate.ts';
import type { Evidence } from '../evidence.ts';
import type { Policy } from '../policy.ts';
import { evidence, nowMs, policy } from '../testing.fixture.ts';
import { anyEvidence, anyPolicies } from '../testing.ts';
import { compileSet, withoutPolicy, withPolicy } from './compiled-set.ts';
import { mayMatchOne } from './search.ts';

/** How many policies are asked about an image: each that is asked reads the tag, and the search itself does once. */
function askedCount(count: number, match: (index: number) => object, image: Evidence): number {
  const set = compileSet(Array.from({ length: count }, (_, index) => policy(`p${index}`, { match: { tags: ['*1'], ...match(index) } })));
  let reads = 0;
  const counted = Object.defineProperty({ ...image }, 'tag', { enumerable: true, get: () => ((reads += 1), image.tag) });
  assert.equal(evaluate(set, counted, nowMs).policyId, 'p7');
  return reads;
}

const done = evidence().inspection as Extract<Evidence['inspection'], { readonly status: 'done' }>;
const dimensions: readonly (readonly [string, (index: number) => object, Partial<Evidence>])[] = [
  ['repositories', (index) => ({ repositories: [`team-${index}/**`] }), { repository: 'team-7/app' }],
  ['repositories written out', (index) => ({ repositories: [`a/${'x'.repeat(index)}`] }), { repository: `a/${'x'.repeat(7)}` }],
  ['tags', (index) => ({ tags: [`v${index}.*`] }), { tag: 'v7.1' }],
  ['endings of repositories', (index) => ({ repositories: [`**/app-${index}`] }), { repository: 'a/b/app-7' }],
  ['endings behind one beginning', (index) => ({ repositories: [`a-long-beginning/*-${index}`] }), { repository: 'a-long-beginning/x-7' }],
  ['endings of tags', (index) => ({ tags: [`*-${index}`] }), { tag: 'v1-7' }],
  ['names by regular expressions', (index) => ({ repositories: [{ regex: `(a|b)/x{2}-${index}` }] }), { repository: 'b/xx-7' }],
  ['registries', (index) => ({ registries: [`r${index}.test`] }), { registry: 'r7.test' }],
  ['tenants', (index) => ({ tenants: [`t${index}`] }), { tenant: 't7' }],
  ['values of a label', (index) => ({ labels: { team: `t${index}` } }), { inspection: { ...done, labels: { team: 't7' } } }],
  ['labels', (index) => ({ labels: { [`l${index}`]: '*' } }), { inspection: { ...done, labels: { l7: 'x', other: 'y' } } }],
  [
    'labels and lists',
    (index) => ({ registries: ['a.test', 'b.test'], kinds: ['index', 'image'], labels: { team: `t${index}`, tier: '1' } }),
    {
      inspection: { ...done, labels: { team: 't7', tier: '1' } },
    },
  ],
];

describe('an image', () => {
  for (const [name, match, facts] of dimensions)
    it(`is asked of no more policies when there are many more of other ${name}`, () => {
      const image = evidence(facts);
      assert.equal(askedCount(240, match, image), askedCount(12, match, image));
    });
});

describe('an image that nobody has inspected', () => {
  it('is compared with no more policies when there are many more by label', () => {
    const comparedCount = (count: number): number => {
      let reads = 0;
      const policies = Array.from({ length: count }, (_, index) => policy(`p${index}`, { match: { labels: { team: `t${index}` } } }));
      const counted = policies.map((each) =>
        Object.defineProperty({ ...each }, 'weight', { enumerable: true, get: () => ((reads += 1), each.weight) }),
      );
      const set = compileSet(counted);
      reads = 0;
      assert.equal(evaluate(set, evidence({ inspection: { status: 'missing' } }), nowMs).policyId, 'p0');
      return reads;
    };
    assert.equal(comparedCount(2_400), comparedCount(12));
  });
});

describe('a set', () => {
  for (const [name, match, facts] of dimensions)
    it(`is another one with each policy that comes and goes, by ${name}`, () => {
      const before = compileSet([policy('general', { priority: 5 }), policy('low', { priority: 1, match: match(7) })]);
      const after = withPolicy(before, policy('high', { priority: 9, match: match(7) }));
      const gone = withoutPolicy(after, 'high');
      const deciders = [before, after, gone, withoutPolicy(gone, 'general')].map((set) => evaluate(set, evidence(facts), nowMs).policyId);
      assert.deepEqual(deciders, ['general', 'high', 'general', 'low']);
    });

  it('is not changed by one that is made of it, wherever the new policy lies', () => {
    const first = policy('p1', { match: { repositories: ['abc', 'abd'] } });
    const before = compileSet([first]);
    withPolicy(before, policy('p2', { match: { repositories: ['a', 'abe'] } }));
    assert.equal(evaluate(before, evidence({ repository: 'abe' }), nowMs).policyId, null);
  });

  it('finds whether one of those that are meant may match, as asking each of them does', () => {
    const counts = [0, 0];
    const any = fc.tuple(anyPolicies(12), fc.array(anyEvidence(nowMs), { minLength: 20, maxLength: 20 }), fc.nat(4));
    fc.assert(
      fc.property(any, ([policies, images, rest]) => {
        const set = compileSet(policies);
        const isMeant = ({ id }: Policy): boolean => Number(id.slice(1)) % 5 === rest;
        for (const image of images) {
          const expected = policies.some((each) => isMeant(each) && truthOfAll(each.clauses, image) !== 'no');
          assert.equal(mayMatchOne(set, image, isMeant), expected);
          counts[Number(expected)]! += 1;
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(Math.min(...counts) > 10, `${counts.join(' and ')} images`);
  });
});
