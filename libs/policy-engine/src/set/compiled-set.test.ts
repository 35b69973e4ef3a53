import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluate } from '../evaluate.ts';
import type { Evidence } from '../evidence.ts';
import { evidence, nowMs, policy } from '../testing.fixture.ts';
import { compileSet } from './compiled-set.ts';

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
