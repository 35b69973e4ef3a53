// `npm run test:scanners`: the real syft and osv-scanner on images in a real registry, then a push through all of Waybill with them.
// They are found on the PATH or among the tools that `SCANNER=osv npm start` builds. The database is one of our own, so nothing is
// downloaded. `UPDATE_GOLDEN=1` records anew what they print, for the tests of the parsers (test/fixtures/scanners).
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createRegistryClient, type RegistryClient } from '@waybill/oci';
import { createScanner, type RegistryAccess, type ScannerOptions, type Verdict } from '@waybill/scanners';
import { JobError } from '@waybill/stream';
import { pushImage } from '@waybill/testing';
import { startStack, type Stack } from '../../infra/local/stack.ts';
import { findProgram } from '../../infra/local/tools.ts';
import { eventually } from '../support/read-log.ts';
import { guardRegistry } from './guarded-registry.ts';
import { imageOf } from './layered-image.ts';
import { writeOsvDatabase, type Advisory } from './osv-database.ts';

const programs = ['syft', 'osv-scanner'].map((name) => ({ name, path: findProgram(name) }));
const missing = programs.filter(({ path }) => path === undefined).map(({ name }) => name);
if (missing.length > 0) {
  const how = 'SCANNER=osv npm start builds them with Go';
  throw new Error(`nothing is tested: ${missing.join(' and ')} not found on the PATH or among the tools; ${how}`);
}

const dir = mkdtempSync(join(tmpdir(), 'waybill-osv-'));
const cacheDir = join(dir, 'cache');
const recordPath = join(dir, 'record.json');
const fixtures = join(import.meta.dirname, '../fixtures/scanners');

const cvss = (vector: string) => [{ type: vector.startsWith('CVSS:4') ? 'CVSS_V4' : 'CVSS_V3', score: vector }];
const critical = cvss('CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H');
/** The first four are of real packages and what the real advisories say; those of `sample-` packages show the other ways to rate. */
const advisories: readonly Advisory[] = [
  { id: 'GHSA-xvch-5gv4-984h', ecosystem: 'npm', package: 'minimist', fixed: '1.2.6', aliases: ['CVE-2021-44906'], severity: critical },
  { id: 'PYSEC-2014-8', ecosystem: 'PyPI', package: 'jinja2', fixed: '2.7.2', aliases: ['CVE-2014-0012'] },
  {
    ...{ id: 'GHSA-fqh9-2qgg-h84h', ecosystem: 'PyPI', package: 'jinja2', fixed: '2.7.2', aliases: ['CVE-2014-0012', 'PYSEC-2014-8'] },
    severity: cvss('CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:L'),
  },
  { id: 'DEBIAN-CVE-2023-0464', ecosystem: 'Debian:12', package: 'openssl', fixed: '3.0.9-1', aliases: ['CVE-2023-0464'] },
  { id: 'MAL-2024-0001', ecosystem: 'npm', package: 'sample-malicious' },
  { id: 'GHSA-aaaa-bbbb-cccc', ecosystem: 'npm', package: 'sample-rated', fixed: '6.2.1', word: 'MODERATE' },
  { id: 'GHSA-bbbb-cccc-dddd', ecosystem: 'npm', package: 'sample-rated', fixed: '6.2.2', packageSeverity: critical },
  {
    ...{ id: 'GHSA-cccc-dddd-eeee', ecosystem: 'npm', package: 'sample-rated', word: 'LOW' },
    severity: cvss('CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N'),
  },
  { id: 'UBUNTU-CVE-2026-1', ecosystem: 'npm', package: 'sample-rated', severity: [{ type: 'Ubuntu', score: 'high' }] },
  { id: 'GHSA-eeee-ffff-gggg', ecosystem: 'npm', package: 'sample-rated' },
];

const npmPackage = (name: string, version: string) => ({
  [`app/node_modules/${name}/package.json`]: JSON.stringify({ name, version }),
});
const pythonPackage = {
  'usr/lib/python3/dist-packages/Jinja2-2.4.1.dist-info/METADATA': 'Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.4.1\n',
};
const vulnerableFiles = {
  ...npmPackage('minimist', '1.2.5'),
  ...npmPackage('sample-malicious', '0.0.1'),
  ...npmPackage('sample-rated', '6.0.0'),
  ...pythonPackage,
  'etc/os-release': 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  'var/lib/dpkg/status': 'Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.8-1\nMaintainer: x\n\n',
};

/** Stands before the real osv-scanner on the PATH and keeps what it prints. */
function recorder(): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  const real = programs.find(({ name }) => name === 'osv-scanner')?.path ?? '';
  writeFileSync(join(bin, 'osv-scanner'), `#!/bin/sh\n"${real}" "$@" > "${recordPath}"\ncode=$?\ncat "${recordPath}"\nexit $code\n`);
  chmodSync(join(bin, 'osv-scanner'), 0o755);
  return bin;
}
const path = [...programs.map(({ path: program }) => dirname(program ?? '')), process.env['PATH']].join(delimiter);
const env = { PATH: [recorder(), path].join(delimiter), HOME: join(dir, 'home'), XDG_CACHE_HOME: cacheDir };

let stack: Stack;
let registry: RegistryClient;
before(async () => {
  writeOsvDatabase(cacheDir, advisories);
  stack = await startStack({ dir: join(dir, 'stack'), env: { SCANNER: 'osv', PATH: path, XDG_CACHE_HOME: cacheDir } });
  registry = createRegistryClient({ name: 'a', host: stack.registryA, plainHttp: true });
});
after(async () => {
  await registry.close();
  await stack.stop();
  rmSync(dir, { recursive: true, force: true });
});

const scratchDir = join(dir, 'scratch');
async function scan(image: { repository: string; digest: string; host?: string }, options: Partial<ScannerOptions> = {}): Promise<Verdict> {
  const scanner = createScanner({ command: 'osv', scratchDir, timeoutMs: 60_000, env, ...options });
  const { repository, digest, host = stack.registryA } = image;
  return scanner.scan({ registry: host, repository, digest }, new AbortController().signal);
}
async function push(repository: string, files: Readonly<Record<string, string>>, architecture?: string) {
  const { digest } = await pushImage({ client: registry, repository }, await imageOf(files, architecture));
  return { repository, digest };
}
const failsWith = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof JobError, String(error));
  assert.equal(error.code, 'SCANNER_FAILED');
  assert.match(error.message, message);
  return true;
};
/** What is the same in every recording: no path, time or id of one run. */
function assertGolden(name: string): void {
  const text = readFileSync(recordPath, 'utf8').replaceAll(/"path": ".*\//g, '"path": "/scratch/');
  if (process.env['UPDATE_GOLDEN']) writeFileSync(join(fixtures, name), text);
  assert.equal(text, readFileSync(join(fixtures, name), 'utf8'));
}

describe('the osv scanner on a real image', () => {
  it('finds what the database knows of its npm, Python and Debian packages, rated in each of the ways that there are', async () => {
    const { findings, counts, worstSeverity } = await scan(await push('demo/vulnerable', vulnerableFiles));
    assert.deepEqual(
      findings.map(({ id, severity, package: name, fixedVersion }) => `${severity} ${id} in ${name}, fixed in ${fixedVersion}`),
      [
        'critical CVE-2021-44906 in minimist, fixed in 1.2.6',
        'critical GHSA-bbbb-cccc-dddd in sample-rated, fixed in 6.2.2',
        'critical GHSA-cccc-dddd-eeee in sample-rated, fixed in null',
        'critical MAL-2024-0001 in sample-malicious, fixed in null',
        'high UBUNTU-CVE-2026-1 in sample-rated, fixed in null',
        'medium CVE-2014-0012 in jinja2, fixed in 2.7.2',
        'medium GHSA-aaaa-bbbb-cccc in sample-rated, fixed in 6.2.1',
        'unknown CVE-2023-0464 in openssl, fixed in 3.0.9-1',
        'unknown GHSA-eeee-ffff-gggg in sample-rated, fixed in null',
      ],
    );
    assert.deepEqual([worstSeverity, counts], ['critical', { critical: 4, high: 1, medium: 2, low: 0, unknown: 2 }]);
    assertGolden('osv.json');
  });

  it('finds nothing where there are no packages', async () => {
    assert.equal((await scan(await push('demo/empty', { hello: 'world' }))).worstSeverity, 'none');
    assertGolden('osv-empty.json');
  });

  it('reads the image of another architecture than this machine’s', async () =>
    assert.equal((await scan(await push('demo/s390x', vulnerableFiles, 's390x'))).worstSeverity, 'critical'));

  it('says what is missing: the image, or the database of one ecosystem', async () => {
    await assert.rejects(scan({ repository: 'demo/none', digest: `sha256:${'0'.repeat(64)}` }), failsWith(/MANIFEST_UNKNOWN/));
    const npmOnly = join(dir, 'npm-only');
    writeOsvDatabase(
      npmOnly,
      advisories.filter(({ ecosystem }) => ecosystem === 'npm'),
    );
    const options = { env: { ...env, XDG_CACHE_HOME: npmOnly } };
    await assert.rejects(
      scan(await push('demo/vulnerable', vulnerableFiles), options),
      failsWith(/no offline version of the OSV database/),
    );
  });

  it('reads a registry by plain HTTP and with a password only where it is told to', async () => {
    const image = await push('demo/guarded', vulnerableFiles);
    const guarded = await guardRegistry(stack.registryA, 'robot:hunter2-hunter2');
    try {
      const scanWith = (access: RegistryAccess) => scan({ ...image, host: guarded.host }, { accessOf: async () => access });
      const credentials = { username: 'robot', password: 'hunter2-hunter2' };
      assert.equal((await scanWith({ plainHttp: true, ...credentials })).worstSeverity, 'critical');
      await assert.rejects(scanWith({ plainHttp: true }), failsWith(/UNAUTHORIZED|authentication required/));
      await assert.rejects(scanWith({ plainHttp: false, ...credentials }), failsWith(/HTTP response to HTTPS client/));
    } finally {
      guarded.close();
    }
  });

  it('leaves nothing behind', () => assert.deepEqual(readdirSync(scratchDir), []));
});

describe('a push through all of Waybill with the real osv scanner', () => {
  type Trace = { journeys: readonly { outcome: { final: boolean; status: string; text: string }; steps: readonly { text: string }[] }[] };
  async function journeyOf(repository: string, files: Readonly<Record<string, string>>) {
    await pushImage({ client: registry, repository, tag: 'v1' }, await imageOf(files));
    const url = `${stack.apiUrl}/v1/trace?image=${encodeURIComponent(`${stack.registryA}/${repository}:v1`)}`;
    const read = async () => {
      const response = await fetch(url);
      return response.ok ? ((await response.json()) as Trace).journeys[0] : undefined;
    };
    const journey = await eventually(read, (found) => found?.outcome.final === true);
    assert.ok(journey?.outcome.final, `${repository} has come to no end: ${JSON.stringify(journey)}\n${stack.logs('scanner')}`);
    return journey;
  }

  it('copies an image that has a finding within the bound, and says what was found', async () => {
    const { outcome, steps } = await journeyOf('demo/sound', pythonPackage);
    assert.match(outcome.text, /copied/, JSON.stringify(outcome));
    assert.ok(
      steps.some(({ text }) => /scanned by osv: 1 medium/.test(text)),
      JSON.stringify(steps),
    );
  });

  it('keeps an image with a critical finding where it is', async () => {
    const { outcome, steps } = await journeyOf('demo/unsound', npmPackage('minimist', '1.2.5'));
    assert.match(outcome.text, /findings of severity critical/, JSON.stringify(outcome));
    assert.ok(
      steps.some(({ text }) => /scanned by osv: 1 critical/.test(text)),
      JSON.stringify(steps),
    );
  });
});
