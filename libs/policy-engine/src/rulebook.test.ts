import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compileRulebook, parseDocument, versionOf, withDocument, withoutDocument, type Document } from './rulebook.ts';
import { policy } from './testing.fixture.ts';
import { anyPolicies } from './testing.ts';

const written = (kind: string, name: string, spec: object): object => ({ apiVersion: 'waybill/v1', kind, metadata: { name }, spec });

function parsed(value: unknown): Document {
  const result = parseDocument(value);
  assert.ok(result.ok, result.ok ? '' : result.faults.join('\n'));
  return result.document;
}

const registry = parsed(written('Registry', 'b', { host: 'b.test', jurisdiction: 'EU' }));
const tenant = parsed(written('Tenant', 'acme', { repositories: ['acme/**'] }));
const admission = parsed(written('AdmissionPolicy', 'prod', { match: {} }));
const versionWith = (documents: readonly Document[]): string => versionOf(compileRulebook(documents));

describe('a document', () => {
  it('is of a kind that there is', () => {
    const faults = ['Polizei', undefined, 'constructor', 7].map((kind) => parseDocument({ kind }));
    for (const result of faults) assert.match(result.ok ? '' : result.faults.join(), /^kind must be one of ReplicationPolicy, /);
    assert.deepEqual(parseDocument(null), { ok: false, faults: ['the document is no mapping'] });
  });

  it('has an id of its kind, so that a tenant and a policy may share a name', () => {
    assert.deepEqual(
      [policy('a'), admission, registry, tenant].map(({ id }) => id),
      ['a', 'admission/prod', 'registry/b', 'tenant/acme'],
    );
  });

  it('has the faults of its own kind told', () => {
    const result = parseDocument(written('Exception', 'cve', { finding: 'CVE-2026-1', owner: 'me', expiresAt: 'soon' }));
    assert.deepEqual(result.ok || result.faults.map((fault) => fault.split(' ')[0]).toSorted(), ['spec', 'spec.expiresAt']);
  });
});

describe('a rulebook', () => {
  it('keeps policies of each kind apart, and gives all of them what they look up', () => {
    const { replication, admission: admitted } = compileRulebook([policy('a'), admission, registry]);
    assert.deepEqual(
      [replication, admitted].map(({ policies }) => policies.map(({ id }) => id)),
      [['a'], ['admission/prod']],
    );
    for (const { surroundings } of [replication, admitted]) assert.equal(surroundings.Registry.get('b')?.spec.jurisdiction, 'EU');
  });

  it('gives what policies look up in the order of names, whatever was published first', () => {
    const [a, z] = ['a', 'z'].map((name) => parsed(written('Registry', name, { host: `${name}.test` })));
    for (const { replication } of [compileRulebook([z!, registry, a!]), [registry, a!].reduce(withDocument, compileRulebook([z!]))])
      assert.deepEqual([...replication.surroundings.Registry.keys()], ['a', 'b', 'z']);
  });

  it('is after changes one by one what it would be at once, whichever they are', () =>
    fc.assert(
      fc.property(anyPolicies(6), anyPolicies(6), fc.shuffledSubarray([registry, tenant, admission]), (first, second, others) => {
        const before = compileRulebook([...first, registry]);
        const changed = [...second, ...others].reduce(withDocument, before);
        const gone = [...first.map(({ id }) => id), 'nobody'].reduce(withoutDocument, changed);
        const rest = [registry, ...others, ...second.slice(first.length)];
        const atOnce = compileRulebook(rest);
        assert.deepEqual(
          [versionOf(gone), gone.replication.policies, gone.admission.policies],
          [...[versionOf(atOnce), atOnce.replication.policies, atOnce.admission.policies]],
        );
        assert.deepEqual(gone.replication.surroundings, atOnce.replication.surroundings);
        assert.equal(versionOf(before), versionWith([...first, registry]));
      }),
    ));

  it('has a version that changes with what is said, not with how it is laid out or in what order it came', () => {
    assert.equal(versionWith([policy('a', { priority: 1, match: {} })]), versionWith([policy('a', { match: {}, priority: 1 })]));
    assert.equal(versionWith([policy('a'), tenant]), versionWith([tenant, policy('a')]));
    assert.notEqual(versionWith([policy('a')]), versionWith([policy('a', { priority: 1 })]));
    assert.notEqual(versionWith([policy('a')]), versionWith([policy('a'), tenant]));
    assert.match(versionWith([]), /^[a-f0-9]{64}$/);
  });
});
