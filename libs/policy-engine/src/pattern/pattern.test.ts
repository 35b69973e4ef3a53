import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { satisfies, validRange } from 'semver';
import { accept, automatonStatesMax } from './automaton.ts';
import { PatternError } from './pattern-error.ts';
import { compilePattern, type PatternText } from './pattern.ts';

type Case = readonly [pattern: PatternText, matches: readonly string[], others: readonly string[]];
const cases: readonly Case[] = [
  ['demo/app', ['demo/app'], ['demo/app2', 'demo', 'xdemo/app', '']],
  ['demo/*', ['demo/app', 'demo/'], ['demo/a/b', 'demo']],
  ['demo/**', ['demo/app', 'demo/a/b'], ['demo', 'demos/app']],
  ['**/app', ['app', 'a/app', 'a/b/app'], ['a/xapp', 'app/a']],
  ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['ab', 'a/xb', 'a/b/c']],
  ['a**/b', ['a/b', 'ax/b', 'a/x/b'], ['ab', 'b']],
  ['prod-*', ['prod-', 'prod-1'], ['prod-1/x', 'dev-1']],
  ['v?.?', ['v1.2'], ['v1.10', 'v1/2']],
  ['**', ['', 'a', 'a/b'], []],
  ['a.c', ['a.c'], ['abc']],
  [{ regex: 'v\\d+(\\.\\d+)?' }, ['v1', 'v1.2'], ['1', 'v1.', 'xv1', 'v1x']],
  [{ regex: 'a|b{2,3}|' }, ['a', 'bb', 'bbb', ''], ['b', 'abb']],
  [{ regex: '[^a-c]-?[\\w-]' }, ['d-', 'dx', '-a'], ['ax', 'd']],
  [{ semver: '^1.2' }, ['1.2.0', 'v1.10.3', '1.2.3_build.5'], ['2.0.0', '1.1.9', '1.2', '01.2.0', '1.2.3-alpine', 'vv1.2.0', 'latest']],
  [{ semver: '>=1.2.3-rc.1 <2 || 3.x' }, ['1.2.3-rc.1', '1.2.3-rc.10', '3.9.0'], ['1.2.3-beta', '1.2.4-rc.2', '2.0.0', '3.0.0-1']],
  [{ semver: '<0.0.0' }, [], ['0.0.0', '0.0.1']],
];

describe('a pattern', () => {
  for (const [pattern, matches, others] of cases)
    it(JSON.stringify(pattern), () => {
      const { test } = compilePattern(pattern);
      for (const text of matches) assert.ok(test(text), `should match ${text}`);
      for (const text of others) assert.ok(!test(text), `should not match ${text}`);
    });

  it('has the end that all of its names have', () => {
    const suffixes: readonly (readonly [PatternText, string])[] = [
      ...[['demo/app', 'demo/app'] as const, ['*-prod', '-prod'] as const, ['**/app', 'app'] as const, ['a/**/app', 'app'] as const],
      ...[[{ regex: '(ba|a)c{2}' }, 'acc'] as const, [{ regex: 'a(x😀|😀)' }, '😀'] as const, [{ regex: '😀|😁' }, ''] as const],
      ...[[{ regex: 'a*' }, ''] as const, [{ semver: '1.2.3' }, ''] as const],
    ];
    for (const [written, suffix] of suffixes) assert.equal(compilePattern(written).suffix, suffix);
  });

  it('has the start that all of its names have', () => {
    const prefixes: readonly (readonly [PatternText, string, boolean])[] = [
      ...[['demo/app', 'demo/app', true] as const, ['prod-*', 'prod-', false] as const, ['**', '', false] as const],
      ...[[{ regex: 'demo/(a|ab)c*' }, 'demo/a', false] as const, [{ regex: 'a{3}b+' }, 'aaab', false] as const],
      ...[[{ regex: '(ab){2}' }, 'abab', true] as const, [{ semver: '1.2.3' }, '', false] as const],
    ];
    for (const [written, prefix, isLiteral] of prefixes) {
      const pattern = compilePattern(written);
      assert.deepEqual([pattern.prefix, pattern.isLiteral], [prefix, isLiteral], pattern.text);
    }
  });

  it('is shared by all who write it, until a thousand others have been written', () => {
    const first = compilePattern('a*b*');
    assert.equal(compilePattern('a*b*'), first);
    for (let index = 0; index < 1_000; index += 1) compilePattern(`x${index}`);
    assert.notEqual(compilePattern('a*b*'), first);
  });

  it('is the more specific the more it spells out', () => {
    const rising: readonly PatternText[] = ['**', 'a*', 'ap*', 'app'];
    const specificities = rising.map((pattern) => compilePattern(pattern).specificity);
    assert.deepEqual(specificities, [0, 1, 2, 3]);
    assert.equal(compilePattern({ regex: '(ab|c).*d{2}' }).specificity, 3);
  });
});

describe('a pattern that cannot be', () => {
  const refused: readonly (readonly [PatternText, RegExp, number])[] = [
    [{ regex: 'a(b' }, /no end: add `\)`/, 1],
    [{ regex: 'ab)' }, /closes no group/, 2],
    [{ regex: '^a' }, /leave out `\^`/, 0],
    [{ regex: 'a$' }, /leave out `\$`/, 1],
    [{ regex: '(?=a)' }, /linear time/, 0],
    [{ regex: '(?<name>a)' }, /linear time/, 0],
    [{ regex: '(a)\\1' }, /not known/, 3],
    [{ regex: 'a*?' }, /after a repetition/, 2],
    [{ regex: '*a' }, /nothing before it/, 0],
    [{ regex: 'a{256}' }, /at most 255/, 1],
    [{ regex: 'a{3,2}' }, /turn the two around/, 1],
    [{ regex: 'a{,2}' }, /write a count/, 1],
    [{ regex: '[z-a]' }, /runs backwards/, 1],
    [{ regex: '[a' }, /no end: add `]`/, 0],
    [{ regex: 'a\\' }, /ends in the middle/, 2],
    [{ regex: '((a{255}){255}){255}' }, /unfolds to/, 0],
    [{ regex: `${'('.repeat(255)}a` }, /no end/, 254],
    [{ semver: 'latest' }, /no range of versions/, 0],
    [{ semver: '>1.0.0-a <1.0.0-b' }, /name them in a regex/, 0],
    ['a'.repeat(513), /at most 512/, 0],
  ];
  for (const [pattern, message, at] of refused)
    it(`is refused with its place: ${JSON.stringify(pattern).slice(0, 40)}`, () =>
      assert.throws(
        () => compilePattern(pattern),
        (error: unknown) => error instanceof PatternError && message.test(error.message) && error.at === at,
      ));
});

const names = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '1', '😀'), maxLength: 8 }), { minLength: 5, maxLength: 20 });
const joined = (...parts: readonly string[]) => fc.array(fc.constantFrom(...parts), { maxLength: 8 }).map((chosen) => chosen.join(''));
const regexes = fc.letrec<{ readonly regex: string }>((tie) => ({
  regex: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', '.', '\\.', '[ab]', '[^a]', '[a-b1]', '\\d', '\\W', '', '/', '😀'),
    fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => a + b),
    fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => `(${a}|${b})`),
    fc.tuple(tie('regex'), fc.constantFrom('*', '+', '?', '{2}', '{1,}', '{0,2}')).map(([a, count]) => `(?:${a})${count}`),
  ),
})).regex;

const number = fc.constantFrom(0, 1, 2, 9, 10, 11, 99, 100);
const prerelease = fc.array(fc.constantFrom('rc', 'a', '0', '9', '10', '-', '1a', 'RC'), { maxLength: 3 });
const versions = fc
  .tuple(number, number, number, prerelease)
  .map(([a, b, c, ids]) => [`${a}.${b}.${c}`, ids.join('.')].filter(Boolean).join('-'));
const comparators = fc.tuple(
  fc.constantFrom('', '^', '~', '>=', '>', '<', '<='),
  fc.oneof(versions, fc.constantFrom('1', '1.2', '*', '2.x')),
);
const ranges = fc
  .array(
    fc.array(
      comparators.map((pair) => pair.join('')),
      { minLength: 1, maxLength: 2 },
    ),
    { minLength: 1, maxLength: 2 },
  )
  .map((sets) => sets.map((set) => set.join(' ')).join(' || '));

const isRefused = (semver: string): boolean => {
  try {
    return compilePattern({ semver }) === undefined;
  } catch (error) {
    if (error instanceof PatternError && error.message.startsWith('a range between two pre-releases')) return true;
    throw error;
  }
};

/** What the rules of globs say, by trying every way: exponential. */
function globMatches(glob: string, text: string, at = 0): boolean {
  const rest = glob.slice(at);
  if (rest === '') return text === '';
  const tails = Array.from({ length: text.length + 1 }, (_, i) => i);
  const some = (taken: (start: string) => boolean, next: number): boolean =>
    tails.some((i) => taken(text.slice(0, i)) && globMatches(glob, text.slice(i), at + next));
  if (rest.startsWith('**/') && (at === 0 || glob[at - 1] === '/')) return some((start) => start === '' || start.endsWith('/'), 3);
  if (rest.startsWith('**')) return some(() => true, 2);
  if (rest[0] === '*') return some((start) => !start.includes('/'), 1);
  const [char = '', wanted = ''] = [[...text][0], [...rest][0]];
  const fits = wanted === '?' ? char !== '' && char !== '/' : char === wanted;
  return fits && globMatches(glob, text.slice(char.length), at + wanted.length);
}

describe('whatever the pattern and the names', () => {
  const holds = (written: PatternText, texts: readonly string[], expected: (text: string) => boolean): void => {
    const pattern = compilePattern(written);
    for (const text of texts) {
      const context = `${pattern.text} on ${JSON.stringify(text)}`;
      assert.equal(pattern.test(text), expected(text), context);
      assert.equal(accept(pattern.automaton(), text), expected(text), context);
      assert.equal(pattern.automaton().simulate(text), expected(text), context);
      if (!expected(text)) continue;
      assert.ok(text.startsWith(pattern.prefix) && (!pattern.isLiteral || text === pattern.prefix), context);
      assert.ok(text.endsWith(pattern.suffix), context);
    }
  };

  it('a glob matches what its rules say', () =>
    fc.assert(
      fc.property(joined('a', 'b', '/', '*', '**', '**/', '?', '.', '1', '😀'), names, (glob, texts) =>
        holds(glob, texts, (text) => globMatches(glob, text)),
      ),
      { numRuns: 1_000 },
    ));

  it('so does one with a single wildcard, which takes no automaton', () => {
    const written = joined('a', 'b', '/', '.', '😀');
    fc.assert(
      fc.property(written, fc.constantFrom('*', '**', '/**', '**/', '/**/'), written, names, (before, wildcard, after, texts) => {
        const glob = `${before}${wildcard}${after}`;
        const likely = texts.flatMap((text) => [`${before}${text}${after}`, `${before}/${text}/${after}`, `${before}${after}`]);
        holds(glob, [...texts, ...likely], (text) => globMatches(glob, text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('a regular expression matches what JavaScript’s does, anchored', () =>
    fc.assert(
      fc.property(regexes, names, (regex, texts) => {
        const anchored = new RegExp(`^(?:${regex})$`, 'us');
        holds({ regex }, texts, (text) => anchored.test(text));
      }),
      { numRuns: 1_000 },
    ));

  it('a range holds the versions that npm’s does', () =>
    fc.assert(
      fc.property(ranges, fc.array(versions, { minLength: 10, maxLength: 20 }), (semver, texts) => {
        fc.pre(validRange(semver) !== null && !isRefused(semver));
        holds({ semver }, texts, (text) => satisfies(text, semver));
      }),
      { numRuns: 1_000 },
    ));

  it('any text at all is a pattern or refused as one', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('glob', 'regex', 'semver'), (text, kind) => {
        try {
          compilePattern(kind === 'glob' ? text : kind === 'regex' ? { regex: text } : { semver: text }).test(text);
        } catch (error) {
          assert.ok(error instanceof PatternError && kind !== 'glob', String(error));
        }
      }),
    ));
});

describe('a name chosen to make a pattern slow', () => {
  const hard: readonly PatternText[] = [
    ...['*a'.repeat(60) + 'b', '**a'.repeat(60) + 'b', '**/a/'.repeat(40) + 'b'],
    ...['(a*)*b', '(a|a)*b', '(a|b|/)*a(a|b|/){14}', '(.*a){25}b', '((a?){20}){20}b'].map((regex) => ({ regex })),
  ];
  for (const written of hard)
    it(`only takes steps by its length: ${compilePattern(written).text.slice(0, 30)}`, () => {
      const { test, automaton } = compilePattern(written);
      for (const text of ['a/'.repeat(2_000), 'a'.repeat(4_000), 'ab'.repeat(2_000)]) test(text);
      assert.ok(automaton().statesCount() <= automatonStatesMax);
    });
});
