import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ImageEvidence } from '@waybill/domain';
import { digestOf, nowMs, published, startPolicy, type Happening } from './testing.fixture.ts';

// Goal: what policies can require is there to be required, from the events of inspector and scanner.
const [d1, d2, amd] = [digestOf('1'), digestOf('2'), digestOf('a')] as const;
const spdx = 'application/spdx+json';
const push: Happening = { push: 'p1', tags: ['v1'], digest: d1 };
const inspection: Happening = { inspected: d1, of: 'p1', tags: ['v1'], platforms: [amd] };
const sbom: Happening = { inspected: d2, of: 'p2', platforms: [], kind: 'artifact', artifactType: spdx, subject: d1 };
const attestation = (...attests: readonly string[]): Happening => ({
  ...{ inspected: d2, of: 'p2', platforms: [], kind: 'artifact', artifactType: 'application/vnd.test.attestation', subject: d1, attests },
});
const scan: Happening = { scanned: amd, in: d1, worst: 'critical', found: ['CVE-1'] };

const document = (kind: string, name: string, spec: string): string =>
  `{ apiVersion: waybill/v1, kind: ${kind}, metadata: { name: ${name} }, spec: ${spec} }`;
const requiring = (require: string) =>
  published('p', document('ReplicationPolicy', 'p', `{ match: {}, require: ${require}, replicate: [{ registry: b }] }`));
const exception = published(
  'exception/e',
  document('Exception', 'e', '{ finding: CVE-1, owner: o, reason: r, expiresAt: "2026-02-01T00:00Z" }'),
);

type Rule = { readonly rule: string; readonly require: string; readonly when: readonly Happening[]; readonly then: string };
const rules: readonly Rule[] = [
  {
    rule: 'an SBOM that is attached before the inspection is there',
    require: '{ sbom: {} }',
    when: [push, { ...inspection, attached: [spdx] }],
    then: 'allowed',
  },
  { rule: 'no SBOM denies', require: '{ sbom: {} }', when: [push, inspection], then: 'denied' },
  { rule: 'an SBOM that is attached later lets it go after all', require: '{ sbom: {} }', when: [push, inspection, sbom], then: 'allowed' },
  { rule: 'one that comes before its image waits for it', require: '{ sbom: {} }', when: [sbom, push, inspection], then: 'allowed' },
  {
    rule: 'an SBOM in another format does not',
    require: '{ sbom: { formats: [cyclonedx] } }',
    when: [push, inspection, sbom],
    then: 'denied',
  },
  {
    rule: 'what is attached and is no SBOM is none',
    require: '{ sbom: {} }',
    when: [push, { ...inspection, attached: ['application/vnd.test.signature', 'text/plain'] }],
    then: 'denied',
  },
  {
    rule: 'an SBOM of another image is none of this one',
    require: '{ sbom: {} }',
    when: [push, inspection, { ...sbom, subject: digestOf('9') }],
    then: 'denied',
  },
  {
    rule: 'an SBOM that an index holds for its platforms is one',
    require: '{ sbom: { formats: [spdx] } }',
    when: [push, { ...inspection, attests: ['https://spdx.dev/Document', 'https://slsa.dev/provenance/v1'] }],
    then: 'allowed',
  },
  {
    rule: 'provenance is none',
    require: '{ sbom: {} }',
    when: [push, { ...inspection, attests: ['https://slsa.dev/provenance/v1', 'https://spdx.developers.test/Document'] }],
    then: 'denied',
  },
  {
    rule: 'an SBOM that is attested to it later is one, also beside another of the same artifact',
    require: '{ sbom: { formats: [cyclonedx] } }',
    when: [push, inspection, attestation('https://cyclonedx.org/bom/v1.6', 'https://syft.dev/bom')],
    then: 'allowed',
  },
  {
    rule: 'what an artifact attests to its subject is nothing about itself',
    require: '{ sbom: {} }',
    when: [
      { push: 'p1', tags: ['v1'], digest: d2 },
      { inspected: d2, of: 'p1', tags: ['v1'], platforms: [], kind: 'artifact', subject: d1, attests: ['https://spdx.dev/Document'] },
    ],
    then: 'denied',
  },
  { rule: 'a finding that nobody wants denies', require: '{ noFindings: [CVE-1] }', when: [push, inspection, scan], then: 'denied' },
  {
    rule: 'a finding that is not on the list does not',
    require: '{ noFindings: [CVE-2] }',
    when: [push, inspection, scan],
    then: 'allowed',
  },
  {
    rule: 'a verdict that leaves findings out proves nothing',
    require: '{ noFindings: [CVE-2] }',
    when: [push, inspection, { ...scan, omitted: 1 }],
    then: 'denied',
  },
  {
    rule: 'a verdict of an earlier version, which lists nothing, is waited for anew',
    require: '{ noFindings: [CVE-2] }',
    when: [push, inspection, { scanned: amd, in: d1, worst: 'low' }],
    then: 'held',
  },
];

describe('from what inspector and scanner say', () => {
  for (const { rule, require, when, then } of rules)
    it(rule, () => {
      const started = startPolicy({ p: requiring(require) });
      started.when(...when);
      const row = started.row('v1');
      assert.ok(row);
      assert.equal(row.status, then, row.reason);
    });

  it('a finding that somebody answers for lets it go, and the decision says who', () => {
    const started = startPolicy({ p: requiring('{ scan: { withinHours: 24, worstSeverity: high } }'), 'exception/e': exception });
    started.when(push, inspection, scan);
    const [decision] = started.decisions();
    assert.equal(decision?.reason, 'scanned, worst severity critical (at most high); accepted: CVE-1 by exception/e');
    assert.deepEqual(decision.exceptionIds, ['exception/e']);
  });

  it('the findings of a row are bounded, in shares that do not depend on the order of scans', () => {
    const found = Array.from({ length: 200 }, (_, i) => `CVE-${i}`);
    const platforms = Array.from({ length: 50 }, (_, i) => `sha256:${String(i).padStart(64, '0')}`);
    const scans = platforms.map((platform): Happening => ({ scanned: platform, in: d1, worst: 'low', found, scannedAt: nowMs }));
    const omitted = [scans, scans.toReversed()].map((each) => {
      const started = startPolicy({ p: requiring('{ noFindings: [CVE-150] }') });
      started.when(push, { ...inspection, platforms }, ...each);
      assert.equal(started.row('v1')?.status, 'denied');
      const row = started.driver.row('evidence', `a.test/demo/app@${d1}`) as ImageEvidence;
      assert.equal(
        row.scans.reduce((sum, { findings }) => sum + findings!.length, 0),
        5_000,
      );
      return row.scans.map(({ findingsOmitted }) => findingsOmitted);
    });
    assert.deepEqual(omitted[0], omitted[1]);
    assert.deepEqual(new Set(omitted[0]), new Set([100]));
  });
});
