import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createBudget, type Budget, type Place } from './budget.ts';

/** Takes places until there is none. */
const flood = (budget: Budget, endpoint: string, bytes = 1): readonly Place[] => {
  const places: Place[] = [];
  for (let place = budget.reserve(endpoint, bytes); place !== undefined; place = budget.reserve(endpoint, bytes)) places.push(place);
  return places;
};

describe('the places of the gateway', () => {
  it('go to one endpoint up to four fifths, so that others always find some', () => {
    const budget = createBudget({ requestsMax: 1_000, bytesMax: 1_000_000 });
    assert.equal(flood(budget, 'a').length, 800);
    assert.equal(flood(budget, 'b').length, 160);
    assert.equal(flood(budget, 'c').length, 32);
    assert.notEqual(budget.reserve('d', 1), undefined);
  });

  it('are shared by bytes in the same way', () => {
    const budget = createBudget({ requestsMax: 1_000, bytesMax: 1_000 });
    assert.equal(flood(budget, 'a', 10).length, 80);
    assert.notEqual(budget.reserve('b', 100), undefined);
    assert.equal(budget.reserve('b', 900), undefined);
  });

  it('even out as they come back: a flood that goes on gets no more than another that has begun later', () => {
    const budget = createBudget({ requestsMax: 900, bytesMax: 900 });
    const held = { a: [...flood(budget, 'a')], b: [...flood(budget, 'b')] };
    for (let round = 0; round < 2_000; round++)
      for (const name of ['a', 'b'] as const) {
        held[name].shift()?.release();
        held[name].push(...flood(budget, name));
      }
    assert.ok(Math.abs(held.a.length - held.b.length) <= 8, `${held.a.length} and ${held.b.length}`);
  });

  it('hold as much as may come until the size is known, and not more afterwards', () => {
    const budget = createBudget({ requestsMax: 10, bytesMax: 100 });
    const place = budget.reserve('a', 80)!;
    assert.equal(budget.reserve('a', 80), undefined);
    place.shrink(5);
    place.shrink(50);
    assert.notEqual(budget.reserve('a', 60), undefined);
  });

  it('are never more than there are, and all come back, whatever the order', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(40), fc.nat(9))), (steps) => {
        const budget = createBudget({ requestsMax: 8, bytesMax: 100 });
        const places = new Map<Place, number>();
        for (const [endpoint, bytes, pick] of steps) {
          const place = budget.reserve(endpoint, bytes);
          if (place !== undefined) places.set(place, bytes);
          const [old] = [...places.keys()].slice(pick);
          if (old === undefined) continue;
          old.release();
          old.release();
          old.shrink(0);
          places.delete(old);
        }
        assert.ok(places.size <= 8 && [...places.values()].reduce((sum, bytes) => sum + bytes, 0) <= 100);
        for (const place of places.keys()) place.release();
        assert.equal(flood(budget, 'a', 10).length, 7, 'as in the beginning');
      }),
    ));
});
