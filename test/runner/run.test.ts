import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { suites } from './plan.ts';

const root = resolve(import.meta.dirname, '../..');
const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env;
const planted = (name: string): string => `test/runner/planted/${name}.test.ts`;

function run(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['test/run.ts', ...args], {
    cwd: root,
    env: { ...env, ...more },
    encoding: 'utf8',
    timeout: 90_000,
  });
  const lines = stdout.trimEnd().split('\n');
  return { status, stdout, stderr, lines, last: lines.at(-1) };
}

describe('a run', () => {
  it('ends with one verdict alone on the last line, and fails when anything failed', () => {
    const { status, lines, last } = run([planted('mixed'), planted('exit-code')]);
    assert.equal(last, '4 passed, 2 failed, 1 skipped');
    assert.equal(lines.filter((line) => /^\d+ passed, \d+ failed/.test(line)).length, 1);
    assert.equal(status, 1);
  });

  it('passes with a skip at a desk, and not in CI, where it says which and why', () => {
    const args = [planted('mixed'), '--grep', 'suite'];
    assert.deepEqual([run(args).last, run(args).status], ['1 passed, 0 failed, 1 skipped', 0]);
    const inCi = run(args, { CI: 'true' });
    assert.deepEqual([inCi.last, inCi.status], ['1 passed, 1 failed', 1]);
    assert.match(inCi.stdout, /suite > not here\n.*CI=true does not allow: no docker on this machine/);
  });

  it('ends in time, with the reason, whatever hangs, and runs nothing more', () => {
    const { status, stdout, last } = run([planted('hangs'), planted('mixed'), '--timeout-ms', '2000']);
    assert.match(stdout, /the run took longer than 2 s; last test begun: /);
    assert.match(stdout, /mixed\.test\.ts\n.*not run: the run took longer/);
    assert.match(last ?? '', /^[01] passed, 2 failed$/); // As far as it came.
    assert.equal(status, 1);
  });

  it('fails for a suite without tests', () => {
    const { status, stdout, last } = run(['test/runner/planted/no-such-file.test.ts']);
    assert.match(stdout, /no tests found in/);
    assert.deepEqual([last, status], ['0 passed, 1 failed', 1]);
  });

  it('refuses a suite that does not exist, and says which do', () => {
    const { status, stderr } = run(['--only', 'unti']);
    assert.equal(status, 2);
    assert.match(stderr, /--only unti: .* check, lint, .*unit.*, e2e/);
  });

  it('counts a check that holds as one, and shows all that a failing tool said', () => {
    const { status, stdout, last } = run(['--only', 'format'], { PRETTIER_PERF_REPEAT: '' });
    assert.match(last ?? '', /^[01] passed, [01] failed$/, stdout);
    assert.equal(status, last?.startsWith('1 passed') ? 0 : 1);
  });
});

describe('the plan', () => {
  const globs = suites.flatMap((suite) => suite.steps.flatMap((step) => (step.kind === 'tests' ? [step.globs] : [])));
  const filesOf = (patterns: readonly string[]): readonly string[] => globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] });

  it('runs every test file of the repository once', () => {
    const planned = globs.flatMap(filesOf);
    // Fault rounds take a quarter of an hour and have a command of their own; what `npm test` runs of them is in test/e2e.
    const elsewhere = ['/planted/', 'test/fault/'];
    const written = filesOf(['{apps,libs,infra,schemas,test}/**/*.test.ts']).filter(
      (path) => !elsewhere.some((part) => path.includes(part)),
    );
    assert.deepEqual(planned.toSorted(), written.toSorted());
  });
});
