import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { noteAsked } from './asked.ts';
import { evaluate } from './evaluate.ts';
import { traceOf } from './explain.ts';
import { recordedFacts, recordFacts } from './recorded-facts.ts';
import { compileRulebook } from './rulebook.ts';
import { anyDocuments, anyEvidence, anyPolicies } from './testing.ts';
import { documentOf } from './document.fixture.ts';
import { evidence, nowMs, policy } from './testing.fixture.ts';
import type { Evidence } from './evidence.ts';

const registry = (name: string, spec: object = {}) => documentOf('Registry', name, { host: `${name}.test`, region: 'eu', ...spec });
const facts = {
  registries: { b: { isHealthy: true }, c: { isHealthy: false }, other: { isHealthy: false } },
  usage: { bytes: 1, images: 1, copiesLastHour: 1, isCounted: false },
  pullsByRegion: { eu: 3 },
};

/** The facts that a decision by these documents has asked for. */
function askedBy(replicate: object, documents: Parameters<typeof compileRulebook>[0] = [], given: Partial<Evidence> = facts) {
  const { replication } = compileRulebook([policy('p', { replicate: [replicate] }), registry('b'), registry('c'), ...documents]);
  const asking = noteAsked(evidence(given));
  evaluate(replication, asking.evidence, nowMs);
  const { registries, usage, pullsByRegion } = asking.asked();
  return { ...(registries && { registries }), ...(usage && { usage }), ...(pullsByRegion && { pullsByRegion }) };
}

describe('a decision asks', () => {
  it('for nothing beside the image where its policy names the registry', () => assert.deepEqual(askedBy({ registry: 'b' }), {}));
  it('for nothing where it takes all that it selects', () => assert.deepEqual(askedBy({ select: { regions: ['eu'] } }), {}));
  it('for the registries that it chooses among, and no others', () =>
    assert.deepEqual(askedBy({ select: { regions: ['eu'] }, copies: 1 }), {
      registries: { b: { isHealthy: true }, c: { isHealthy: false } },
    }));
  it('for pulls where it chooses by them', () =>
    assert.deepEqual(
      askedBy({ select: { regions: ['eu'] }, copies: 1, placement: 'by-pulls' }, [], { pullsByRegion: {} }),
      { pullsByRegion: {} }, // prettier-ignore
    ));
  it('for usage where its tenant has a quota', () => {
    const acme = (spec: object) => documentOf('Tenant', 'acme', { repositories: ['demo/**'], ...spec });
    assert.deepEqual(askedBy({ registry: 'b' }, [acme({})]), {});
    assert.deepEqual(askedBy({ registry: 'b' }, [acme({ quota: { imagesMax: 9 } })]), { usage: facts.usage });
  });
});

it('an event records all of it, and tells what is not known from what is not so', () => {
  const registries = { b: { isHealthy: false, usedBytes: 0, wasChosen: true }, c: { usedBytes: 7 }, d: { isHealthy: true } };
  const recorded = recordFacts({ ...facts, registries });
  assert.deepEqual(recordedFacts(JSON.parse(JSON.stringify(recorded)) as typeof recorded), { ...facts, registries });
  assert.deepEqual(recordedFacts(recordFacts({})), {});
});

it('whoever has what was asked for decides the same, also from what an event records of it, on 5,000 pairs', () =>
  fc.assert(
    fc.property(
      anyPolicies(20),
      anyDocuments,
      fc.array(anyEvidence(nowMs), { minLength: 50, maxLength: 50 }),
      (policies, documents, each) => {
        const { replication } = compileRulebook([...policies, ...documents]);
        for (const given of each) {
          const asking = noteAsked(given);
          const decision = evaluate(replication, asking.evidence, nowMs);
          const trace = traceOf(replication, asking.evidence, nowMs);
          assert.deepEqual(decision, evaluate(replication, given, nowMs));
          const { registries: _r, usage: _u, pullsByRegion: _p, ...own } = asking.asked();
          const recorded = { ...own, ...recordedFacts(JSON.parse(JSON.stringify(recordFacts(asking.asked()))) as never) };
          assert.deepEqual(evaluate(replication, recorded, nowMs), decision);
          assert.deepEqual(traceOf(replication, recorded, nowMs), trace);
        }
      },
    ),
    { numRuns: 100 },
  ));
