import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assignPartitions } from './assign-partitions.ts';

const ids = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 12 });

describe('partition numbers', () => {
  it('go to exactly one member each, in fair shares, whatever members claim to have had', () => {
    const members = ids.chain((names) =>
      fc.tuple(
        ...names.map((id) => fc.record({ id: fc.constant(id), owned: fc.array(fc.integer({ min: -2, max: 40 }), { maxLength: 20 }) })),
      ),
    );
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 36 }), (group, count) => {
        const shares = [...assignPartitions(group, count).values()];
        assert.deepEqual(
          shares.flat().toSorted((a, b) => a - b),
          Array.from({ length: count }, (_, partition) => partition),
        );
        const sizes = shares.map((share) => share.length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      }),
    );
  });

  it('are the same whatever order the leader sees the members in', () => {
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 24 }), (names, count) => {
        const members = names.map((id, index) => ({ id, owned: [index] }));
        assert.deepEqual(assignPartitions(members.toReversed(), count), assignPartitions(members, count));
      }),
    );
  });

  it('stay where they were as far as the fair share goes', () => {
    const before = assignPartitions([{ id: 'a', owned: [] }, { id: 'b', owned: [] }], 6); // prettier-ignore
    const members = [...before].map(([id, owned]) => ({ id, owned }));
    assert.deepEqual(assignPartitions(members, 6), before);
    const grown = assignPartitions([...members, { id: 'c', owned: [] }], 6);
    for (const { id, owned } of members) assert.ok(grown.get(id)!.every((partition) => owned.includes(partition)));
  });
});
