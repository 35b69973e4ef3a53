import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentOf } from '../document.fixture.ts';
import type { Evidence } from '../evidence.ts';
import { compileRulebook } from '../rulebook.ts';
import { digestOf, nowMs } from '../testing.fixture.ts';
import { wantedPlaces } from './wanted-places.ts';

const registry = (name: string, jurisdiction: string, role = 'primary') =>
  documentOf('Registry', name, { host: `${name}.test`, jurisdiction, role });
const around = [registry('eu-1', 'EU'), registry('eu-2', 'EU'), registry('eu-3', 'EU', 'fallback'), registry('us', 'US')];
const image: Evidence = {
  ...{ registry: 'eu-1.test', repository: 'app', tag: 'v1', digest: digestOf('a'), scans: [] },
  inspection: { status: 'done', kind: 'image', labels: {}, platformDigests: [digestOf('a')] },
};
const wanted = (replicate: readonly object[], changes: Partial<Evidence> = {}, more: readonly ReturnType<typeof registry>[] = []) => {
  const policy = documentOf('ReplicationPolicy', 'p', { match: {}, replicate });
  return wantedPlaces(compileRulebook([...around, policy, ...more]).replication, { ...image, ...changes }, nowMs);
};

describe('where the policy that decides wants an image', () => {
  it('is where it names a registry, and in all that it selects without a number', () =>
    assert.deepEqual(wanted([{ registry: 'us' }, { select: { roles: ['fallback'] } }]), { fixed: ['us', 'eu-3'], choices: [] }));
  it('is a choice where some of several are enough: of the right role alone', () =>
    assert.deepEqual(wanted([{ select: { jurisdictions: ['EU'], roles: ['primary'] }, copies: 1 }]), {
      fixed: [],
      choices: [{ copies: 1, among: ['eu-1', 'eu-2'] }],
    }));
  it('is nowhere that residency forbids', () => {
    const gdpr = documentOf('Residency', 'gdpr', { match: {}, jurisdictions: ['EU'] });
    const { choices = [], fixed } = wanted([{ registry: 'us' }, { select: { roles: ['primary'] }, copies: 2 }], {}, [gdpr]) ?? {};
    assert.deepEqual([fixed, choices[0]?.among], [[], ['eu-1', 'eu-2']]);
  });
  it('is not known of an image that is not allowed', () =>
    assert.equal(wanted([{ registry: 'us' }], { inspection: { status: 'missing' } }), undefined));
});
