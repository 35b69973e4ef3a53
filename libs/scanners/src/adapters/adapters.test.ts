import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { scratchOf, target } from '../testing.fixture.ts';
import { findAdapter } from './find.ts';

// Goal: what each tool prints always becomes the same findings, and what is no report of that tool becomes an error, never a pass.
const fixtures = `${import.meta.dirname}/../../../../test/fixtures/scanners`;
const fixture = (name: string): unknown => JSON.parse(readFileSync(`${fixtures}/${name}.json`, 'utf8'));
const template = 'acme-scan --json {image}';

describe('a recorded report', () => {
  it('of grype gives its matches, negligible as low', () =>
    assert.deepEqual(findAdapter('grype').parse(fixture('grype')), {
      scanner: 'grype',
      scannerVersion: '0.92.0',
      findings: [
        { id: 'GHSA-jfh8-c2jp-5v3q', severity: 'critical', package: 'log4j-core', version: '2.14.1', fixedVersion: '2.15.0' },
        { id: 'CVE-2023-0464', severity: 'high', package: 'openssl', version: '3.0.8-1', fixedVersion: null },
        { id: 'CVE-2011-3374', severity: 'low', package: 'apt', version: '2.6.1', fixedVersion: null },
      ],
    }));

  it('of grype may leave a severity out', () => {
    const report = fixture('grype') as { matches: { vulnerability: { severity?: string } }[] };
    delete report.matches[0]!.vulnerability.severity;
    assert.equal(findAdapter('grype').parse(report).findings[0]?.severity, 'unknown');
  });

  it('of trivy gives the findings of all results', () =>
    assert.deepEqual(findAdapter('trivy').parse(fixture('trivy')), {
      scanner: 'trivy',
      scannerVersion: '0.65.0',
      findings: [
        { id: 'CVE-2023-0464', severity: 'high', package: 'openssl', version: '3.0.8-1', fixedVersion: '3.0.9-1' },
        { id: 'CVE-2026-7777', severity: 'unknown', package: 'zlib1g', version: '1:1.2.13', fixedVersion: null },
      ],
    }));

  it('of osv-scanner gives one finding per group of advisories that are the same', () => {
    const { findings, ...rest } = findAdapter('osv').parse(fixture('osv'));
    assert.deepEqual(rest, { scanner: 'osv', scannerVersion: null });
    assert.deepEqual(findings[0], { id: 'CVE-2014-0012', severity: 'medium', package: 'jinja2', version: '2.4.1', fixedVersion: '2.7.2' });
    assert.equal(findings.length, 9);
  });

  it('of osv-scanner is rated by score, else by what the advisory says of the package, else by its words; malice is critical', () => {
    const { findings } = findAdapter('osv').parse(fixture('osv'));
    const severityOf = (id: string): string | undefined => findings.find((finding) => finding.id === id)?.severity;
    assert.equal(severityOf('CVE-2021-44906'), 'critical'); // CVSS v3
    assert.equal(severityOf('GHSA-cccc-dddd-eeee'), 'critical'); // CVSS v4; its word is LOW
    assert.equal(severityOf('GHSA-bbbb-cccc-dddd'), 'critical'); // CVSS v3 of the package alone
    assert.equal(severityOf('MAL-2024-0001'), 'critical');
    assert.equal(severityOf('UBUNTU-CVE-2026-1'), 'high');
    assert.equal(severityOf('GHSA-aaaa-bbbb-cccc'), 'medium');
    assert.equal(severityOf('CVE-2023-0464'), 'unknown');
  });

  it('of osv-scanner holds words that any database may have put in any shape', () => {
    const report = structuredClone(fixture('osv')) as { results: { packages: { vulnerabilities: { database_specific?: unknown }[] }[] }[] };
    for (const { vulnerabilities } of report.results[0]!.packages)
      for (const vulnerability of vulnerabilities) vulnerability.database_specific = { severity: [{ level: 9 }] };
    assert.equal(findAdapter('osv').parse(report).findings.length, 9);
  });

  it('of osv-scanner on an image without packages finds nothing', () =>
    assert.deepEqual(findAdapter('osv').parse(fixture('osv-empty')).findings, []));

  it('of sysdig joins findings and packages, also where a package is missing', () =>
    assert.deepEqual(findAdapter('sysdig').parse(fixture('sysdig')), {
      scanner: 'sysdig',
      scannerVersion: '1.22.0',
      findings: [
        { id: 'CVE-2023-0464', severity: 'high', package: 'openssl', version: '3.0.8-1', fixedVersion: '3.0.9-1' },
        { id: 'CVE-2011-3374', severity: 'low', package: 'p9', version: '', fixedVersion: null },
      ],
    }));

  it('in our own format takes words of other scanners; a word nobody knows is unknown', () =>
    assert.deepEqual(findAdapter(template).parse(fixture('template')), {
      scanner: 'acme',
      scannerVersion: '2.1',
      findings: [
        { id: 'ACME-1', severity: 'high', package: 'bash', version: '5.1', fixedVersion: null },
        { id: 'ACME-2', severity: 'unknown', package: 'zsh', version: '', fixedVersion: null },
      ],
    }));
});

describe('what is no report', () => {
  const foreign = [null, [], {}, 'ok', 0, { results: {} }, { matches: null }, { error: 'database is missing' }, { findings: 'none' }];
  for (const name of ['osv', 'grype', 'trivy', 'sysdig', template]) {
    it(`is refused by ${name}`, () => {
      for (const report of foreign) assert.throws(() => findAdapter(name).parse(report), `${JSON.stringify(report)} passed as a report`);
    });

    it(`of another tool is refused by ${name}`, () => {
      const others = ['grype', 'trivy', 'osv', 'sysdig', 'template'].filter((other) => other !== (name === template ? 'template' : name));
      for (const other of others) assert.throws(() => findAdapter(name).parse(fixture(other)), `took a report of ${other}`);
    });
  }
});

describe('a command line', () => {
  const env = { SECURE_API_URL: 'https://sysdig.test' };
  const image = 'registry.test/demo/app@' + target.digest;

  it('names the image by digest and its registry, for every adapter', () => {
    assert.deepEqual(findAdapter('grype').argv(target, scratchOf('/s'), env), ['grype', `registry:${image}`, '-o', 'json']);
    assert.equal(findAdapter('trivy').argv(target, scratchOf('/s'), env).at(-1), image);
    assert.deepEqual(findAdapter('osv').argv(target, scratchOf('/s'), env).slice(-2), ['-L', '/s/bom.cdx.json']);
    assert.deepEqual(findAdapter('sysdig').argv(target, scratchOf('/s'), env), [
      ...['sysdig-cli-scanner', '--apiurl', 'https://sysdig.test'],
      ...['--output=json-file=/s/report.json', `pull://${image}`],
    ]);
  });

  it('of sysdig keeps its database where the next scan finds it', () => {
    const databaseOf = (more: Record<string, string>) =>
      findAdapter('sysdig')
        .argv(target, scratchOf('/s'), { ...env, ...more })
        .find((argument) => argument.startsWith('--dbpath'));
    assert.equal(databaseOf({ HOME: '/h' }), '--dbpath=/h/.cache/sysdig-cli-scanner/');
    assert.equal(databaseOf({ HOME: '/h', XDG_CACHE_HOME: '/c' }), '--dbpath=/c/sysdig-cli-scanner/');
  });

  it('of trivy lets several run at the same time, unless the operator has chosen a cache that does', () => {
    const cacheOf = (more: Record<string, string>) => findAdapter('trivy').argv(target, scratchOf('/s'), more).includes('--cache-backend');
    assert.deepEqual([cacheOf({}), cacheOf({ TRIVY_CACHE_BACKEND: 'redis://cache.test' })], [true, false]);
  });

  it('of one that is not known says what there is', () => {
    assert.throws(() => findAdapter('clair'), /osv, grype, trivy, sysdig, or a command with \{image\}/);
    assert.throws(() => findAdapter('scan {tag}'), /\{tag\} is no placeholder/);
    assert.throws(() => findAdapter('./scan.sh {image}'), /must be an absolute path/);
    assert.throws(() => findAdapter('constructor'), /it takes/);
  });
});
