import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BudgetExceeded, findName, type Language } from './find-name.ts';
import { repositoryShape, tagShape } from './names.ts';
import { compilePattern, type PatternText } from './pattern.ts';

const language = (...patterns: readonly PatternText[]): Language => ({ patterns: patterns.map(compilePattern), before: '', after: '' });
const find = (within: readonly Language[], outside: readonly Language[] = [], shape = repositoryShape) =>
  findName({ within, outside }, shape, { stepsLeft: 1_000_000 });

describe('a name within some patterns and outside of others', () => {
  it('is the shortest there is, and a valid one', () => {
    assert.equal(find([language('demo/**'), language('**/app')]), 'demo/app');
    assert.equal(find([language({ regex: '[A-Za-z]*x' })]), 'x');
    assert.equal(find([language('a*'), language({ regex: '.*[-.]b' })]), 'a-b');
    assert.equal(find([language('*')], [language('?'), language('??')]), 'aaa');
    assert.equal(find([language({ semver: '>=1.10 <1.11' })], [language('v*', '1.10.?')], tagShape), '1.10.10');
    assert.equal(find([{ ...language('a/b/*'), before: 'a/', after: '-x' }]), 'b/a');
  });

  it('is not there where they contradict each other, or no valid name is left', () => {
    for (const patterns of [
      ['a*', 'b*'],
      ['demo/*', '*'],
      ['A*', '**'],
      ['a', 'b'],
      ['a/', '**'],
      ['.*', '*'],
    ])
      assert.equal(find(patterns.map((pattern) => language(pattern))), undefined, patterns.join(' and '));
    assert.equal(find([language('a*')], [language('*')]), undefined);
    assert.equal(find([language('?'.repeat(129))], [], tagShape), undefined);
  });

  it('is not said where it takes too long to tell', () =>
    assert.throws(() => findName({ within: [language('*a*b*')], outside: [] }, tagShape, { stepsLeft: 100 }), BudgetExceeded));

  it('is what trying every short name says', () => {
    const part = fc.constantFrom('a', 'b', '*', '?', '/', '**');
    const glob = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    const regex = fc.constantFrom('a+', '[ab]{2}', '(ab)*', 'a.b?', 'b|aa', '.*a').map((text) => ({ regex: text }));
    const languages = fc.array(fc.oneof(glob, regex), { minLength: 1, maxLength: 2 }).map((texts) => language(...texts));
    const names = namesUpTo(4);
    fc.assert(
      fc.property(fc.array(languages, { minLength: 1, maxLength: 3 }), fc.array(languages, { maxLength: 2 }), (within, outside) => {
        const isFit = (name: string): boolean =>
          repositoryShape.isValid.test(name) &&
          within.every(({ patterns }) => patterns.some(({ test }) => test(name))) &&
          !outside.some(({ patterns }) => patterns.some(({ test }) => test(name)));
        const [found, tried] = [find(within, outside), names.find(isFit)];
        if (found !== undefined) assert.ok(isFit(found), found);
        assert.equal(found !== undefined && found.length <= 4 ? found.length : undefined, tried?.length);
      }),
      { numRuns: 500 },
    );
  });
});

/** Over the letters that patterns speak of, and one that stands for all others; the shortest first. */
function namesUpTo(lengthMax: number): readonly string[] {
  const all = [''];
  for (const name of all) if (name.length < lengthMax) for (const letter of ['a', 'b', 'c', '/']) all.push(name + letter);
  return all;
}
