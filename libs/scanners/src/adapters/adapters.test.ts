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

  it('of trivy gives the findings of all results', () =>
    assert.deepEqual(findAdapter('trivy').parse(fixture('trivy')), {
      scanner: 'trivy',
      scannerVersion: '0.65.0',
      findings: [
        { id: 'CVE-2023-0464', severity: 'high', package: 'openssl', version: '3.0.8-1', fixedVersion: '3.0.9-1' },
        { id: 'CVE-2026-7777', severity: 'unknown', package: 'zlib1g', version: '1:1.2.13', fixedVersion: null },
      ],
    }));

  it('of osv-scanner gives one finding per group, scored by CVSS, and malicious packages as critical', () =>
    assert.deepEqual(findAdapter('osv').parse(fixture('osv')), {
      scanner: 'osv',
      scannerVersion: null,
      findings: [
        { id: 'CVE-2021-44906', severity: 'critical', package: 'minimist', version: '1.2.5', fixedVersion: '1.2.6' },
        { id: 'MAL-2024-0001', severity: 'critical', package: 'left-pat', version: '0.0.1', fixedVersion: null },
        { id: 'GHSA-aaaa-bbbb-cccc', severity: 'unknown', package: 'tar', version: '6.0.0', fixedVersion: null },
      ],
    }));

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
    assert.deepEqual(findAdapter('grype').argv(target, scratchOf('/s'), env), ['grype', `registry:${image}`, '-o', 'json', '-q']);
    assert.equal(findAdapter('trivy').argv(target, scratchOf('/s'), env).at(-1), image);
    assert.deepEqual(findAdapter('osv').argv(target, scratchOf('/s'), env).slice(-2), ['-L', '/s/bom.cdx.json']);
    assert.deepEqual(findAdapter('sysdig').argv(target, scratchOf('/s'), env), [
      ...['sysdig-cli-scanner', '--apiurl', 'https://sysdig.test'],
      ...['--output=json-file=/s/report.json', `pull://${image}`],
    ]);
  });

  it('of one that is not known says what there is', () => {
    assert.throws(() => findAdapter('clair'), /osv, grype, trivy, sysdig, or a command with \{image\}/);
    assert.throws(() => findAdapter('scan {tag}'), /\{tag\} is no placeholder/);
    assert.throws(() => findAdapter('./scan.sh {image}'), /must be an absolute path/);
    assert.throws(() => findAdapter('constructor'), /it takes/);
  });
});
