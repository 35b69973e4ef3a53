import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { targetAt } from '@waybill/domain/testing';
import { evaluate, type Decision } from '../evaluate.ts';
import type { Evidence } from '../evidence.ts';
import { explain } from '../explain.ts';
import { compileRulebook } from '../rulebook.ts';
import { evidence, nowMs } from '../testing.fixture.ts';
import { documentOf } from '../document.fixture.ts';

const registry = (name: string, spec: object = {}) => documentOf('Registry', name, { host: `${name}.test`, ...spec });
const cost = (storedPerGbMonth: number, movedPerGb = 0) => ({ cost: { storedPerGbMonth, movedPerGb } });

/** a: where the image lies. */
const registries = [
  registry('a', { region: 'eu-west', jurisdiction: 'EU', ...cost(3) }),
  registry('eu', { region: 'eu-west', jurisdiction: 'EU', ...cost(2, 9) }),
  registry('spare', { region: 'eu-north', jurisdiction: 'EU', role: 'secondary', ...cost(1) }),
  registry('last', { region: 'eu-north', jurisdiction: 'EU', role: 'fallback', ...cost(0) }),
  registry('us', { region: 'us-east', jurisdiction: 'US', ...cost(2, 1) }),
  registry('moon'),
];
const gdpr = documentOf('Residency', 'gdpr', { match: { labels: { data: 'personal' } }, jurisdictions: ['EU'], reason: 'GDPR' });
const labelled = (labels: Record<string, string>): Partial<Evidence> => ({
  inspection: { status: 'done', kind: 'image', labels, platformDigests: [] },
});

const euAlone = 'and residency gdpr allows EU alone: GDPR';

type Rule = {
  readonly rule: string;
  readonly replicate: readonly object[];
  readonly when?: Partial<Evidence>;
  readonly given?: readonly ReturnType<typeof documentOf>[];
  /** The names of the targets, or what the decision is instead. */
  readonly then: readonly string[] | Partial<Decision>;
};

const rules: readonly Rule[] = [
  {
    rule: 'a selector means every registry that has all of it',
    replicate: [{ select: { jurisdictions: ['EU'] } }],
    then: ['a', 'eu', 'last', 'spare'],
  },
  { rule: 'any of a list is enough', replicate: [{ select: { regions: ['us-east', 'eu-north'] } }], then: ['last', 'spare', 'us'] },
  { rule: 'a registry without a role is a primary one', replicate: [{ select: { roles: ['primary'] } }], then: ['a', 'eu', 'moon', 'us'] },
  {
    rule: 'what is not said of a registry is not selected',
    replicate: [{ select: { jurisdictions: ['EU', 'US'], regions: ['moon'] } }],
    then: { code: 'TARGETS_NONE', outcome: 'deny' },
  },
  {
    rule: 'each target is named once, however often it is meant',
    replicate: [{ registry: 'us' }, { select: { jurisdictions: ['US'] } }],
    then: ['us'],
  },
  {
    rule: 'names there are rewritten for each',
    replicate: [{ select: { jurisdictions: ['US'] }, repository: 'mirror/{repository}' }],
    then: { targets: [targetAt('us', 'mirror/demo/app', 'v1')] },
  },
  {
    rule: 'of so many copies those go first that are primary, by name',
    replicate: [{ select: { jurisdictions: ['EU'] }, copies: 3 }],
    then: ['a', 'eu', 'spare'],
  },
  {
    rule: 'the cheapest to store in, and among those the cheapest to move from',
    replicate: [{ select: { roles: ['primary'] }, copies: 2, placement: 'cheapest' }],
    then: ['us', 'eu'],
  },
  {
    rule: 'one whose price nobody knows is the dearest',
    replicate: [{ select: { roles: ['primary'] }, copies: 3, placement: 'cheapest' }],
    then: ['us', 'eu', 'a'],
  },
  {
    rule: 'a role goes before a price',
    replicate: [{ select: { jurisdictions: ['EU'] }, copies: 1, placement: 'cheapest' }],
    then: ['eu'],
  },
  {
    rule: 'the nearest are in the region of the image, then in its jurisdiction',
    replicate: [{ select: { roles: ['primary', 'secondary'] }, copies: 4, placement: 'nearest' }],
    then: ['a', 'eu', 'moon', 'us'],
  },
  {
    rule: 'regions that nobody has told are not the same',
    given: [registry('h', { jurisdiction: 'US' }), registry('k')],
    replicate: [{ select: { roles: ['primary'] }, copies: 2, placement: 'nearest' }],
    when: { registry: 'h.test' },
    then: ['h', 'us'],
  },
  {
    rule: 'where it is pulled most',
    replicate: [{ select: { roles: ['primary'] }, copies: 1, placement: 'by-pulls' }],
    when: { pullsByRegion: { 'us-east': 7, 'eu-west': 6 } },
    then: ['us'],
  },
  {
    rule: 'who pulls has to be known',
    replicate: [{ select: { roles: ['primary'] }, copies: 1, placement: 'by-pulls' }],
    then: { outcome: 'held', code: 'FACTS_AWAITED', awaiting: ['pulls'], targets: [] },
  },
  {
    rule: 'unless there is nothing to choose',
    replicate: [{ select: { jurisdictions: ['US'] }, copies: 1, placement: 'by-pulls' }],
    then: ['us'],
  },
  {
    rule: 'a primary that is down gives way to the secondary',
    replicate: [{ select: { regions: ['eu-west', 'eu-north'], jurisdictions: ['EU'] }, copies: 2 }],
    when: { registries: { a: { isHealthy: false }, eu: { isHealthy: false } } },
    then: ['spare', 'last'],
  },
  {
    rule: 'one that is down is still taken where there is no other',
    replicate: [{ select: { jurisdictions: ['US'] }, copies: 1 }],
    when: { registries: { us: { isHealthy: false } } },
    then: ['us'],
  },
  {
    rule: 'and is one of all, where all are meant',
    replicate: [{ select: { jurisdictions: ['US'] } }],
    when: { registries: { us: { isHealthy: false } } },
    then: ['us'],
  },
  {
    rule: 'one that was chosen before stays chosen while it is down: what lies there does not move to and fro',
    replicate: [{ select: { jurisdictions: ['EU'] }, copies: 1, placement: 'cheapest' }],
    when: { registries: { eu: { isHealthy: false, wasChosen: true } } },
    then: ['eu'],
  },
  {
    rule: 'one that took its place gives way again once it is up',
    replicate: [{ select: { jurisdictions: ['EU'], regions: ['eu-west', 'eu-north'] }, copies: 1, placement: 'nearest' }],
    when: { registries: { a: { isHealthy: true }, spare: { isHealthy: true, wasChosen: true } } },
    then: ['a'],
  },
  {
    rule: 'one that was chosen by pulls stays chosen when others are pulled more, among those of its role',
    replicate: [{ select: { roles: ['primary'] }, copies: 1, placement: 'by-pulls' }],
    when: { pullsByRegion: { 'us-east': 7, 'eu-west': 6 }, registries: { eu: { wasChosen: true } } },
    then: ['eu'],
  },
  {
    rule: 'a full one gives way',
    given: [registry('us', { jurisdiction: 'US', limits: { bytesMax: 100 } }), registry('us-2', { jurisdiction: 'US' })],
    replicate: [{ select: { jurisdictions: ['US'] }, copies: 1 }],
    when: { registries: { us: { usedBytes: 100 } } },
    then: ['us-2'],
  },
  {
    rule: 'residency keeps an image out of other places, whatever the priority',
    given: [gdpr],
    replicate: [{ registry: 'us' }, { registry: 'eu' }],
    when: labelled({ data: 'personal' }),
    then: ['eu'],
  },
  {
    rule: 'and says why',
    given: [gdpr],
    replicate: [{ registry: 'us' }],
    when: labelled({ data: 'personal' }),
    then: {
      outcome: 'deny',
      code: 'RESIDENCY_REFUSED',
      reason: 'it may go nowhere that the policy names: not to us: it is in US, and residency gdpr allows EU alone: GDPR',
    },
  },
  {
    rule: 'also beside targets that it leaves',
    given: [gdpr],
    replicate: [{ select: { roles: ['primary'] } }],
    when: labelled({ data: 'personal' }),
    then: {
      outcome: 'allow',
      reason: `nothing more is required; not to moon: its jurisdiction is not known, ${euAlone}; not to us: it is in US, ${euAlone}`,
    },
  },
  {
    rule: 'copies are chosen among what it leaves',
    given: [gdpr],
    replicate: [{ select: { roles: ['primary'] }, copies: 2, placement: 'cheapest' }],
    when: labelled({ data: 'personal' }),
    then: ['eu', 'a'],
  },
  {
    rule: 'a registry that nothing is published of is in no jurisdiction',
    given: [gdpr],
    replicate: [{ registry: 'nowhere' }],
    when: labelled({ data: 'personal' }),
    then: { code: 'RESIDENCY_REFUSED' },
  },
  {
    rule: 'an image that it is not about goes where it is sent',
    given: [gdpr],
    replicate: [{ registry: 'us' }],
    when: labelled({ data: 'public' }),
    then: ['us'],
  },
  {
    rule: 'all that are about an image hold',
    given: [gdpr, documentOf('Residency', 'north', { match: {}, regions: ['eu-north'] })],
    replicate: [{ select: { jurisdictions: ['EU', 'US'] } }],
    when: labelled({ data: 'personal' }),
    then: ['last', 'spare'],
  },
  {
    rule: 'where it is not known whether it is about an image, that is waited for',
    given: [documentOf('Residency', 'acme', { match: { tenants: ['acme'] }, jurisdictions: ['EU'] })],
    replicate: [{ registry: 'us' }],
    then: { outcome: 'held', awaiting: ['tenant'] },
  },
];

describe('where an image goes', () => {
  for (const { rule, given = [], replicate, when, then } of rules)
    it(rule, () => {
      const policy = documentOf('ReplicationPolicy', 'p', { priority: 1_000_000, match: {}, replicate });
      const decision = evaluate(compileRulebook([...registries, ...given, policy]).replication, evidence(when), nowMs);
      const names = decision.targets.map((target) => target.registry);
      if (Array.isArray(then)) assert.deepEqual(names, then, decision.reason);
      else for (const [field, value] of Object.entries(then)) assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  it('is explained: why each registry was chosen, and each other not', () => {
    const replicate = [{ select: { jurisdictions: ['EU', 'US'] }, copies: 1, placement: 'cheapest' }];
    const rulebook = compileRulebook([...registries, gdpr, documentOf('ReplicationPolicy', 'p', { match: {}, replicate })]);
    const { targets } = explain(
      rulebook.replication,
      evidence({ ...labelled({ data: 'personal' }), registries: { a: { isHealthy: false } } }),
      nowMs,
    );
    assert.deepEqual(
      targets.map(({ path, registry: name, outcome, reason }) => `${path} ${name} ${outcome}: ${reason}`),
      [
        'spec.replicate.0 eu chosen: it is number 1, and copies are 1: primary, 2 per GB and month stored, 9 per GB moved',
        'spec.replicate.0 a not-chosen: it is number 4, and copies are 1: not healthy, primary, 3 per GB and month stored, 0 per GB moved',
        'spec.replicate.0 last not-chosen: it is number 3, and copies are 1: fallback, 0 per GB and month stored, 0 per GB moved',
        'spec.replicate.0 moon not-chosen: its jurisdiction is not known, not EU or US',
        'spec.replicate.0 spare not-chosen: it is number 2, and copies are 1: secondary, 1 per GB and month stored, 0 per GB moved',
        'spec.replicate.0 us refused: it is in US, and residency gdpr allows EU alone: GDPR',
      ],
    );
  });

  it('says nothing of what a confidential policy or residency asks for', () => {
    const replicate = [{ select: { jurisdictions: ['EU', 'US'] } }];
    const secret = documentOf('Residency', 'x', { match: {}, jurisdictions: ['EU'], reason: 'Contoso' }, { sensitive: true });
    const open = compileRulebook([...registries, secret, documentOf('ReplicationPolicy', 'p', { match: {}, replicate })]).replication;
    assert.doesNotMatch(JSON.stringify(explain(open, evidence(), nowMs)), /Contoso|residency x/);
    const sealed = documentOf('ReplicationPolicy', 'p', { match: {}, replicate }, { sensitive: true });
    assert.deepEqual(explain(compileRulebook([...registries, sealed]).replication, evidence(), nowMs).targets, []);
  });

  it('is a matter of images that are copied: what may run has no targets', () => {
    const rulebook = compileRulebook([...registries, gdpr, documentOf('AdmissionPolicy', 'p', { match: {} })]);
    const { outcome, targets } = evaluate(rulebook.admission, evidence(), nowMs);
    assert.deepEqual([outcome, targets], ['allow', []]);
  });
});
