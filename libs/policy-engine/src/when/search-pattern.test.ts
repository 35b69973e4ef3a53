import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PatternError } from '../pattern/pattern-error.ts';
import { compileSearch } from './search-pattern.ts';

/** Patterns that JavaScript and RE2 read alike. */
const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a|]', '\\|', '\\$', '(a|b)', '(?:ab|b)', '[$^|)]'.replace('^', '\\^'));
const repeated = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}')).map((parts) => parts.join(''));
const alternative = fc
  .tuple(fc.constantFrom('', '^'), fc.array(repeated, { maxLength: 3 }), fc.constantFrom('', '$'))
  .map(([start, parts, end]) => `${start}${parts.join('')}${end}`);
const regex = fc.array(alternative, { minLength: 1, maxLength: 3 }).map((alternatives) => alternatives.join('|'));
const text = fc.array(fc.constantFrom('a', 'b', '|', '$', '^', ')', 'c'), { maxLength: 6 }).map((letters) => letters.join(''));

describe('a pattern that is looked for', () => {
  it('is found where the language finds it, with the same ends', () =>
    fc.assert(
      fc.property(regex, text, (pattern, within) => {
        assert.equal(compileSearch(pattern)(within), new RegExp(pattern, 'su').test(within), `${pattern} in ${within}`);
      }),
      { numRuns: 2_000 },
    ));

  it('takes ends in the middle for the mistake that they are', () => {
    for (const pattern of ['a^b', 'a$b', '(^a)', '(a$)|b']) assert.throws(() => compileSearch(pattern), PatternError, pattern);
  });

  it('takes an escaped end literally', () => {
    assert.ok(compileSearch('a\\$')('xa$x'));
    assert.ok(!compileSearch('a\\$')('xa'));
    assert.ok(compileSearch('a\\\\$')('xa\\'));
    assert.ok(!compileSearch('a\\\\$')('xa\\x'));
  });
});
