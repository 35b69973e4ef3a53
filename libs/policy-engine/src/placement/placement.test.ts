import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { documentOf } from '../document.fixture.ts';
import { compileRulebook } from '../rulebook.ts';
import { monthlyCostOf } from './cost.ts';
import type { Placement } from './placement.ts';
import { proposeMoves, type Move, type MoveBounds } from './propose-moves.ts';

const registry = (name: string, region: string, storedPerGbMonth: number, movedPerGb: number, more: object = {}) =>
  documentOf('Registry', name, { host: `${name}.test`, region, cost: { storedPerGbMonth, movedPerGb }, ...more });
const surroundings = compileRulebook([
  registry('eu', 'eu', 2, 10),
  registry('eu-2', 'eu', 1, 10),
  registry('us', 'us', 4, 20),
  registry('small', 'asia', 1, 5, { limits: { bytesMax: 1.5e9 } }),
  documentOf('Registry', 'free', { host: 'free.test', region: 'mars' }),
]).replication.surroundings;
const all = ['eu', 'eu-2', 'us', 'small', 'free', 'unknown'];
const placement = (changes: Partial<Placement> = {}): Placement => ({
  ...{ image: 'app', sizeBytes: 1e9, registries: ['eu'], pullsByRegion: {}, pinned: [], copiesMin: 1, allowed: all },
  ...changes,
});
const costOf = (changes: Partial<Placement>): number | undefined => monthlyCostOf(placement(changes), surroundings.Registry);

describe('what a placement costs in a month', () => {
  it('is what it stores, by its size', () => assert.equal(costOf({ registries: ['eu', 'us'], sizeBytes: 5e8 }), 3));
  it('and what is pulled from other regions, from the copy that is cheapest to move from', () => {
    assert.equal(costOf({ pullsByRegion: { us: 3 } }), 2 + 3 * 10);
    assert.equal(costOf({ registries: ['eu', 'small'], pullsByRegion: { us: 3 } }), 2 + 1 + 3 * 5);
  });
  it('pulls within a region are free', () => assert.equal(costOf({ registries: ['eu', 'us'], pullsByRegion: { us: 3, eu: 9 } }), 6));
  it('is not known without all prices', () => {
    for (const name of ['free', 'unknown']) assert.equal(costOf({ registries: ['eu', name] }), undefined);
  });
});

type Rule = {
  readonly rule: string;
  readonly given: Partial<Placement>;
  readonly usedBytes?: Readonly<Record<string, number>>;
  readonly bounds?: Partial<MoveBounds>;
  /** `action from>to saving` */
  readonly then: readonly string[];
};
const rules: readonly Rule[] = [
  {
    rule: 'a copy that nobody needs is dropped, the dearest first',
    given: { registries: ['eu', 'eu-2', 'us'] },
    then: ['drop us> 4', 'drop eu> 2'],
  },
  { rule: 'but not below what policies want', given: { registries: ['eu', 'us'], copiesMin: 2, allowed: ['eu', 'us'] }, then: [] },
  { rule: 'where they want it', given: { registries: ['eu', 'us'], copiesMin: 1, allowed: ['us'] }, then: ['drop eu> 2'] },
  { rule: 'nor the last', given: { registries: ['us'], copiesMin: 0, allowed: [] }, then: [] },
  { rule: 'and what is pinned stays', given: { registries: ['eu', 'us'], pinned: ['us'], allowed: ['eu-2'] }, then: ['move eu>eu-2 1'] },
  { rule: 'one that is read where it lies stays', given: { registries: ['eu-2', 'us'], pullsByRegion: { us: 9, eu: 9 } }, then: [] },
  { rule: 'an image comes to where it is pulled', given: { pullsByRegion: { us: 100 }, allowed: ['us'] }, then: ['move eu>us 998'] },
  {
    rule: 'and keeps its copy where it is pulled too',
    given: { pullsByRegion: { us: 100, eu: 100 }, allowed: ['us'] },
    then: ['add >us 996'],
  },
  { rule: 'it moves to a cheaper one', given: { allowed: ['eu-2'] }, then: ['move eu>eu-2 1'] },
  { rule: 'not where it must not lie', given: { allowed: ['eu'], pullsByRegion: { us: 100 } }, then: [] },
  {
    rule: 'a placement that costs less than what consolidation begins at is left alone',
    given: { registries: ['eu', 'us'] },
    bounds: { monthlyCostMin: 6.5 },
    then: [],
  },
  {
    rule: 'a move that does not pay for itself in time is none',
    given: { allowed: ['us'], pullsByRegion: { us: 1 } },
    bounds: { paybackMonths: 1 },
    then: [],
  },
  {
    rule: 'where nothing is known of what a limited registry holds, it has no room',
    given: { pullsByRegion: { asia: 100 }, allowed: ['small'] },
    then: [],
  },
  {
    rule: 'it takes what fits',
    given: { pullsByRegion: { asia: 100 }, allowed: ['small'] },
    usedBytes: { small: 5e8 },
    then: ['move eu>small 1001'],
  },
  { rule: 'and no byte more', given: { pullsByRegion: { asia: 100 }, allowed: ['small'] }, usedBytes: { small: 5e8 + 1 }, then: [] },
  {
    rule: 'to where prices are not known nothing is moved',
    given: { pullsByRegion: { mars: 100 }, allowed: ['free', 'unknown'] },
    then: [],
  },
];

const textOf = ({ action, from, to, saving }: Move): string => `${action} ${from ?? ''}>${to ?? ''} ${saving}`;

describe('moves that are proposed', () => {
  for (const { rule, given, usedBytes = {}, bounds = {}, then } of rules)
    it(rule, () => assert.deepEqual(proposeMoves([placement(given)], surroundings, usedBytes, bounds).map(textOf), then));

  it('share the room that there is: what costs most has it', () => {
    const pulled = (image: string, asia: number): Placement => placement({ image, pullsByRegion: { asia }, allowed: ['small'] });
    const moves = proposeMoves([pulled('a', 10), pulled('b', 20)], surroundings, { small: 0 });
    assert.deepEqual(
      moves.map(({ image, to }) => `${image} ${to}`),
      ['b small'],
    );
  });
  it('are as many as are asked for', () => {
    const many = Array.from({ length: 5 }, (_, at) => placement({ image: `app-${at}`, allowed: ['eu-2'] }));
    assert.equal(proposeMoves(many, surroundings, {}, { movesMax: 3 }).length, 3);
  });

  const names = ['eu', 'eu-2', 'us', 'small'];
  const anyPlacement = (image: string): fc.Arbitrary<Placement> =>
    fc.record({
      image: fc.constant(image),
      sizeBytes: fc.integer({ min: 0, max: 10 }).map((tenths) => tenths * 1e8),
      registries: fc.subarray(names, { minLength: 1 }),
      pullsByRegion: fc.dictionary(fc.constantFrom('eu', 'us', 'asia', 'mars'), fc.nat(50)),
      pinned: fc.subarray(names),
      copiesMin: fc.nat(4),
      allowed: fc.subarray(names),
    });
  const any = fc.tuple(...['a', 'b', 'c'].map(anyPlacement));

  it('of any placements are allowed, keep what is wanted, save what they say, fit, and do not depend on any order', () =>
    fc.assert(
      fc.property(any, fc.nat(15), (placements, tenths) => {
        const usedBytes = { small: tenths * 1e8 };
        const moves = proposeMoves(placements, surroundings, usedBytes);
        const turned = placements.toReversed().map((each) => ({ ...each, registries: each.registries.toReversed() }));
        assert.deepEqual(proposeMoves(turned, surroundings, usedBytes), moves);
        let added = 0;
        for (const start of placements) {
          let at = start;
          for (const { action, from, to, costBefore, costAfter, saving } of moves.filter(({ image }) => image === start.image)) {
            assert.equal(monthlyCostOf(at, surroundings.Registry), costBefore);
            assert.ok(to === null || (at.allowed.includes(to) && !at.registries.includes(to)));
            assert.ok(from === null || at.registries.includes(from));
            at = { ...at, registries: [...at.registries.filter((name) => name !== from), ...(to === null ? [] : [to])] };
            assert.equal(monthlyCostOf(at, surroundings.Registry), costAfter);
            assert.equal(saving, costBefore - costAfter);
            assert.ok(saving > 0);
            if (action === 'drop') assert.ok(at.registries.length >= 1);
            if (from !== null) assert.ok(!start.pinned.includes(from));
            if (to === 'small') added += at.sizeBytes;
          }
          const wanted = ({ registries, allowed }: Placement): number => registries.filter((name) => allowed.includes(name)).length;
          assert.ok(wanted(at) >= Math.min(wanted(start), start.copiesMin));
        }
        assert.ok(added === 0 || usedBytes.small + added <= 1.5e9);
      }),
    ));
});
