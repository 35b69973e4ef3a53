import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError } from './config.ts';
import { askKeyCommand } from './key-command.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-key-command-'));
after(() => rmSync(dir, { recursive: true }));

const key = Buffer.alloc(32, 7).toString('base64');
let count = 0;
function programOf(script: string, mode = 0o700): string {
  const path = join(dir, `unwrap-${(count += 1)}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, mode);
  return path;
}
const ask = (program: string, timeoutMs?: number) =>
  askKeyCommand({ program, env: { ...process.env, TOLD: 'by-env' }, ...(timeoutMs !== undefined && { timeoutMs }) }, 'k1', 'wrapped-hush');
/** Nothing of what goes in or comes out may be told. */
const refusal = (told: RegExp) => (error: unknown) =>
  error instanceof ConfigError &&
  told.test(error.message) &&
  !/hush/.test(`${error.message} ${error.stack}`) &&
  !error.message.includes(key);

const isAlive = (pid: string): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('a program that unwraps keys', () => {
  it('reads the wrapped key from stdin, and what it writes is the answer', async () =>
    assert.equal(await ask(programOf('[ "$(cat)" = wrapped-hush ] && [ "$TOLD" = by-env ] && echo opened')), 'opened'));

  it('is told the id of the key on its command line, and no key', async () => {
    const seen = join(dir, 'seen');
    await ask(programOf(`echo "$# $@" > ${seen}; env >> ${seen}`));
    const [line = '', ...environment] = readFileSync(seen, 'utf8').split('\n');
    assert.equal(line, '1 k1');
    assert.doesNotMatch(environment.join('\n'), /wrapped-hush/);
  });

  it('need not read', async () => assert.equal(await ask(programOf(`echo ${key}`)), key));

  it('that hangs is ended, with all that it has started', async () => {
    const alive = join(dir, 'alive');
    const program = programOf(`(sleep 600; touch ${alive}) & echo $! > ${alive}.pid; wait`);
    await assert.rejects(ask(program, 1_500), refusal(/took longer than 1500 ms: run it by hand/));
    const pid = readFileSync(`${alive}.pid`, 'utf8').trim();
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  const faults: readonly (readonly [string, string, RegExp])[] = [
    ['that fails', `echo hush; echo hush >&2; exit 3`, /failed \(exit 3\): run it by hand/],
    ['that is killed', `echo hush; kill -9 $$`, /failed \(exit by a signal\)/],
    ['that writes without an end', `while :; do echo hush; done`, /more than 1024 bytes/],
  ];
  for (const [what, script, told] of faults)
    it(`${what} is refused, and nothing of what it says is told`, () => assert.rejects(ask(programOf(script)), refusal(told)));

  it('that is not there, or is no program, is told so', async () => {
    await assert.rejects(ask(join(dir, 'nobody')), refusal(/cannot be run \(ENOENT\): correct its path/));
    await assert.rejects(ask(programOf('echo', 0o600)), refusal(/cannot be run \(EACCES\)/));
  });
});
