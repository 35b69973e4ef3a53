import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from './lock.ts';
import { identify, killProcess, startProcess } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-lock-'));
after(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'a.lock');
const timeoutMs = 5_000;

describe('a lock', () => {
  it('lets one work at a time', async () => {
    let inside = 0;
    const work = async (): Promise<void> => {
      assert.equal(++inside, 1);
      await sleep(10);
      inside--;
    };
    await Promise.all(Array.from({ length: 4 }, () => withLock(path, { timeoutMs }, work)));
  });

  it('is let go when the work fails', async () => {
    await assert.rejects(
      withLock(path, { timeoutMs }, async () => Promise.reject(new Error('no luck'))),
      /no luck/,
    );
    assert.deepEqual(readdirSync(dir), []);
  });

  it('of a dead process is taken over', async () => {
    const dead = await startProcess({ command: '/bin/sh', args: ['-c', 'sleep 60'], env: {}, logPath: '/dev/null' });
    await killProcess(dead);
    writeFileSync(path, JSON.stringify({ pid: dead.pid, startedAt: dead.startedAt }));
    assert.equal(await withLock(path, { timeoutMs }, async () => 'mine'), 'mine');
  });

  it('that is torn is taken over', async () => {
    writeFileSync(path, '{"pi');
    assert.equal(await withLock(path, { timeoutMs }, async () => 'mine'), 'mine');
  });

  it('of a living process is waited for, said once, and not taken', async () => {
    writeFileSync(path, JSON.stringify(identify(process.pid)));
    const told: number[] = [];
    const waiting = withLock(path, { timeoutMs: 500, onWait: (pid) => told.push(pid) }, async () => assert.fail('got in'));
    await assert.rejects(waiting, { code: 'LOCKED' });
    assert.deepEqual(told, [process.pid]);
    assert.equal(existsSync(path), true);
  });
});
