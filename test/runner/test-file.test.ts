import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import type { Outcome } from './outcome.ts';
import { findMarked, markerName } from './processes.ts';

const root = resolve(import.meta.dirname, '../..');
const { NODE_TEST_CONTEXT: _, ...env } = process.env; // node:test would take the runner for one of its own files.
const isFault = (where: RegExp, what: RegExp) => (fault: Outcome['faults'][number]) => where.test(fault.where) && what.test(fault.what);

function runPlanted(file: string, timeoutMs = 60_000, grep: readonly string[] = []): Outcome {
  const argv = ['test/runner/planted/run-one.ts', file, String(timeoutMs), ...grep];
  const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd: root, env, encoding: 'utf8', timeout: 90_000 });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Outcome;
}

describe('a test file', () => {
  it('counts leaves only, with the way to each fault and what the file said', () => {
    const { passedCount, faults, skips } = runPlanted('mixed.test.ts');
    assert.equal(passedCount, 3, 'plain, good child, good');
    assert.equal(faults.length, 1, JSON.stringify(faults));
    assert.ok(faults.every(isFault(/mixed\.test\.ts:8 > parent > bad child$/, /1 !== 2[^]*said by the file/)), JSON.stringify(faults));
    assert.deepEqual(
      skips.map(({ why }) => why),
      ['no docker on this machine'],
    );
  });

  it('counts only the tests asked for, and may have none of them', () => {
    assert.deepEqual(runPlanted('mixed.test.ts', 60_000, ['plain']).passedCount, 1);
    assert.deepEqual(runPlanted('mixed.test.ts', 60_000, ['no such']), { passedCount: 0, faults: [], skips: [] });
  });

  it('fails with the cause when a hook throws', () => {
    const { passedCount, faults } = runPlanted('broken-hook.test.ts');
    assert.equal(passedCount, 0);
    assert.ok(faults.some(isFault(/suite$/, /no server[^]*caused by: Error: port in use/)), JSON.stringify(faults));
  });

  for (const [file, what] of [
    ['no-tests.test.ts', /has no tests/],
    ['crash.test.ts', /cannot be imported/],
    ['exits-early.test.ts', /process\.exit/],
    ['exit-code.test.ts', /exit code 3/],
  ] as const) {
    it(`fails where node:test alone may be silent: ${file}`, () => {
      const { faults } = runPlanted(file);
      assert.equal(faults.length, 1, JSON.stringify(faults));
      assert.ok(faults.every(isFault(new RegExp(`^test/runner/planted/${file}$`), what)), JSON.stringify(faults));
    });
  }

  it('is killed when its time is up, deaf or not, and the last test is named', () => {
    const { faults } = runPlanted('hangs.test.ts', 5_000);
    assert.ok(
      faults.every(isFault(/hangs/, /still running after 5 s.*last test begun: hangs/)) && faults.length === 1,
      JSON.stringify(faults),
    );
    assert.deepEqual(findMarked(`${env[markerName] ?? 'planted'}/hangs.test.ts`), []);
  });

  it('fails for a process it leaves behind, which is killed', () => {
    const { passedCount, faults } = runPlanted('leaves-a-process.test.ts');
    assert.equal(passedCount, 1);
    assert.ok(faults.every(isFault(/leaves-a-process/, /left process \d+ behind \(killed now\): sleep 61\.7/)) && faults.length === 1);
    assert.deepEqual(findMarked(`${env[markerName] ?? 'planted'}/leaves-a-process.test.ts`), []);
  });
});
