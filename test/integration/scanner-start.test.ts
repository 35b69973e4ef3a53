import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '../..');
const stateDir = mkdtempSync(join(tmpdir(), 'scanner-main-'));
after(() => rmSync(stateDir, { recursive: true, force: true }));

it('the scanner app clears up after itself before it does anything else, and says so', async () => {
  // What an app that was killed leaves; no process has that number (`pid_max` is at most 2^22).
  const left = join(stateDir, 'scratch/scan-9999999-1-abcdef');
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'config.json'), '{}');
  const env = {
    ...{ PATH: process.env['PATH'], STATE_DIR: stateDir, SCANNER: 'sh {image}', OPS_PORT: '0' },
    ...{ CONFIG_DIR: join(root, 'config'), KAFKA_BROKERS: '127.0.0.1:1' },
  };
  const app = spawn(process.execPath, [join(root, 'apps/scanner/src/main.ts')], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const said: string[] = [];
  app.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text));
  try {
    const deadlineMs = performance.now() + 20_000;
    while (!said.join('').includes('cleared up') && performance.now() < deadlineMs) await sleep(50);
    assert.equal(existsSync(left), false);
    assert.match(said.join(''), /"directoriesCount":1,"processesCount":0,.*cleared up after scans that were cut off/);
  } finally {
    app.kill('SIGKILL');
  }
});
