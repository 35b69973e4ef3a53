import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { targetAt } from '@waybill/domain/testing';
import { documentOf } from '../document.fixture.ts';
import { evaluate, type Decision } from '../evaluate.ts';
import { explain } from '../explain.ts';
import { parsePolicy } from '../policy.ts';
import { compileRulebook } from '../rulebook.ts';
import { document, evidence, nowMs } from '../testing.fixture.ts';

// Goal: a decision says which part of an image each target takes and how urgent that is, and never lets an empty or an unknown part go.
const image = (platforms?: readonly string[], kind = 'index') =>
  evidence({ inspection: { status: 'done', kind, labels: {}, platformDigests: [], ...(platforms && { platforms }) } });
const eu = documentOf('Registry', 'us', { host: 'us.test', jurisdiction: 'US' });
const gdpr = documentOf('Residency', 'gdpr', { match: {}, jurisdictions: ['EU'] });
const rulebookOf = (replicate: readonly object[], ...beside: readonly ReturnType<typeof documentOf>[]) =>
  compileRulebook([...beside, documentOf('ReplicationPolicy', 'p', { match: {}, replicate })]).replication;

const both = ['linux/amd64', 'linux/arm64'];
const amd64 = { registry: 'b', platforms: ['linux/amd64'] };
const taking = (...platforms: readonly string[]) => [targetAt('b', 'demo/app', 'v1', { platforms })];

type Rule = {
  readonly rule: string;
  readonly replicate: readonly object[];
  readonly given: ReturnType<typeof image>;
  readonly beside?: readonly ReturnType<typeof documentOf>[];
  readonly then: Partial<Decision>;
};

const rules: readonly Rule[] = [
  {
    rule: 'all of an image is taken where nothing is said',
    replicate: [{ registry: 'b' }],
    given: image(both),
    then: { targets: taking() },
  },
  { rule: 'those of an index that are wanted', replicate: [amd64], given: image(both), then: { targets: taking('linux/amd64') } },
  {
    rule: 'those that it has of them, each once and in order',
    replicate: [{ registry: 'b', platforms: ['windows/amd64', 'linux/arm64', 'linux/amd64', 'linux/amd64'] }],
    given: image([...both, 'linux/arm/v7']),
    then: { targets: taking('linux/amd64', 'linux/arm64') },
  },
  {
    rule: 'however they are spelt',
    replicate: [{ registry: 'b', platforms: ['linux/aarch64'] }],
    given: image(['linux/amd64', 'linux/arm64/v8']),
    then: { targets: taking('linux/arm64') },
  },
  {
    rule: 'where nothing is left out it is the image as it is, with its own digest',
    replicate: [{ registry: 'b', platforms: [...both, 'linux/arm/v7'] }],
    given: image(both),
    then: { targets: taking() },
  },
  { rule: 'so is an image for one platform', replicate: [amd64], given: image(['linux/amd64'], 'image'), then: { targets: taking() } },
  { rule: 'an artifact is for every platform', replicate: [amd64], given: image(undefined, 'artifact'), then: { targets: taking() } },
  {
    rule: 'nothing goes where none of them is left, and the reason says what there is',
    replicate: [amd64],
    given: image(['linux/arm64']),
    then: {
      ...{ outcome: 'deny', code: 'PLATFORMS_NONE', targets: [] },
      reason: 'nothing of it goes where the policy names: not to b: the image is for linux/arm64, and the policy wants linux/amd64',
    },
  },
  {
    rule: 'a target that nothing of it is for stops no other',
    replicate: [amd64, { registry: 'c' }],
    given: image(['linux/arm64']),
    then: {
      ...{ outcome: 'allow', targets: [targetAt('c', 'demo/app', 'v1')] },
      reason: 'nothing more is required; not to b: the image is for linux/arm64, and the policy wants linux/amd64',
    },
  },
  {
    rule: 'where the law keeps out the others, that is what is said',
    replicate: [amd64, { registry: 'us' }],
    given: image(['linux/arm64']),
    beside: [eu, gdpr, documentOf('Registry', 'b', { host: 'b.test', jurisdiction: 'EU' })],
    then: { outcome: 'deny', code: 'RESIDENCY_REFUSED' },
  },
  {
    rule: 'what it is for has to be known',
    replicate: [amd64],
    given: image(),
    then: {
      ...{ outcome: 'held', code: 'FACTS_AWAITED', awaiting: ['platforms'], targets: [] },
      reason: 'waits for platforms: it is not known which platforms the image is for',
    },
  },
  {
    rule: 'of two targets that mean the same place the first says what is taken',
    replicate: [amd64, { registry: 'b' }, { registry: 'b', priorityClass: 'low' }],
    given: image(both),
    then: { targets: taking('linux/amd64') },
  },
  {
    rule: 'each target has its class',
    replicate: [{ registry: 'b', priorityClass: 'critical' }, { registry: 'c' }],
    given: image(both),
    then: { targets: [targetAt('b', 'demo/app', 'v1', { priorityClass: 'critical' }), targetAt('c', 'demo/app', 'v1')] },
  },
];

describe('what of an image is copied', () => {
  for (const { rule, replicate, given, beside = [], then } of rules)
    it(rule, () => {
      const decision = evaluate(rulebookOf(replicate, ...beside), given, nowMs);
      for (const [field, value] of Object.entries(then)) assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  it('is explained, with what it means for signatures, and which target comes second', () => {
    const replicate = [{ ...amd64, priorityClass: 'critical' }, { registry: 'b' }, { registry: 'c', platforms: ['linux/s390x'] }];
    const { targets } = explain(rulebookOf(replicate), image(both), nowMs);
    assert.deepEqual(
      targets.map(({ path, registry, outcome, reason }) => `${path} ${registry} ${outcome}: ${reason}`),
      [
        'spec.replicate.0 b chosen: the policy names it; linux/amd64 alone, under another digest, ' +
          'so that signatures of the whole are not about it; of class critical',
        'spec.replicate.1 b not-chosen: spec.replicate.0 means the same place, and comes first',
        'spec.replicate.2 c refused: the image is for linux/amd64, linux/arm64, and the policy wants linux/s390x',
      ],
    );
    const [waits] = explain(rulebookOf([amd64]), image(), nowMs).targets;
    assert.deepEqual([waits?.outcome, waits?.reason], ['not-chosen', 'the policy names it; waits for platforms']);
  });

  it('is written as os/architecture[/variant], and classes are four', () => {
    for (const wrong of [
      { platforms: [] },
      { platforms: ['linux'] },
      { platforms: ['linux/*'] },
      { platforms: 'linux/amd64' },
      { priorityClass: 'urgent' },
    ])
      assert.equal(parsePolicy(document('p', { replicate: [{ registry: 'b', ...wrong }] })).ok, false, JSON.stringify(wrong));
  });
});
