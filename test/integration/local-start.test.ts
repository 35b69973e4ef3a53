import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLiving, identify, killProcess } from '../../infra/local/process.ts';

// Goal: npm start, status, logs and down as a person meets them, crashes included. Kafka and the schema registry are said to run
// elsewhere and no app is started, so that only the two registries come up and the whole takes seconds.
const home = mkdtempSync(join(tmpdir(), 'waybill-start-'));
const shift = String(1_000 + Math.floor(Math.random() * 4_000)); // Registries then listen below the ephemeral range.
const env = {
  ...process.env,
  WAYBILL_HOME: home,
  WAYBILL_PORT_BASE: shift,
  KAFKA_BROKERS: '127.0.0.1:1',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1/apis/ccompat/v7',
};
const script = (name: string, ...args: string[]) => {
  const path = join(import.meta.dirname, `../../infra/local/${name}.ts`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { env, encoding: 'utf8', timeout: 300_000 });
  return { status, output: `${stdout}${stderr}`, stdout };
};
const start = () => script('start', '--without-apps');
type Status = {
  ready: boolean;
  supervisorPid: number | null;
  parts: { name: string; pid: number | null; ready: boolean; restarts: number }[];
};
const status = (): Status => JSON.parse(script('status', '--output', 'json').stdout) as Status;
const pids = (): (number | null)[] => status().parts.map(({ pid }) => pid);

after(() => {
  script('down');
  rmSync(home, { recursive: true, force: true });
});

describe('a local start', () => {
  it('is told apart from none', () => {
    assert.deepEqual([script('status').status, script('logs').status, script('down').status], [1, 1, 0]);
  });

  it('brings up what is not running elsewhere, and says where it is', () => {
    const { status: code, output } = start();
    assert.equal(code, 0, output);
    assert.match(output, /registry-a ready/);
    assert.match(output, new RegExp(`registry-b +127\\.0\\.0\\.1:${25_002 + Number(shift)}`));
    assert.deepEqual([script('status').status, status().parts.map(({ name }) => name)], [0, ['registry-a', 'registry-b']]);
  });

  it('is harmless when it runs already', () => {
    const before = pids();
    const { status: code, output } = start();
    assert.equal(code, 0);
    assert.match(output, /It runs already/);
    assert.deepEqual(pids(), before);
  });

  it('brings back a part that was killed', async () => {
    const [a] = status().parts;
    process.kill(a?.pid as number, 'SIGKILL');
    for (let tries = 0; tries < 50 && !(status().ready && status().parts[0]?.restarts === 1); tries++) await sleep(100);
    const [again] = status().parts;
    assert.deepEqual([again?.ready, again?.restarts], [true, 1]);
    assert.notEqual(again?.pid, a?.pid);
  });

  it('recognises what a killed supervisor left behind, and starts over', async () => {
    const before = pids();
    const supervisor = findLiving(join(home, 'supervisor.pid'));
    assert.ok(supervisor);
    await killProcess(supervisor);
    assert.match(script('status').output, /orphan(.|\n)*npm start/);
    const { status: code, output } = start();
    assert.equal(code, 0, output);
    assert.match(output, /earlier crash left behind: registry-a, registry-b/);
    assert.equal(
      pids().some((pid) => before.includes(pid)),
      false,
    );
    assert.equal(script('status').status, 0);
  });

  it('shows the end of a log, and knows no log of a stranger', () => {
    assert.equal(script('logs', 'registry-a').status, 0);
    assert.match(script('logs', 'nobody').output, /there are: registry-a, registry-b/);
  });

  it('tells no secret but in files of mode 0600', () => {
    const secret = readFileSync(join(home, 'secrets/distribution'), 'utf8').trim();
    for (const file of ['plan.json', 'report.json', 'logs/supervisor.log', 'logs/registry-a.log']) {
      assert.equal(readFileSync(join(home, file), 'utf8').includes(secret), false, file);
    }
    for (const pid of pids()) assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(secret), false);
    assert.match(readFileSync(join(home, 'data/registry-a/config.yaml'), 'utf8'), new RegExp(`Bearer ${secret}`));
  });

  it('refuses ports that somebody else has, before it starts anything', () => {
    const { status: code, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, '../../infra/local/start.ts'), '--without-apps'],
      {
        env: { ...env, WAYBILL_HOME: join(home, 'second') },
        encoding: 'utf8',
      },
    );
    assert.equal(code, 1);
    assert.match(stderr, /\(registry-a\)(.|\n)*WAYBILL_PORT_BASE(.|\n)*PORT_TAKEN/);
  });

  it('goes down and leaves nothing but data', () => {
    const before = [status().supervisorPid, ...pids()];
    const { status: code, output } = script('down');
    assert.equal(code, 0);
    assert.match(output, /Stopped 2 parts/);
    for (const pid of before) assert.equal(identify(pid as number), undefined);
    assert.deepEqual([script('status').status, script('down').output.trim()], [1, 'Nothing runs.']);
  });
});
