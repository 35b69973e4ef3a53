import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLiving, identify, isAlive, killProcess, parseStartTicks, startProcess, stopProcess, writePidFile } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-process-'));
after(() => rmSync(dir, { recursive: true }));
const pidPath = join(dir, 'x.pid');
const logPath = join(dir, 'x.log');
const env = { PATH: process.env['PATH'] };
const startShell = (script: string) => startProcess({ command: '/bin/sh', args: ['-c', script], env, logPath });

describe('the start time in /proc/<pid>/stat', () => {
  const stat = (name: string, state = 'S') => `42 (${name}) ${state} ${Array.from({ length: 40 }, (_, index) => index + 4).join(' ')}`;

  it('is field 22', () => assert.equal(parseStartTicks(stat('java')), '22'));
  it('is found behind a name made to mislead', () => assert.equal(parseStartTicks(stat('a) Z 1 2 (b')), '22'));
  it('of a zombie does not count: it only waits for its parent', () => assert.equal(parseStartTicks(stat('java', 'Z')), undefined));
  it('of garbage is none', () => assert.equal(parseStartTicks(''), undefined));
});

describe('a pid file', () => {
  it('names the living process that wrote it', () => {
    const self = identify(process.pid);
    assert.ok(self);
    writePidFile(pidPath, self);
    assert.deepEqual(findLiving(pidPath), self);
  });

  it('of a number that was given to another process names nobody', () => {
    writePidFile(pidPath, { pid: process.pid, startedAt: '1' });
    assert.equal(findLiving(pidPath), undefined);
  });

  for (const [what, content] of [
    ['torn', '{"pid": 12'],
    ['empty', ''],
    ['of everybody (-1)', '{"pid":-1,"startedAt":"1"}'],
    ['of our own group (0)', '{"pid":0,"startedAt":"1"}'],
    ['of init, which lives', JSON.stringify(identify(1))],
    ['with a fraction', '{"pid":1.5,"startedAt":"1"}'],
    ['of another shape', '[]'],
    ['of null', 'null'],
  ] as const) {
    it(`that is ${what} names nobody`, () => {
      writeFileSync(pidPath, content);
      assert.equal(findLiving(pidPath), undefined);
    });
  }

  it('that is missing names nobody', () => assert.equal(findLiving(join(dir, 'none.pid')), undefined));
});

describe('a started process', () => {
  it('writes both streams to its log and tells how it ended', async () => {
    const child = await startShell('echo out; echo err >&2; exit 3');
    assert.deepEqual(await child.exited, { code: 3, signal: null });
    assert.equal(readFileSync(logPath, 'utf8'), 'out\nerr\n');
    assert.equal(isAlive(child), false);
  });

  it('sees nothing of our environment but what it is given', async () => {
    process.env['WAYBILL_PROCESS_TEST'] = 'a secret';
    const child = await startShell('echo "[$WAYBILL_PROCESS_TEST]"');
    await child.exited;
    assert.match(readFileSync(logPath, 'utf8'), /\[\]\n$/);
  });

  it('that ends when asked is not killed', async () => {
    const child = await startShell('trap "exit 0" TERM; while :; do sleep 0.05; done');
    await sleep(100);
    assert.equal(await stopProcess(child, 5_000), true);
    assert.deepEqual(await child.exited, { code: 0, signal: null });
  });

  it('that ignores SIGTERM is killed after its grace', async () => {
    const child = await startShell('trap "" TERM; while :; do sleep 0.05; done');
    await sleep(100);
    assert.equal(await stopProcess(child, 200), false);
    assert.deepEqual(await child.exited, { code: null, signal: 'SIGKILL' });
  });

  it('takes its children with it when killed', async () => {
    const childPidPath = join(dir, 'grandchild');
    const child = await startShell(`sleep 60 & echo $! > ${childPidPath}; wait`);
    await sleep(200);
    const grandchild = identify(Number(readFileSync(childPidPath, 'utf8')));
    assert.ok(grandchild);
    await killProcess(child);
    await sleep(50);
    assert.equal(isAlive(grandchild), false);
  });

  it('whose program does not exist is an error that names it', async () => {
    await assert.rejects(startProcess({ command: '/no/such/program', args: [], env, logPath }), {
      code: 'NOT_READY',
      message: /no\/such\/program/,
    });
  });

  it('that was replaced by a stranger with the same number is never signalled', async () => {
    const stranger = await startShell('sleep 60');
    await killProcess({ pid: stranger.pid, startedAt: 'earlier' });
    assert.equal(isAlive(stranger), true);
    await killProcess(stranger);
  });
});
