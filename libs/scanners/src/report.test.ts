import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { severityOfScore, summarize, type Severity } from './report.ts';

const finding = (id: string, severity: Severity) => ({ id, severity, package: 'p', version: '1', fixedVersion: null });

describe('a summary', () => {
  it('counts all findings, keeps the 200 worst and says how many it left out', () => {
    const low = Array.from({ length: 500 }, (_, i) => finding(`CVE-${i}`, 'low'));
    const summary = summarize([...low, finding('CVE-X', 'critical')]);
    assert.deepEqual(summary.counts, { critical: 1, high: 0, medium: 0, low: 500, unknown: 0 });
    assert.equal(summary.worstSeverity, 'critical');
    assert.equal(summary.findings.length, 200);
    assert.equal(summary.findings[0]?.id, 'CVE-X');
    assert.equal(summary.findingsOmitted, 301);
  });

  it('is the same whatever order the scanner prints in', () => {
    const findings = [finding('b', 'high'), finding('a', 'high'), finding('c', 'unknown'), finding('d', 'critical')];
    assert.deepEqual(summarize(findings), summarize(findings.toReversed()));
    assert.deepEqual(
      summarize(findings).findings.map(({ id }) => id),
      ['d', 'a', 'b', 'c'],
    );
  });

  it('of nothing is none, and of unscored findings unknown', () => {
    assert.equal(summarize([]).worstSeverity, 'none');
    assert.equal(summarize([finding('a', 'unknown')]).worstSeverity, 'unknown');
  });

  it('bounds every text, so that an event stays small', () => {
    const text = 'x'.repeat(1_000_000);
    const huge = Array.from({ length: 1000 }, () => ({ ...finding(text, 'high'), package: text, version: text, fixedVersion: text }));
    assert.ok(JSON.stringify(summarize(huge)).length < 256 * 1024);
  });
});

describe('a CVSS score', () => {
  it('rates as the specification says', () =>
    assert.deepEqual([10, 9, 8.9, 7, 6.9, 4, 3.9, 0.1, 0].map(severityOfScore), [
      ...['critical', 'critical', 'high', 'high', 'medium', 'medium', 'low', 'low', 'low'],
    ]));

  it('that is none is unknown', () => assert.deepEqual([Number.NaN, -1, 11, Infinity].map(severityOfScore), Array(4).fill('unknown')));
});
