import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findById, sortById, withItem, withoutItem } from './by-id.ts';

const items = fc.array(fc.record({ id: fc.constantFrom('a', 'a1', 'b', 'c', 'tenant/a', ''), value: fc.nat() }), { maxLength: 8 });

describe('items by their ids', () => {
  it('are what a map of them is, in order, whatever comes and goes', () =>
    fc.assert(
      fc.property(items, items, items, (first, second, gone) => {
        const map = new Map([...first, ...second].map((item) => [item.id, item]));
        for (const { id } of gone) map.delete(id);
        const before = sortById(first);
        const copy = [...before];
        const after = gone.reduce((sorted, { id }) => withoutItem(sorted, id), second.reduce(withItem, before));
        assert.deepEqual(
          after,
          [...map.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        );
        for (const { id } of [...first, ...second, ...gone]) assert.equal(findById(after, id), map.get(id));
        assert.deepEqual(before, copy);
      }),
    ));
});
