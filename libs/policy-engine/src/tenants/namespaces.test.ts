import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { documentOf } from '../document.fixture.ts';
import { evaluate } from '../evaluate.ts';
import type { Evidence } from '../evidence.ts';
import { traceOf } from '../explain.ts';
import { compileRulebook, findDocument, isPolicy, parseDocument, withDocument, type Document } from '../rulebook.ts';
import { evidence, nowMs } from '../testing.fixture.ts';
import { anyDocuments, anyEvidence, anyPolicies } from '../testing.ts';
import { claimantsOf, withTenant } from './namespaces.ts';

const acme = documentOf('Tenant', 'acme', { repositories: ['acme/**', 'shared/acme-*'] });
const rival = documentOf('Tenant', 'rival', { repositories: [{ regex: 'rival(/.*)?' }], registries: ['a.test'] });
const harbour = documentOf('Tenant', 'harbour', { registries: ['harbour.test'] });
const tenantsOf = (...documents: readonly Document[]) => compileRulebook(documents).replication.surroundings.Tenant;

describe('whose an image is', () => {
  const tenants = tenantsOf(acme, rival, harbour);
  const at = (registry: string, repository: string): readonly string[] => claimantsOf({ registry, repository }, tenants);

  it('is said by the namespaces of Tenant documents', () => {
    assert.deepEqual(at('a.test', 'acme/app'), ['acme']);
    assert.deepEqual(at('a.test', 'shared/acme-app'), ['acme']);
    assert.deepEqual(at('a.test', 'rival'), ['rival']);
    assert.deepEqual(at('harbour.test', 'any/thing'), ['harbour']);
  });
  it('is nobody where no namespace has it', () => {
    assert.deepEqual(at('a.test', 'acme'), []);
    assert.deepEqual(at('a.test', 'acmee/app'), []);
    assert.deepEqual(at('b.test', 'rival/app'), []);
  });
  it('is not settled where two namespaces have it', () => assert.deepEqual(at('harbour.test', 'acme/app'), ['acme', 'harbour']));

  it('is what the documents say, whatever the evidence has', () => {
    const forged = evidence({ repository: 'rival/app', tenant: 'acme' });
    assert.equal(withTenant(forged, { Tenant: tenants }).tenant, 'rival');
    assert.equal(withTenant(evidence({ tenant: 'acme' }), { Tenant: tenants }).tenant, null);
  });
  it('is what the evidence says where there are no documents', () => {
    assert.equal(withTenant(evidence({ tenant: 'acme' }), { Tenant: new Map() }).tenant, 'acme');
    assert.equal(withTenant(evidence(), { Tenant: new Map() }).tenant, undefined);
  });
});

const open = { match: {}, replicate: [{ registry: 'b' }] };
const decide = (documents: readonly Document[], changes: Partial<Evidence>) => {
  const { outcome, code, policyId, reason } = evaluate(compileRulebook(documents).replication, evidence(changes), nowMs);
  return { outcome, code, policyId, reason };
};

describe("a tenant's own policy", () => {
  const greedy = documentOf('ReplicationPolicy', 'greedy', { priority: 999, ...open }, { tenant: 'acme' });

  it('is about images of that tenant, whatever it matches', () => {
    assert.equal(decide([acme, greedy], { repository: 'acme/app' }).policyId, 'greedy');
    assert.equal(decide([acme, greedy], { repository: 'other/app' }).policyId, null);
    assert.equal(decide([acme, rival, greedy], { repository: 'rival/app' }).policyId, null);
  });
  it('speaks of nothing while no document says what is its own', () =>
    assert.equal(decide([rival, greedy], { repository: 'acme/app' }).policyId, null));

  it('may not go before those of whoever runs the registries', () =>
    assert.deepEqual(faultsOf({ priority: 1_000, ...open }), ["spec.priority of a tenant's own policy is at most 999"]));
  it('may not be about others', () => {
    const fault = 'spec.match.tenants has no place beside metadata.tenant: it is about images of acme alone';
    assert.deepEqual(faultsOf({ ...open, match: { tenants: ['rival'] } }), [fault]);
    assert.deepEqual(faultsOf({ ...open, match: { tenants: ['acme', 'rival'] } }), [fault]);
    assert.deepEqual(faultsOf({ ...open, match: { tenants: ['acme'] } }), []);
  });
});

function faultsOf(spec: object): readonly string[] {
  const metadata = { name: 'own', tenant: 'acme' };
  const parsed = parseDocument({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata, spec });
  return parsed.ok ? [] : parsed.faults;
}

describe('an image that two tenants claim', () => {
  it('is denied, so that neither decides for the other', () => {
    const also = documentOf('Tenant', 'also', { repositories: ['**/app'] });
    const all = documentOf('ReplicationPolicy', 'all', open);
    assert.deepEqual(decide([acme, also, all], { repository: 'acme/app' }), {
      outcome: 'deny',
      code: 'TENANT_AMBIGUOUS',
      policyId: null,
      reason: 'it is in the namespaces of acme and also: correct their Tenant documents',
    });
    assert.equal(decide([acme, also, all], { repository: 'acme/web' }).policyId, 'all');
  });
});

// Any policies, some of them a tenant's own. What two tenants claim is nobody's, and no tenant's policies speak of it.
const owned = (policies: readonly Document[], owners: readonly (string | undefined)[]): readonly Document[] =>
  policies.flatMap((policy, at) => {
    const tenant = owners[at % owners.length];
    if (tenant === undefined || !isPolicy(policy)) return [policy];
    const { kind, metadata, spec } = policy.document;
    const { tenants: _tenants, ...match } = spec.match;
    return [documentOf(kind, metadata.name, { ...spec, match }, { tenant })];
  });
const owners = fc.array(fc.constantFrom('t1', 't2', undefined), { minLength: 1, maxLength: 5 });
const images = fc.array(anyEvidence(nowMs), { minLength: 30, maxLength: 30 });
const isOf = (tenant: string) => (document: Document) =>
  'tenant' in document.document.metadata && document.document.metadata.tenant === tenant;

describe('tenants', () => {
  it('decide nothing of images that are not theirs, and read nothing of policies that are not, whatever one of them publishes', () =>
    fc.assert(
      fc.property(anyPolicies(12), anyPolicies(12), owners, anyDocuments, images, (before, after, whose, documents, each) => {
        const known = [...owned(before, whose), ...documents];
        const changed = owned(after, ['t1']).reduce(withDocument, compileRulebook(known.filter((document) => !isOf('t1')(document))));
        // What others have under a name that t1 takes is out of the way in both: names are given by whoever publishes.
        const names = new Set(after.map(({ id }) => id));
        const first = compileRulebook(known.filter((document) => !names.has(document.id) || isOf('t1')(document))).replication;
        const second = changed.replication;
        if (first.surroundings.Tenant.size === 0) return;
        for (const image of each) {
          if (claimantsOf(image, first.surroundings.Tenant).includes('t1')) continue;
          assert.deepEqual(evaluate(second, image, nowMs), evaluate(first, image, nowMs));
          for (const { policyId } of traceOf(second, image, nowMs)) assert.ok(!isOf('t1')(findDocument(changed, policyId)!));
        }
      }),
      { numRuns: 300 },
    ));

  it('decide nothing of images that are not theirs by what they claim, unless they claim the same', () =>
    fc.assert(
      fc.property(anyPolicies(12), owners, anyDocuments, images, fc.boolean(), (policies, whose, documents, each, isGone) => {
        const rulebook = compileRulebook([
          ...owned(policies, whose),
          ...documents,
          documentOf('Tenant', 't9', { registries: ['t9.test'] }),
        ]);
        const others = documents.filter(({ id }) => id !== 'tenant/t1');
        const wider = documentOf('Tenant', 't1', { repositories: ['a/**', 'new'] });
        const changed = compileRulebook([
          ...owned(policies, whose),
          ...others,
          ...(isGone ? [] : [wider]),
          findDocument(rulebook, 'tenant/t9')!,
        ]);
        for (const image of each) {
          const claimants = [rulebook, changed].flatMap(({ replication }) => claimantsOf(image, replication.surroundings.Tenant));
          if (claimants.includes('t1')) continue;
          assert.deepEqual(evaluate(changed.replication, image, nowMs), evaluate(rulebook.replication, image, nowMs));
        }
      }),
      { numRuns: 200 },
    ));
});
