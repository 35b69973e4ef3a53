import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rotateLog } from './log-files.ts';
import { killProcess, startProcess } from './process.ts';
import { lastLines, sizeOf } from './readiness.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-logs-'));
after(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'a.log');

describe('a log', () => {
  it('below its bound stays', () => {
    writeFileSync(path, 'short\n');
    rotateLog(path, 100);
    assert.equal(readFileSync(path, 'utf8'), 'short\n');
  });

  it('past its bound goes on at the start, without a hole, while its process lives', async () => {
    const logPath = join(dir, 'living.log');
    const script = 'while :; do echo 0123456789; sleep 0.02; done';
    const child = await startProcess({ command: '/bin/sh', args: ['-c', script], env: { PATH: process.env['PATH'] }, logPath });
    while (sizeOf(logPath) <= 50) await sleep(10);
    rotateLog(logPath, 50);
    assert.ok(sizeOf(logPath) < sizeOf(`${logPath}.1`));
    await sleep(100);
    await killProcess(child);
    assert.match(readFileSync(logPath, 'utf8'), /^(0123456789\n)+$/);
    assert.ok(sizeOf(`${logPath}.1`) > 50);
  });

  it('that is missing is no error', () => rotateLog(join(dir, 'none.log'), 1));
});

describe('the last lines', () => {
  it('leave out what an earlier run wrote', () => {
    writeFileSync(path, 'earlier\n');
    const fromBytes = sizeOf(path);
    appendFileSync(path, 'a\nb\nc\n');
    assert.equal(lastLines(path, 10, fromBytes), 'a\nb\nc');
    assert.equal(lastLines(path, 2), 'b\nc');
  });

  it('of a log that was rotated meanwhile are all that is there', () => {
    writeFileSync(path, 'new\n');
    assert.equal(lastLines(path, 10, 1_000), 'new');
  });

  it('of a huge log are read from its end alone', () => {
    writeFileSync(path, `${'x'.repeat(1_000_000)}\nend\n`);
    assert.equal(lastLines(path, 1), 'end');
    assert.ok(lastLines(path, 10).length <= 65_536);
  });
});
