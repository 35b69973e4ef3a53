import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePolicy, type Policy } from '../policy.ts';
import { document } from '../testing.fixture.ts';
import { compileSet } from './compiled-set.ts';
import { readableBy } from './readable-by.ts';

function policyOf(index: number, tenant: string | undefined, priority: number): Policy {
  const parsed = parsePolicy({ ...document(`p${index}`, { priority }), metadata: { name: `p${index}`, ...(tenant && { tenant }) } });
  assert.ok(parsed.ok);
  return parsed.policy;
}

const owned = fc.array(fc.tuple(fc.constantFrom(undefined, undefined, 't1', 't2'), fc.nat(3)), { maxLength: 20 });

describe('what a tenant may read', () => {
  it('is its own and what is nobody’s, in deciding order', () =>
    fc.assert(
      fc.property(owned, fc.constantFrom(undefined, null, 't1', 't3'), (specs, tenant) => {
        const set = compileSet(specs.map(([owner, priority], index) => policyOf(index, owner, priority)));
        const expected = set.policies.filter(({ document: { metadata } }) => metadata.tenant === undefined || metadata.tenant === tenant);
        assert.deepEqual([...readableBy(set, tenant)], expected);
      }),
    ));
});
