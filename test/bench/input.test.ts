import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { occurrences, pushOf } from './input.ts';

const sizes = { recordsCount: 5_000, keysCount: 1_000, duplicatesPercent: 10, seed: 7 };

describe('the input of a bench', () => {
  it('is the same for the same seed, and another for another', () => {
    // As text: a difference between thousands of objects takes minutes to print.
    const textOf = (seed: number): string => JSON.stringify([...occurrences({ ...sizes, seed })]);
    assert.ok(textOf(7) === textOf(7));
    assert.ok(textOf(7) !== textOf(8));
    const [first] = occurrences(sizes);
    assert.deepEqual(pushOf(first!), pushOf(first!));
  });

  it('uses every key, and repeats occurrences whole', () => {
    const all = [...occurrences({ ...sizes, keysCount: 200 })];
    assert.equal(all.length, sizes.recordsCount);
    assert.equal(new Set(all.map(({ key }) => key)).size, 200);
    const byId = Map.groupBy(all, ({ id }) => id);
    assert.ok(byId.size < all.length * 0.95 && byId.size > all.length * 0.85);
    for (const same of byId.values()) assert.equal(new Set(same.map((occurrence) => JSON.stringify(occurrence))).size, 1);
  });
});
