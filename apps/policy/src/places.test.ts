import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { digestOf, hour, nowMs, published, startPolicy } from './testing.fixture.ts';

// Goal: registries, residency and tenants that are published beside policies decide where real pushes go.
const [index, amd64] = [digestOf('0'), digestOf('a')];

const idPrefixes = { ReplicationPolicy: '', Registry: 'registry/', Residency: 'residency/', Tenant: 'tenant/' } as const;
const of = (kind: keyof typeof idPrefixes, name: string, spec: object, metadata: object = {}) => {
  const id = `${idPrefixes[kind]}${name}`;
  return { [id]: published(id, stringify({ apiVersion: 'waybill/v1', kind, metadata: { name, ...metadata }, spec })) };
};
const places = {
  ...of('Registry', 'eu', { host: 'eu.test', jurisdiction: 'EU' }),
  ...of('Registry', 'eu-2', { host: 'eu-2.test', jurisdiction: 'EU', role: 'fallback' }),
  ...of('Registry', 'us', { host: 'us.test', jurisdiction: 'US' }),
};
const gdpr = of('Residency', 'gdpr', { match: { repositories: ['demo/**'] }, jurisdictions: ['EU'], reason: 'GDPR' });
const copying = (replicate: readonly object[]) => of('ReplicationPolicy', 'copy', { priority: 1_000_000, match: {}, replicate });

/** What is decided of demo/app:v1. */
function decided(policies: Parameters<typeof startPolicy>[0]) {
  const { when, decisions } = startPolicy(policies);
  when({ push: 'p1', tags: ['v1'], digest: index }, { inspected: index, of: 'p1', tags: ['v1'], platforms: [amd64] });
  const [decision, more] = decisions();
  assert.equal(more, undefined);
  const { outcome, code, policyId, reason, targets } = decision!;
  return { outcome, code, policyId, reason, targets: targets.map(({ registry }) => registry) };
}

describe('a push', () => {
  it('goes to every registry that a policy selects', () => {
    const { outcome, targets } = decided({ ...places, ...copying([{ select: { jurisdictions: ['EU', 'US'] } }]) });
    assert.deepEqual([outcome, targets], ['allow', ['eu', 'eu-2', 'us']]);
  });

  it('goes to as many as are wanted, a fallback last', () => {
    assert.deepEqual(decided({ ...places, ...copying([{ select: { jurisdictions: ['EU'] }, copies: 1 }]) }).targets, ['eu']);
  });

  it('stays where it may lie, whatever the priority of the policy that sends it elsewhere', () => {
    const { targets, reason } = decided({ ...places, ...gdpr, ...copying([{ registry: 'us' }, { registry: 'eu' }]) });
    assert.deepEqual(targets, ['eu']);
    assert.match(reason, /not to us: it is in US, and residency gdpr allows EU alone: GDPR/);
  });

  it('is denied where it may go nowhere', () => {
    const { outcome, code, targets } = decided({ ...places, ...gdpr, ...copying([{ registry: 'us' }]) });
    assert.deepEqual([outcome, code, targets], ['deny', 'RESIDENCY_REFUSED', []]);
  });

  it('is called back from where it may no longer lie, once a residency says so', () => {
    const before = { ...places, ...copying([{ registry: 'us' }, { registry: 'eu' }]) };
    const { when, publish, passTo, decisions } = startPolicy(before);
    when({ push: 'p1', tags: ['v1'], digest: index }, { inspected: index, of: 'p1', tags: ['v1'], platforms: [amd64] });
    publish({ ...before, ...gdpr }, nowMs + hour);
    passTo(nowMs + 2 * hour);
    assert.deepEqual(
      decisions().map(({ outcome, targets }) => [outcome, ...targets.map(({ registry }) => registry)]),
      [
        ['allow', 'us', 'eu'],
        ['allow', 'eu'],
      ],
    );
  });

  it("is not a tenant's to decide that does not own it", () => {
    const own = (tenant: string) => of('ReplicationPolicy', 'own', { priority: 999, match: {}, effect: 'deny' }, { tenant });
    const tenants = { ...of('Tenant', 'demo', { repositories: ['demo/**'] }), ...of('Tenant', 'other', { repositories: ['other/**'] }) };
    const all = of('ReplicationPolicy', 'all', { match: {}, replicate: [{ registry: 'eu' }] });
    assert.equal(decided({ ...tenants, ...all, ...own('demo') }).policyId, 'own');
    assert.equal(decided({ ...tenants, ...all, ...own('other') }).policyId, 'all');
  });
});
