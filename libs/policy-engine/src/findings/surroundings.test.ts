import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentOf } from '../document.fixture.ts';
import { compileRulebook, isPolicy, type Document } from '../rulebook.ts';
import { findConflicts } from './find-conflicts.ts';
import { textOf } from './image.ts';

// Goal: what policies look up is checked with them, and each finding has an image that proves it.
const listed = ['a', 'b', 'c'].map((name) => ({ name, host: `${name}.test` }));
const registry = (name: string, spec: object = {}) => documentOf('Registry', name, { host: `${name}.test`, ...spec });
const tenant = (name: string, ...repositories: readonly string[]) => documentOf('Tenant', name, { repositories });
const policy = (name: string, spec: object, metadata: object = {}) =>
  documentOf('ReplicationPolicy', name, { match: {}, replicate: [{ registry: 'b' }], ...spec }, metadata);
const limited = (quota: object) => documentOf('Tenant', 'acme', { repositories: ['acme/**'], quota });

const [eu, us] = [registry('b', { jurisdiction: 'EU' }), registry('c', { jurisdiction: 'US' })];
const gdpr = documentOf('Residency', 'gdpr', { match: { labels: { data: 'personal' } }, jurisdictions: ['EU'] });

const excepting = (name: string) =>
  documentOf('Exception', name, { finding: 'CVE-1', owner: 'o', reason: 'r', expiresAt: '2026-02-01T00:00Z' }, { tenant: name });

type Rule = {
  readonly rule: string;
  readonly given: readonly Document[];
  /** `code documents path witness` */
  readonly then: readonly string[];
  readonly says?: RegExp;
};

const rules: readonly Rule[] = [
  { rule: 'registries that are as registries.yaml has them are fine', given: [eu, us, gdpr], then: [] },
  {
    rule: 'one that registries.yaml does not name is said',
    given: [registry('z')],
    then: ['REGISTRY_UNKNOWN registry/z metadata.name -'],
    says: /registry\/z describes a registry that registries\.yaml does not name: it has a, b, c; /,
  },
  { rule: 'so is another host', given: [registry('a', { host: 'b.test' })], then: ['REGISTRY_HOST_DIFFERS registry/a spec.host -'] },
  {
    rule: 'a selector that finds nothing is said, with an image that would go nowhere, and why not each',
    given: [eu, us, policy('p', { match: { repositories: ['x/*'] }, replicate: [{ select: { jurisdictions: ['CH'] } }] })],
    then: ['SELECTOR_EMPTY p spec.replicate.0.select a.test/x/a:a'],
    says: /\(b: its jurisdiction is EU, not CH; c: its jurisdiction is US, not CH\); correct the selector/,
  },
  {
    rule: 'more copies than there are registries are said',
    given: [eu, us, policy('p', { replicate: [{ select: { jurisdictions: ['EU'] }, copies: 2 }] })],
    then: ['COPIES_TOO_MANY p spec.replicate.0.copies a.test/a:a'],
  },
  {
    rule: 'one place with two parts of an image is said: the first target decides',
    given: [policy('p', { replicate: [{ registry: 'b', platforms: ['linux/amd64'] }, { registry: 'b' }] })],
    then: ['TARGETS_CONTRADICT p spec.replicate.1 a.test/a:a'],
    says: /means b twice .*: spec\.replicate\.0 with linux\/amd64 and class normal, which decides, and spec\.replicate\.1 with all/,
  },
  {
    rule: 'so is one with two classes, also by way of a selector',
    given: [eu, us, policy('p', { replicate: [{ select: { jurisdictions: ['EU'] } }, { registry: 'b', priorityClass: 'critical' }] })],
    then: ['TARGETS_CONTRADICT p spec.replicate.1 a.test/a:a'],
  },
  {
    rule: 'it is not where the names differ',
    given: [
      policy('p', {
        match: { registries: ['a.test'] },
        replicate: [
          { registry: 'b', platforms: ['linux/arm64'] },
          { registry: 'b', tag: '{tag}-all' },
        ],
      }),
    ],
    then: [],
  },
  {
    rule: 'nor where the same is said in other words',
    given: [
      policy('p', {
        replicate: [
          { registry: 'b', platforms: ['linux/arm64/v8'] },
          { registry: 'b', platforms: ['linux/arm64'], tag: '{tag}' },
        ],
      }),
    ],
    then: [],
  },
  {
    rule: 'a target where images must not lie is said, with such an image',
    given: [eu, us, gdpr, policy('p', { match: { registries: ['a.test'] }, replicate: [{ registry: 'b' }, { registry: 'c' }] })],
    then: ['RESIDENCY_CONFLICT p,residency/gdpr spec.replicate.1.registry a.test/a:a (data=personal)'],
    says: /to c, where they may not lie: it is in US, and residency gdpr allows EU alone; it is refused each time/,
  },
  {
    rule: 'it is not where the policy is about other images',
    given: [eu, us, gdpr, policy('p', { match: { labels: { data: 'public' } }, replicate: [{ registry: 'c' }] })],
    then: [],
  },
  {
    rule: 'copies that come back by way of a selector are a circle too',
    given: [
      ...[eu, us],
      policy('there', { match: { registries: ['b.test'] }, replicate: [{ select: { jurisdictions: ['US'] } }] }),
      policy('back', { match: { registries: ['c.test'] }, replicate: [{ registry: 'b' }] }),
    ],
    then: ['REPLICATION_CYCLE back,there spec.replicate.0 c.test/a:a'],
  },
  {
    rule: 'namespaces that have an image in common are said, with the image',
    given: [tenant('acme', 'acme/**', 'shared/a*'), tenant('zeta', 'shared/*z')],
    then: ['TENANTS_OVERLAP tenant/acme,tenant/zeta spec a.test/shared/az:a'],
  },
  {
    rule: 'not where registries keep them apart',
    given: [
      documentOf('Tenant', 'acme', { repositories: ['x/**'], registries: ['a.test'] }),
      documentOf('Tenant', 'zeta', { repositories: ['x/**'], registries: ['b.test'] }),
    ],
    then: [],
  },
  {
    rule: 'tenants that nobody has described are said',
    given: [tenant('acme', 'acme/**'), policy('own', { effect: 'deny', replicate: undefined }, { tenant: 'nobody' })],
    then: ['TENANT_UNKNOWN own metadata.tenant -'],
  },
  {
    rule: 'an exception of a tenant that may have none is said',
    given: [tenant('acme', 'acme/**'), excepting('acme'), excepting('harbour')],
    then: ['EXCEPTION_NOT_GRANTED exception/acme metadata.tenant -', 'EXCEPTION_NOT_GRANTED exception/harbour metadata.tenant -'],
    says: /exception\/acme does not count: the Tenant document of acme has no spec\.mayExcept; whoever runs/,
  },
  {
    rule: 'and one of a tenant that may is fine',
    given: [documentOf('Tenant', 'acme', { repositories: ['acme/**'], mayExcept: { worstSeverity: 'low' } }), excepting('acme')],
    then: [],
  },
  {
    rule: 'also where a policy only matches them',
    given: [tenant('acme', 'acme/**'), policy('p', { match: { tenants: ['acme', 'nobody'] } })],
    then: ['TENANT_UNKNOWN p spec.match.tenants.1 -'],
  },
  {
    rule: 'policies of two tenants do not meet, whatever they match',
    given: [
      ...[tenant('acme', 'acme/**'), tenant('zeta', 'zeta/**')],
      policy('x', {}, { tenant: 'acme' }),
      policy('y', { replicate: [{ registry: 'c' }] }, { tenant: 'zeta' }),
    ],
    then: [],
  },
  {
    rule: "a tenant's own meets one for all in its namespace",
    given: [tenant('acme', 'acme/**'), policy('all', { replicate: [{ registry: 'c' }] }), policy('own', {}, { tenant: 'acme' })],
    then: ['POLICY_OVERLAP own,all spec.match a.test/acme/a:a (tenant acme)'],
  },
  {
    rule: 'and never decides behind one for all that goes first, nor outside of its namespace',
    given: [
      tenant('acme', 'acme/**'),
      policy('all', { priority: 1, match: { repositories: ['acme/**'] } }),
      policy('own', {}, { tenant: 'acme' }),
    ],
    then: ['POLICY_SHADOWED own,all spec.match a.test/acme/a:a (tenant acme)'],
  },
  {
    rule: 'more copies than a quota has room for are said: no image of the tenant would ever go',
    given: [
      limited({ copiesPerHourMax: 1 }),
      policy('p', { match: { registries: ['a.test'] }, replicate: [{ registry: 'b' }, { registry: 'c' }] }),
    ],
    then: ['QUOTA_IMPOSSIBLE p,tenant/acme spec.replicate a.test/acme/a:a (tenant acme)'],
  },
  {
    rule: 'not where the policy is about images of others',
    given: [
      limited({ imagesMax: 1 }),
      policy('p', { match: { registries: ['a.test'], repositories: ['other/**'] }, replicate: [{ registry: 'b' }, { registry: 'c' }] }),
    ],
    then: [],
  },
  {
    rule: 'a retention that keeps more than the quota has room for is said',
    given: [limited({ imagesMax: 19 }), documentOf('RetentionPolicy', 'keep', { match: { repositories: ['**/app'] }, keepNewest: 20 })],
    then: ['RETENTION_OVER_QUOTA retention/keep,tenant/acme spec.keepNewest a.test/acme/app:a (tenant acme)'],
  },
  {
    rule: 'one that is about repositories of others is not',
    given: [limited({ imagesMax: 19 }), documentOf('RetentionPolicy', 'keep', { match: { repositories: ['x/*'] }, keepNewest: 20 })],
    then: [],
  },
];

describe('what policies look up', () => {
  for (const { rule, given, then, says } of rules)
    it(rule, () => {
      const { surroundings } = compileRulebook(given).replication;
      const { findings } = findConflicts(given.filter(isPolicy), listed, { surroundings });
      const lines = findings.map(({ code, policyIds, path, witness }) => {
        return `${code} ${policyIds.join()} ${path} ${witness ? textOf(witness) : '-'}`;
      });
      assert.deepEqual(lines, then);
      if (says) assert.match(findings[0]!.message, says);
    });
});
