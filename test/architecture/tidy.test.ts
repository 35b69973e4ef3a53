import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { root } from './cruise.ts';
import { tidyRules } from './tidy-rules.ts';
import type { TextFile, TidyRule, TidyRuleName } from './tidy-rules.ts';

const lines = (count: number): string => 'let x = 1;\n'.repeat(count);
const host = (...labels: readonly string[]): string => labels.join('.'); // Put together, so that this file keeps the rules it tests.
const folder = (...names: readonly string[]): string => `/${names.join('/')}`;

type Sample = { readonly path: string; readonly bad: readonly string[]; readonly good: readonly string[] };
const samples: Readonly<Record<TidyRuleName, Sample>> = {
  'file-is-short': { path: 'libs/x/src/x.ts', bad: [lines(401)], good: [lines(400)] },
  'line-is-short': { path: 'libs/x/src/x.ts', bad: [`// ${'x'.repeat(138)}`], good: [`// ${'x'.repeat(137)}`] },
  'function-is-short': {
    path: 'libs/x/src/x.test.ts',
    bad: [
      `function f() {\n${lines(69)}}`,
      `const f = () => {\n${lines(69)}};`,
      `class C {\n  m() {\n${lines(69)}  }\n}`,
      `it('x', () => {\n${lines(69)}});`,
    ],
    good: [`function f() {\n${lines(68)}}`, `describe('chapter', () => {\n${lines(200)}});`, `const table = [\n${'  1,\n'.repeat(200)}];`],
  },
  'nothing-is-left-for-later': { path: 'docs/x.md', bad: [`// ${'TO'}DO: later`, `${'FIX'}ME`], good: ['todo lists are fine', 'MASTODON'] },
  'only-people-are-printed-to': {
    path: 'libs/x/src/x.ts',
    bad: ['console.log(1);', 'function f() { console.error(1); }'],
    good: ["const s = 'console.log';", 'my.console;'],
  },
  'no-package-host': {
    path: 'infra/x.yaml',
    bad: [
      host('https://registry', 'npmjs', 'org'),
      host('repo1', 'maven', 'org'),
      host('proxy', 'golang', 'org'),
      host('files', 'python' + 'hosted', 'org'),
      host('pypi', 'org'),
    ],
    good: ['golang.org/x/net', 'registry-1.docker.io', 'ghcr.io', 'github.com'],
  },
  'no-path-of-one-machine': {
    path: 'README.md',
    bad: [
      folder('home', 'ann', 'waybill'),
      `cd ${folder('root', 'x')}`,
      `"${folder('work', 'main')}"`,
      `C:${'\\'}Users${'\\'}ann`,
      folder('Users', 'ann', 'x'),
    ],
    good: ['/home/nonroot/x', '/v1/work/x', './root/x', 'https://example.test/home/x/', '/tmp/x', '${root}/work/x'],
  },
  'lockfile-names-no-host': {
    path: 'package-lock.json',
    bad: ['      "resolved": "https://example.test/a.tgz",'],
    good: ['      "resolved": "apps/api",', '      "integrity": "sha512-x",'],
  },
};

/** What git knows of or would take in; not what it ignores. */
function repositoryFiles(): readonly TextFile[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '' && existsSync(join(root, path)));
  return paths.filter((path) => !path.includes('/planted/')).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

const files = repositoryFiles();
for (const [name, rule] of Object.entries(tidyRules) as readonly [TidyRuleName, TidyRule][]) {
  describe(`tidy: ${name}`, () => {
    const { path, bad, good } = samples[name];
    it('finds its bad samples and lets the good ones pass', () => {
      assert.ok(rule.applies(path));
      for (const text of bad) assert.equal(rule.find({ path, text }).length, 1, `not found in: ${text.slice(0, 80)}`);
      for (const text of good) assert.deepEqual(rule.find({ path, text }), [], `found in: ${text.slice(0, 80)}`);
    });

    it('holds in the repository', () => {
      const looked = files.filter((file) => rule.applies(file.path));
      assert.ok(looked.length > 0, 'the rule looks at no file');
      assert.deepEqual(
        looked.flatMap((file) => rule.find(file).map((fault) => `${file.path}:${fault}`)),
        [],
      );
    });
  });
}
