import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluate, type Decision } from '../evaluate.ts';
import type { Evidence, ScanFact } from '../evidence.ts';
import { parsePolicy } from '../policy.ts';
import { compileSet } from '../set/compiled-set.ts';
import { amd64, arm64, document, evidence, hour, index, nowMs, policy, scanned } from '../testing.fixture.ts';

const key = `sha256:${'7'.repeat(64)}`;
const [ours, theirs] = [
  { issuer: 'https://ci.test', subject: 'https://git.test/acme/app/release.yml@refs/heads/main' },
  { issuer: 'https://other.test', subject: 'https://git.test/acme/app/release.yml@refs/heads/main' },
];
const signers = [{ issuer: 'https://ci.test', subject: 'https://git.test/acme/**' }, { key }];
const found = (digest: string, ...ids: readonly string[]): ScanFact => ({
  ...scanned(digest, 'high'),
  findings: ids.map((id) => ({ id, severity: 'high' })),
});
const scans = (...ids: readonly string[]) => ({ scans: [found(amd64, ...ids), found(arm64)] });
const artifact: Evidence['inspection'] = { status: 'done', kind: 'artifact', labels: {}, platformDigests: [] };
const missing: Evidence['inspection'] = { status: 'missing' };

type Rule = {
  readonly rule: string;
  readonly require: object;
  readonly when?: Partial<Evidence>;
  readonly then: Partial<Decision> | Decision['code'];
};
const rules: readonly Rule[] = [
  {
    rule: 'a registry that is allowed is enough, and known before anything is read',
    require: { registries: ['b.test', 'a.test'] },
    then: { outcome: 'allow', reason: 'lies in registry a.test' },
  },
  {
    rule: 'another registry denies at once',
    require: { registries: ['b.test', 'a.test:5000'] },
    when: { inspection: missing },
    then: { code: 'REGISTRY_NOT_ALLOWED', reason: 'registry a.test is not among b.test, a.test:5000, which are allowed' },
  },
  { rule: 'latest can be forbidden', require: { tag: { notLatest: true } }, when: { tag: 'latest' }, then: 'TAG_FORBIDDEN' },
  {
    rule: 'latest is that word alone, in lower case',
    require: { tag: { notLatest: true } },
    when: { tag: 'latest-1' },
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'tags can be forbidden by pattern, beside latest',
    require: { tag: { notLatest: true, noneOf: ['nightly-*', { regex: 'v[0-9]+' }] } },
    then: { code: 'TAG_FORBIDDEN', reason: 'tag v1 is forbidden by regex v[0-9]+: give the image one that is not' },
  },
  {
    rule: 'nothing of a list may have been found in any platform',
    require: { noFindings: ['CVE-1', 'CVE-2'] },
    when: { scans: [found(amd64), found(arm64, 'CVE-3', 'CVE-2')] },
    then: { outcome: 'deny', code: 'FINDING_PRESENT', reason: `${arm64} has CVE-2` },
  },
  {
    rule: 'what was found and is not on the list is no matter',
    require: { noFindings: ['CVE-1'] },
    when: scans('CVE-2'),
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'a finding whose name begins like one of the list is another',
    require: { noFindings: ['CVE-1'] },
    when: scans('CVE-10', 'cve-1'),
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'a list that leaves findings out proves no absence',
    require: { noFindings: ['CVE-1'] },
    when: { scans: [{ ...found(amd64, 'CVE-2'), findingsOmitted: 3 }, found(arm64)] },
    then: { code: 'FINDINGS_OMITTED', reason: `${amd64} has 3 findings that its scan does not list, so that CVE-1 cannot be ruled out` },
  },
  {
    rule: 'what is there for certain is said before what cannot be ruled out',
    require: { noFindings: ['CVE-1', 'CVE-2'] },
    when: { scans: [{ ...found(amd64, 'CVE-3'), findingsOmitted: 3 }, found(arm64, 'CVE-1')] },
    then: { code: 'FINDING_PRESENT', reason: `${arm64} has CVE-1` },
  },
  {
    rule: 'a verdict that does not list its findings is waited for anew',
    require: { noFindings: ['CVE-1'] },
    when: { scans: [scanned(amd64, 'low'), found(arm64)] },
    then: { outcome: 'held', awaiting: [`scan of ${amd64} (the last does not list what it found)`] },
  },
  {
    rule: 'a verdict that found nothing has nothing to list',
    require: { noFindings: ['CVE-1'] },
    when: { scans: [scanned(amd64, 'none'), scanned(arm64, 'none')] },
    then: 'REQUIREMENTS_MET',
  },
  { rule: 'a list of findings wants a scan', require: { noFindings: ['CVE-1'] }, when: { scans: [] }, then: 'FACTS_AWAITED' },
  {
    rule: 'a failed scan proves nothing',
    require: { noFindings: ['CVE-1'] },
    when: { scans: [{ ...found(amd64), outcome: 'failed' }, found(arm64)] },
    then: 'SCAN_FAILED',
  },
  {
    rule: 'what has no platform is not scanned, and so is not free of findings',
    require: { noFindings: ['CVE-1'] },
    when: { inspection: artifact, scans: [] },
    then: 'NOTHING_TO_SCAN',
  },
  {
    rule: 'findings over the bound are named',
    require: { scan: { withinHours: 24, worstSeverity: 'medium' } },
    when: { scans: [{ ...found(amd64, 'CVE-1', 'CVE-2'), findingsOmitted: 7 }, found(arm64, 'CVE-3')] },
    then: {
      code: 'SEVERITY_TOO_HIGH',
      reason:
        `${amd64} has findings of severity high (at most medium): CVE-1, CVE-2, 7 that are not listed; ` +
        `${arm64} has findings of severity high (at most medium): CVE-3`,
    },
  },
  { rule: 'an SBOM is waited for until somebody has looked', require: { sbom: {} }, then: { outcome: 'held', awaiting: ['sbom'] } },
  { rule: 'no SBOM denies', require: { sbom: {} }, when: { sboms: [] }, then: 'SBOM_MISSING' },
  {
    rule: 'any SBOM is enough where no format is asked for',
    require: { sbom: {} },
    when: { sboms: [{ digest: index, format: 'unknown' }] },
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'an SBOM in another format denies, saying which there is',
    require: { sbom: { formats: ['spdx', 'cyclonedx'] } },
    when: { sboms: [{ digest: index, format: 'syft' }] },
    then: { code: 'SBOM_MISSING', reason: 'it does not have an SBOM as spdx or cyclonedx, only as syft: attach one to its digest' },
  },
  {
    rule: 'signatures are waited for until somebody has verified them',
    require: { signedBy: signers },
    then: { outcome: 'held', awaiting: ['signatures'] },
  },
  { rule: 'no signature denies', require: { signedBy: signers }, when: { signatures: [] }, then: 'SIGNATURE_MISSING' },
  {
    rule: 'one signature by one of those who are named is enough, whatever others there are',
    require: { signedBy: signers },
    when: { signatures: [theirs, ours] },
    then: { outcome: 'allow', reason: `is signed by ${ours.subject} (https://ci.test)` },
  },
  { rule: 'a key is known by its fingerprint', require: { signedBy: signers }, when: { signatures: [{ key }] }, then: 'REQUIREMENTS_MET' },
  {
    rule: 'an identity counts only from the issuer that is named with it',
    require: { signedBy: signers },
    when: { signatures: [theirs] },
    then: {
      code: 'SIGNER_NOT_ACCEPTED',
      reason: `it is signed by ${theirs.subject} (https://other.test), and the policy accepts none of these`,
    },
  },
  {
    rule: 'one * of a subject stays within a segment',
    require: { signedBy: [{ issuer: 'https://ci.test', subject: 'https://git.test/*' }] },
    when: { signatures: [ours] },
    then: 'SIGNER_NOT_ACCEPTED',
  },
  {
    rule: 'a key that calls itself as the fingerprint of another is none of those',
    require: { signedBy: [{ key }] },
    when: { signatures: [{ issuer: key, subject: key }] },
    then: 'SIGNER_NOT_ACCEPTED',
  },
  {
    rule: 'all that is awaited is said at once, each once',
    require: { labels: { team: '*' }, scan: { withinHours: 24, worstSeverity: 'high' }, sbom: {}, signedBy: signers },
    when: { inspection: missing },
    then: { outcome: 'held', awaiting: ['inspection', 'sbom', 'signatures'] },
  },
  {
    rule: 'a bad fact denies, whatever is still awaited',
    require: { scan: { withinHours: 24, worstSeverity: 'high' }, sbom: {}, signedBy: signers },
    when: { scans: [], signatures: [] },
    then: 'SIGNATURE_MISSING',
  },
  {
    rule: 'a failed inspection denies before all else',
    require: { registries: ['b.test'] },
    when: { inspection: { status: 'failed', reason: 'gone' } },
    then: 'INSPECTION_FAILED',
  },
  {
    rule: 'all together let it go, and say so',
    require: {
      registries: ['a.test'],
      tag: { notLatest: true },
      labels: { team: 'core' },
      noFindings: ['CVE-9'],
      sbom: {},
      signedBy: signers,
    },
    when: { ...scans('CVE-1'), sboms: [{ digest: index, format: 'spdx' }], signatures: [{ key }] },
    then: {
      outcome: 'allow',
      reason:
        'lies in registry a.test; has tag v1; has all labels that are required; CVE-9 was not found; has an SBOM (spdx); ' +
        `is signed by key ${key}`,
    },
  },
];

describe('what a policy requires', () => {
  for (const { rule, require, when, then } of rules)
    it(rule, () => {
      const decision = evaluate(compileSet([policy('p', { require })]), evidence(when), nowMs);
      for (const [field, value] of Object.entries(typeof then === 'string' ? { code: then } : then))
        assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  it('holds until the first scan is too old, to the millisecond', () => {
    const set = compileSet([policy('p', { require: { scan: { withinHours: 1, worstSeverity: 'high' } } })]);
    const image = evidence({ scans: [scanned(amd64, 'low', nowMs), scanned(arm64, 'low', nowMs - 20)] });
    const outcomes = [nowMs - 20 + hour, nowMs - 20 + hour + 1].map((atMs) => evaluate(set, image, atMs).outcome);
    assert.deepEqual(outcomes, ['allow', 'held']);
  });

  it('that cannot be read is told with its place', () => {
    const faultsOf = (require: object): string => {
      const parsed = parsePolicy(document('p', { require }));
      return parsed.ok ? 'none' : parsed.faults.join('\n');
    };
    assert.match(faultsOf({ tag: { noneOf: [{ regex: '(' }] } }), /^spec\.require\.tag\.noneOf\.0 /);
    assert.match(faultsOf({ tag: {} }), /^spec\.require\.tag /);
    const signer = /^spec\.require\.signedBy\.0 needs issuer and subject, or key alone$/;
    for (const wrong of [{ issuer: 'i' }, { subject: 's' }, { key, subject: 's' }]) assert.match(faultsOf({ signedBy: [wrong] }), signer);
    assert.match(faultsOf({ signedBy: [{ key: 'sha256:short' }] }), /^spec\.require\.signedBy\.0\.key /);
    for (const unreadable of [
      { noFindings: [] },
      { noFindings: ['a b'] },
      { sbom: { formats: ['pdf'] } },
      { digestOnly: false },
      { other: 1 },
    ])
      assert.match(faultsOf(unreadable), /^spec\.require/);
  });
});
