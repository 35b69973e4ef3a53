import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { JobError } from '@waybill/stream';
import { createScanner, type ScannerOptions } from './scanner.ts';
import { eventually, target } from './testing.fixture.ts';

// Goal: a verdict only where the scanner gave one, whatever it does; and nothing of it is left afterwards.
const script = join(import.meta.dirname, '../../../test/fixtures/scanners/tiny-scanner.sh');
const command = `sh ${script} {repository} {digest}`;
const directory = mkdtempSync(join(tmpdir(), 'scanner-test-'));
const logPath = join(directory, 'runs');
const scratchDir = join(directory, 'scratch');
after(() => rmSync(directory, { recursive: true, force: true }));

const password = 'hunter2-hunter2';
// Also where the process itself has it: a scanner inherits nothing.
process.env['UNRELATED_TOKEN'] = 'unrelated';
const env = { PATH: process.env['PATH'], TINY_SCANNER_LOG: logPath, UNRELATED_TOKEN: 'unrelated' };
const scanner = (options: Partial<ScannerOptions> = {}) =>
  createScanner({
    command,
    scratchDir,
    timeoutMs: 10_000,
    killDelayMs: 100,
    env,
    envPassed: ['TINY_'],
    accessOf: async () => ({ plainHttp: true, username: 'robot', password }),
    ...options,
  });
const scan = (repository: string, options?: Partial<ScannerOptions>, signal = new AbortController().signal) =>
  scanner(options).scan({ ...target, repository }, signal);
const withCode = (code: string, retry: boolean) => (error: unknown) => {
  assert.ok(error instanceof JobError, String(error));
  assert.deepEqual([error.code, error.retry], [code, retry]);
  assert.doesNotMatch(error.message, new RegExp(password));
  return true;
};
const shell = (text: string): Partial<ScannerOptions> => ({ command: `sh -c '${text}' {digest}` });

const alive = (pid: number): boolean => {
  try {
    // A zombie is dead; only its parent's wait is outstanding.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const linesOfLog = (word: string): readonly string[] =>
  readFileSync(logPath, 'utf8')
    .split('\n')
    .filter((line) => line.includes(word));
const pidIn = (line: string | undefined): number => Number(line?.split(' ').at(-1));
describe('a verdict', () => {
  it('is given where nothing was found', async () => {
    const { reportSha256, ...verdict } = await scan('demo/app');
    assert.match(reportSha256, /^[a-f0-9]{64}$/);
    assert.deepEqual(verdict, {
      scanner: 'tiny',
      scannerVersion: '1.0',
      worstSeverity: 'none',
      counts: { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 },
      findings: [],
      findingsOmitted: 0,
    });
  });

  it('is given where the exit code is 1 because something was found', async () =>
    assert.equal((await scan('demo/vulnerable')).worstSeverity, 'critical'));

  it('counts more findings than it carries', async () => {
    const verdict = await scan('demo/noisy');
    assert.deepEqual([verdict.findings.length, verdict.findingsOmitted, verdict.counts.low], [200, 100, 299]);
  });

  it('can be written to a file', async () => {
    const print = 'printf "{\\"scanner\\":\\"s\\",\\"findings\\":[]}" > "$1"; echo progress';
    assert.equal((await scan('demo/app', { command: `sh -c '${print}' {digest} {output}` })).scanner, 's');
  });
});

describe('no verdict', () => {
  it('is made of garbage with exit 0', () => assert.rejects(scan('demo/garbage'), withCode('SCANNER_OUTPUT_INVALID', true)));
  it('is made of silence with exit 0', () => assert.rejects(scan('a', shell('exit 0')), withCode('SCANNER_OUTPUT_INVALID', true)));
  it('is made of exit 2', () => assert.rejects(scan('demo/broken'), withCode('SCANNER_FAILED', true)));
  it('is made of exit 1 that found nothing', () => assert.rejects(scan('demo/flaky-exit'), withCode('SCANNER_FAILED', true)));
  it('is made of a good report with exit 3', () =>
    assert.rejects(
      scan(
        'a',
        shell(
          'printf "{\\"scanner\\":\\"s\\",\\"findings\\":[{\\"id\\":\\"C\\",\\"severity\\":\\"low\\",\\"package\\":\\"p\\"}]}"; exit 3',
        ),
      ),
      withCode('SCANNER_FAILED', true),
    ));
  it('is made where a signal ends it', () => assert.rejects(scan('a', shell('kill -SEGV $$')), withCode('SCANNER_FAILED', true)));
  it('is made without the program', () =>
    assert.rejects(scan('a', { command: 'no-such-scanner {image}' }), (error: Error) => {
      assert.match(error.message, /no-such-scanner is not on the PATH: install it/);
      return withCode('SCANNER_MISSING', false)(error);
    }));

  it('is made of a link to another file', () =>
    assert.rejects(
      scan('a', { command: `sh -c 'ln -s ${join(script, '../template.json')} "$1"' {digest} {output}` }),
      withCode('SCANNER_OUTPUT_INVALID', true),
    ));

  it('is asked for a name that is none', async () => {
    for (const wrong of [{ repository: '--config=/etc/passwd' }, { registry: '-h' }, { digest: 'latest' }, { repository: 'a b' }])
      await assert.rejects(
        scanner().scan({ ...target, ...wrong }, new AbortController().signal),
        withCode('SCANNER_TARGET_INVALID', false),
      );
  });
});

describe('the osv scanner', () => {
  const bin = join(directory, 'bin');
  const fixtures = join(import.meta.dirname, '../../../test/fixtures/scanners');
  const osv = { command: 'osv', env: { PATH: `${bin}:${process.env['PATH']}`, OSV_FIXTURES: fixtures } };
  const program = (name: string, body: string) => writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  // What syft is asked for last is `cyclonedx-json=<path>`, and osv-scanner gets that path last.
  const makesSbom = 'for last; do :; done; cp "$OSV_FIXTURES/sbom.cdx.json" "${last#cyclonedx-json=}"';
  const looksUp = 'for last; do :; done; grep -q minimist "$last" && cat "$OSV_FIXTURES/osv.json"; exit 1';
  before(() => mkdirSync(bin));

  it('looks up the packages of an SBOM that it makes first', async () => {
    program('syft', makesSbom);
    program('osv-scanner', looksUp);
    const verdict = await scan('demo/app', osv);
    assert.deepEqual(verdict.counts, { critical: 4, high: 1, medium: 2, low: 0, unknown: 2 });
    assert.equal(verdict.scanner, 'osv');
  });

  it('gives no verdict without an SBOM', async () => {
    program('syft', 'exit 0');
    await assert.rejects(scan('demo/app', osv), withCode('SCANNER_OUTPUT_INVALID', true));
    program('syft', 'exit 1');
    await assert.rejects(scan('demo/app', osv), withCode('SCANNER_FAILED', true));
  });

  it('gives no verdict without its database', async () => {
    program('syft', makesSbom);
    program('osv-scanner', 'cat "$OSV_FIXTURES/osv-empty.json"; echo "no offline version of the OSV database" >&2; exit 127');
    await assert.rejects(scan('demo/app', osv), withCode('SCANNER_FAILED', true));
  });
});

describe('a scanner out of bounds', () => {
  it('that prints without end is killed', async () => {
    await assert.rejects(scan('demo/endless', { reportBytesMax: 64 * 1024 }), withCode('SCANNER_OUTPUT_TOO_LARGE', false));
    const pid = pidIn(linesOfLog('demo/endless').at(-1));
    await eventually(() => !alive(pid), 'the endless scanner dies');
  });

  it('that fills stderr is killed', () =>
    assert.rejects(
      scan('a', { ...shell('while :; do echo error >&2; done'), stderrBytesMax: 10_000 }),
      withCode('SCANNER_OUTPUT_TOO_LARGE', false),
    ));

  it('that ignores SIGTERM dies with its children when time is up', async () => {
    await assert.rejects(scan('demo/stubborn', { timeoutMs: 300 }), withCode('SCANNER_TIMEOUT', true));
    const [parent, child] = [pidIn(linesOfLog('demo/stubborn').at(-1)), pidIn(linesOfLog('grandchild').at(-1))];
    await eventually(() => !alive(parent) && !alive(child), 'both die');
  });

  it('dies with its children when the job is aborted', async () => {
    const abort = new AbortController();
    const count = linesOfLog('grandchild').length;
    const scanning = scan('demo/stubborn-too', {}, abort.signal);
    const line = await eventually(() => linesOfLog('grandchild')[count], 'the grandchild starts');
    abort.abort(new Error('revoked'));
    await assert.rejects(scanning, /revoked/);
    await eventually(() => !alive(pidIn(line)), 'the grandchild dies');
  });

  it('that ends well takes with it what it left in the background', async () => {
    const leave = 'sleep 60 >/dev/null 2>&1 & echo "left $!" >> $TINY_SCANNER_LOG; echo "{\\"scanner\\":\\"s\\",\\"findings\\":[]}"';
    await scan('a', shell(leave));
    await eventually(() => !alive(pidIn(linesOfLog('left').at(-1))), 'the background process dies');
  });

  it('is not waited for by a child that keeps its output open', async () => {
    const startedAtMs = performance.now();
    await scan('a', shell('sleep 60 & echo "{\\"scanner\\":\\"s\\",\\"findings\\":[]}"'));
    assert.ok(performance.now() - startedAtMs < 5_000);
  });
});

describe('a secret', () => {
  it('is in the environment and a file of this user only, never on a command line, and gone afterwards', async () => {
    const finding = '{\\"id\\":\\"%s\\",\\"severity\\":\\"low\\",\\"package\\":\\"%s\\",\\"version\\":\\"%s\\"}';
    const report = `"{\\"scanner\\":\\"s\\",\\"findings\\":[${finding}]}"`;
    const look = 'tr "\\0" " " < /proc/$$/cmdline > $TINY_SCANNER_LOG.argv; cp -r $DOCKER_CONFIG/config.json $TINY_SCANNER_LOG.config;';
    const facts = '"$(stat -c %a $DOCKER_CONFIG/config.json)" "$DOCKER_CONFIG" "$UNRELATED_TOKEN"';
    const verdict = await scan('a', shell(`${look} printf ${report} ${facts}`));
    const [found] = verdict.findings;
    assert.equal(found?.id, '600');
    assert.throws(() => readdirSync(found?.package ?? ''), /ENOENT/);
    assert.equal(found?.version, '', 'a variable that is not the scanner’s was passed on');
    const basic = Buffer.from(`robot:${password}`).toString('base64');
    assert.deepEqual(JSON.parse(readFileSync(`${logPath}.config`, 'utf8')), { auths: { 'registry.test': { auth: basic } } });
    const argv = readFileSync(`${logPath}.argv`, 'utf8');
    assert.ok(argv.includes(target.digest));
    assert.ok(!argv.includes(password) && !argv.includes(basic));
  });

  it('that a scanner prints does not get into the error', () =>
    assert.rejects(scan('demo/broken'), /said: cannot reach the registry with \[redacted\]$/));
});
