import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileGlob } from './glob.ts';

const cases: readonly (readonly [pattern: string, matches: readonly string[], others: readonly string[]])[] = [
  ['demo/app', ['demo/app'], ['demo/app2', 'demo', 'xdemo/app', '']],
  ['demo/*', ['demo/app'], ['demo/a/b', 'demo']],
  ['demo/**', ['demo/app', 'demo/a/b'], ['demo', 'demos/app']],
  ['**/app', ['app', 'a/app', 'a/b/app'], ['a/xapp', 'app/a']],
  ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['ab', 'a/xb', 'a/b/c']],
  ['prod-*', ['prod-', 'prod-1'], ['prod-1/x', 'dev-1']],
  ['v?.?', ['v1.2'], ['v1.10', 'v1/2']],
  ['**', ['', 'a', 'a/b'], []],
  ['a.c', ['a.c'], ['abc']],
];

describe('a glob', () => {
  for (const [pattern, matches, others] of cases)
    it(pattern, () => {
      for (const text of matches) assert.ok(compileGlob(pattern)(text), `${pattern} should match ${text}`);
      for (const text of others) assert.ok(!compileGlob(pattern)(text), `${pattern} should not match ${text}`);
    });

  it('takes no longer for names chosen to make it slow', () => {
    const startedAtMs = performance.now();
    for (const pattern of ['*a'.repeat(60) + 'b', '**a'.repeat(60) + 'b', '**/a/'.repeat(40) + 'b'])
      assert.ok(!compileGlob(pattern)('a/'.repeat(127)) && !compileGlob(pattern)('a'.repeat(255)));
    assert.ok(performance.now() - startedAtMs < 1_000);
  });
});
