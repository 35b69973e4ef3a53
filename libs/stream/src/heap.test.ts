import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Heap } from './heap.ts';

type Item = { readonly id: number; rank: number };
const isBefore = (a: Item, b: Item): boolean => a.rank < b.rank || (a.rank === b.rank && a.id < b.id);
const drained = (heap: Heap<Item>): readonly Item[] => {
  const items: Item[] = [];
  for (let first = heap.first(); first; first = heap.first()) {
    items.push(first);
    assert.ok(heap.delete(first));
  }
  return items;
};

const action = fc.record({ what: fc.constantFrom('set', 'set', 'move', 'delete'), id: fc.nat(30), rank: fc.nat(8) });

describe('a heap', () => {
  it('gives back in order whatever was put in, moved and taken out', () =>
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200, size: 'max' }), (actions) => {
        const heap = new Heap<Item>(isBefore);
        const model = new Map<number, Item>();
        for (const { what, id, rank } of actions) {
          const item = model.get(id) ?? { id, rank };
          if (what === 'delete') {
            assert.equal(heap.delete(item), model.delete(id));
            continue;
          }
          if (what === 'move' && !model.has(id)) continue;
          item.rank = rank;
          model.set(id, item);
          heap.set(item);
          assert.equal(heap.first(), [...model.values()].toSorted((a, b) => (isBefore(a, b) ? -1 : 1))[0]);
        }
        assert.equal(heap.size, model.size);
        assert.deepEqual(
          drained(heap),
          [...model.values()].toSorted((a, b) => (isBefore(a, b) ? -1 : 1)),
        );
        assert.equal(heap.size, 0);
      }),
    ));
});
