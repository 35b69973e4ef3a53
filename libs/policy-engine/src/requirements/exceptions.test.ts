import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentOf } from '../document.fixture.ts';
import { evaluate, type Decision } from '../evaluate.ts';
import type { Evidence, ScanFact } from '../evidence.ts';
import { compileRulebook, parseDocument, withDocument, withoutDocument, type Document } from '../rulebook.ts';
import { amd64, arm64, evidence, exception, nowMs, policy, scanned } from '../testing.fixture.ts';

const expiresAtMs = Date.UTC(2026, 1, 1);
const ownSpec = { owner: 'acme', reason: 'not reachable', expiresAt: '2026-02-01T00:00Z' };
const lists = policy('p', { require: { noFindings: ['CVE-1', 'CVE-2'] } });
const bounds = policy('p', { require: { scan: { withinHours: 87_600, worstSeverity: 'medium' } } });
const found = (severities: Readonly<Record<string, string>>, more: Partial<ScanFact> = {}): Partial<Evidence> => {
  const findings = Object.entries(severities).map(([id, severity]) => ({ id, severity }));
  return { scans: [{ ...scanned(amd64, findings[0]!.severity), findings, ...more }, scanned(arm64, 'none')] };
};

type Rule = {
  readonly rule: string;
  readonly given: readonly Document[];
  readonly when: Partial<Evidence>;
  readonly atMs?: number;
  readonly then: Partial<Decision> | Decision['code'];
};
const rules: readonly Rule[] = [
  {
    rule: 'lets go what was found, and is named',
    given: [lists, exception('web')],
    when: found({ 'CVE-1': 'high' }),
    then: {
      outcome: 'allow',
      reason: 'CVE-1, CVE-2 were not found; accepted: CVE-1 by exception/web',
      exceptionIds: ['exception/web'],
    },
  },
  {
    rule: 'lets go what was found above the severity that is accepted',
    given: [bounds, exception('web')],
    when: found({ 'CVE-1': 'critical', 'CVE-3': 'medium' }),
    then: { outcome: 'allow', reason: 'scanned, worst severity critical (at most medium); accepted: CVE-1 by exception/web' },
  },
  {
    rule: 'is about one finding',
    given: [bounds, exception('web')],
    when: found({ 'CVE-1': 'critical', 'CVE-2': 'high' }),
    then: { code: 'SEVERITY_TOO_HIGH', reason: `${amd64} has findings of severity high (at most medium): CVE-2` },
  },
  {
    rule: 'of which the image has no need is not named',
    given: [lists, exception('web')],
    when: found({ 'CVE-3': 'high' }),
    then: { reason: 'CVE-1, CVE-2 were not found', exceptionIds: [] },
  },
  {
    rule: 'counts for the images of its scope alone',
    given: [lists, exception('web', { match: { repositories: ['other/**'] } })],
    when: found({ 'CVE-1': 'high' }),
    then: 'FINDING_PRESENT',
  },
  {
    rule: 'may leave images out of its scope',
    given: [lists, exception('web', { match: { exclude: { tags: ['v*'] } } })],
    when: found({ 'CVE-1': 'high' }),
    then: 'FINDING_PRESENT',
  },
  {
    rule: 'for a tenant is waited for until it is known whose image it is',
    given: [lists, exception('web', { match: { tenants: ['acme'] } })],
    when: found({ 'CVE-1': 'high' }),
    then: { outcome: 'held', awaiting: ['tenant'] },
  },
  {
    rule: 'counts to the millisecond before it expires',
    given: [lists, exception('web')],
    when: found({ 'CVE-1': 'high' }),
    atMs: expiresAtMs - 1,
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'counts no more when it has expired',
    given: [lists, exception('web')],
    when: found({ 'CVE-1': 'high' }),
    atMs: expiresAtMs,
    then: 'FINDING_PRESENT',
  },
  {
    rule: 'that lasts longer counts where another has expired or is about something else',
    given: [
      lists,
      exception('a', { expiresAt: '2026-01-01T00:00Z' }),
      exception('b', { match: { tags: ['x'] } }),
      exception('c', { expiresAt: '2026-01-20T00:00:30Z' }),
    ],
    when: found({ 'CVE-1': 'high' }),
    then: { outcome: 'allow', reason: 'CVE-1, CVE-2 were not found; accepted: CVE-1 by exception/c' },
  },
  {
    rule: 'takes no finding away that a list leaves out and that is as bad',
    given: [bounds, exception('web')],
    when: found({ 'CVE-1': 'high' }, { findingsOmitted: 2 }),
    then: { code: 'SEVERITY_TOO_HIGH', reason: `${amd64} has findings of severity high (at most medium): 2 that are not listed` },
  },
  {
    rule: 'is enough where all that a list leaves out is good enough anyway',
    given: [bounds, exception('web')],
    when: found({ 'CVE-1': 'high', 'CVE-3': 'medium' }, { findingsOmitted: 2 }),
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'is enough where what it is about cannot be ruled out',
    given: [policy('p', { require: { noFindings: ['CVE-1'] } }), exception('web')],
    when: found({ 'CVE-3': 'high' }, { findingsOmitted: 2 }),
    then: 'REQUIREMENTS_MET',
  },
  {
    rule: 'cannot be looked for in a verdict that lists nothing',
    given: [bounds, exception('web')],
    when: { scans: [scanned(amd64, 'high'), scanned(arm64, 'none')] },
    then: 'SEVERITY_TOO_HIGH',
  },
];

describe('an exception', () => {
  for (const { rule, given, when, atMs = nowMs, then } of rules)
    it(rule, () => {
      const decision = evaluate(compileRulebook(given).replication, evidence(when), atMs);
      for (const [field, value] of Object.entries(typeof then === 'string' ? { code: then } : then))
        assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  describe('of a tenant', () => {
    const own = documentOf('Exception', 'own', { ...ownSpec, finding: 'CVE-1' }, { tenant: 'acme' });
    const acme = (spec: object) => documentOf('Tenant', 'acme', { repositories: ['demo/**'], ...spec });
    const granted = acme({ mayExcept: { worstSeverity: 'high' } });
    const codeOf = (given: readonly Document[], severity: string, changes: Partial<Evidence> = {}) =>
      evaluate(compileRulebook(given).replication, evidence({ ...found({ 'CVE-1': severity }), ...changes }), nowMs).code;

    it('counts in its own images, as far as its Tenant document says that it may', () => {
      assert.equal(codeOf([bounds, own, granted], 'high'), 'REQUIREMENTS_MET');
      assert.equal(codeOf([bounds, own, granted], 'critical'), 'SEVERITY_TOO_HIGH');
      assert.equal(codeOf([bounds, own, granted], 'high', { repository: 'other/app' }), 'SEVERITY_TOO_HIGH');
    });
    it('does not count where nobody has granted it', () => {
      assert.equal(codeOf([bounds, own, acme({})], 'high'), 'SEVERITY_TOO_HIGH');
      assert.equal(codeOf([bounds, own], 'high', { tenant: 'acme' }), 'SEVERITY_TOO_HIGH');
    });
    it('takes nothing away that is forbidden by its name', () => {
      assert.equal(codeOf([lists, own, granted], 'low'), 'FINDING_PRESENT');
      assert.equal(codeOf([lists, exception('web'), own, granted], 'low'), 'REQUIREMENTS_MET');
    });
    it('may not be about others', () => {
      const parsed = parseDocument({
        ...{ apiVersion: 'waybill/v1', kind: 'Exception', metadata: { name: 'own', tenant: 'acme' } },
        spec: { ...ownSpec, finding: 'CVE-1', match: { tenants: ['harbour'] } },
      });
      assert.match(parsed.ok ? '' : parsed.faults.join(), /^spec\.match\.tenants has no place beside metadata\.tenant/);
    });
  });

  it('counts from its publication to its retirement', () => {
    const image = evidence(found({ 'CVE-1': 'high' }));
    const outcomes = (rulebook: ReturnType<typeof compileRulebook>) => evaluate(rulebook.replication, image, nowMs).outcome;
    const before = compileRulebook([lists]);
    const published = withDocument(before, exception('web'));
    const retired = withoutDocument(published, 'exception/web');
    assert.deepEqual([before, published, retired].map(outcomes), ['deny', 'allow', 'deny']);
  });

  it('that could not be meant is refused with its place', () => {
    const spec = { finding: 'CVE-1', owner: 'web', reason: 'why' };
    const faultsOf = (changes: object): string => {
      const parsed = parseDocument({
        ...{ apiVersion: 'waybill/v1', kind: 'Exception', metadata: { name: 'a' } },
        spec: { ...spec, expiresAt: '2026-02-01T00:00Z', ...changes },
      });
      return parsed.ok ? '' : parsed.faults.join('\n');
    };
    assert.equal(faultsOf({}), '');
    assert.match(faultsOf({ match: { tags: [{ regex: '(' }] } }), /^spec\.match\.tags\.0 /);
    for (const expiresAt of ['2026-02-30T00:00Z', '2026-13-01T00:00Z', '2026-01-01T25:00Z'])
      assert.equal(faultsOf({ expiresAt }), `spec.expiresAt ${expiresAt} is no date that there is`);
    assert.match(faultsOf({ expiresAt: '2026-02-01' }), /^spec\.expiresAt /);
  });
});
