import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { findProcessesWith, findStartTime } from './process-table.ts';
import { markName } from './scratch.ts';
import { sweepScratch } from './sweep.ts';
import { eventually } from './testing.fixture.ts';

// Goal: an app that was killed leaves a scanner, its children and a password behind only until the next start; and nobody else is hurt.
const root = mkdtempSync(join(tmpdir(), 'sweep-test-'));
const script = join(import.meta.dirname, '../../../test/fixtures/scanners/tiny-scanner.sh');
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

let scratchDir = '';
beforeEach(() => {
  scratchDir = mkdtempSync(join(root, 'scratch-'));
});
const entries = (): readonly string[] => readdirSync(scratchDir);

/** An app of its own in the middle of a scan: its scanner ignores SIGTERM and has a child. */
async function startApp(): Promise<{ readonly app: ChildProcess; readonly scanners: () => readonly number[] }> {
  const args = [join(import.meta.dirname, 'slow-scan.fixture.ts'), scratchDir, `sh ${script} {repository} {digest}`];
  const logPath = `${scratchDir}.log`;
  const app = spawn(process.execPath, args, { stdio: 'ignore', env: { PATH: process.env['PATH'], TINY_SCANNER_LOG: logPath } });
  started.push(app);
  await eventually(() => existsSync(logPath) && readFileSync(logPath, 'utf8').includes('grandchild'), 'the scan runs');
  const directory = join(scratchDir, entries()[0] ?? '');
  return { app, scanners: () => findProcessesWith(markName, directory) };
}

async function killed(app: ChildProcess): Promise<void> {
  app.kill('SIGKILL');
  await eventually(() => app.signalCode === 'SIGKILL', 'the app dies');
}

/** Names that no living process can have: the number is above the kernel's limit (`pid_max`, at most 2^22). */
const deadOwner = 'scan-9999999-1-abcdef';

describe('a scan that was cut off by kill -9', () => {
  it('is ended with its children, and its password removed', async () => {
    const { app, scanners } = await startApp();
    await killed(app);
    assert.ok(scanners().length >= 2, 'the scanner outlived its app: else there is nothing to test');
    assert.match(readFileSync(join(scratchDir, entries()[0]!, 'config.json'), 'utf8'), /"auth"/);

    const swept = await sweepScratch(scratchDir);
    assert.equal(swept.directoriesCount, 1);
    assert.ok(swept.processesCount >= 2);
    assert.deepEqual([scanners(), entries()], [[], []]);
  });

  it('is left alone while its app lives', async () => {
    const { app, scanners } = await startApp();
    assert.deepEqual(await sweepScratch(scratchDir), { directoriesCount: 0, processesCount: 0 });
    assert.ok(scanners().length >= 2);
    await killed(app);
    await sweepScratch(scratchDir);
    assert.deepEqual(scanners(), []);
  });

  it('is known by its owner’s start time, not by a number that was given again', async () => {
    mkdirSync(join(scratchDir, `scan-${process.pid}-1-abcdef`));
    mkdirSync(join(scratchDir, `scan-${process.pid}-${findStartTime(process.pid)}-abcdef`));
    await sweepScratch(scratchDir);
    assert.deepEqual(entries(), [`scan-${process.pid}-${findStartTime(process.pid)}-abcdef`]);
  });
});

describe('a sweep', () => {
  it('ends no stranger: neither one in the directory nor one whose mark only begins alike', async () => {
    const directory = join(scratchDir, deadOwner);
    mkdirSync(directory);
    const strangers = [{ TMPDIR: directory }, { [markName]: `${directory}2` }, { [`X${markName}`]: directory }].map((env) =>
      spawn('sleep', ['60'], { cwd: directory, env: { PATH: process.env['PATH'], ...env } }),
    );
    started.push(...strangers);
    await eventually(() => strangers.every(({ pid }) => pid !== undefined), 'they start');
    assert.deepEqual(await sweepScratch(scratchDir), { directoriesCount: 1, processesCount: 0 });
    assert.ok(strangers.every(({ pid }) => findStartTime(pid!) !== undefined));
  });

  it('removes nothing but directories that are a scan’s by name, and follows no link', async () => {
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'kept'), '');
    symlinkSync(elsewhere, join(scratchDir, deadOwner));
    mkdirSync(join(scratchDir, 'scan-9999999-1-abcdeg'));
    symlinkSync(elsewhere, join(scratchDir, 'scan-9999999-1-abcdeg', 'link'));
    const others = ['scan-', 'scan-1', 'scan-x-1-abcdef', 'scanner-0', 'scan-9999999-1-abcdef..'];
    for (const name of others) mkdirSync(join(scratchDir, name));
    writeFileSync(join(scratchDir, 'scan-9999999-2-abcdef'), '');
    await sweepScratch(scratchDir);
    assert.deepEqual(entries().toSorted(), [deadOwner, 'scan-9999999-2-abcdef', ...others].toSorted());
    assert.deepEqual(readdirSync(elsewhere), ['kept']);
  });

  it('of a directory that is not there yet does nothing', async () =>
    assert.deepEqual(await sweepScratch(join(scratchDir, 'none')), { directoriesCount: 0, processesCount: 0 }));
});
