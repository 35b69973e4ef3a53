import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentOf } from '../document.fixture.ts';
import { evaluate, type Decision } from '../evaluate.ts';
import type { Evidence, UsageFact } from '../evidence.ts';
import { compileRulebook } from '../rulebook.ts';
import { evidence, nowMs } from '../testing.fixture.ts';

const everywhere = documentOf('ReplicationPolicy', 'p', { match: {}, replicate: [{ registry: 'b' }, { registry: 'c' }] });
const usage = (changes: Partial<UsageFact> = {}): UsageFact => ({ bytes: 0, images: 0, copiesLastHour: 0, isCounted: false, ...changes });
const sized = (sizeBytes?: number): Partial<Evidence> => ({
  inspection: { status: 'done', kind: 'image', labels: {}, platformDigests: [], ...(sizeBytes === undefined ? {} : { sizeBytes }) },
});

type Rule = {
  readonly rule: string;
  readonly quota: object;
  readonly when: Partial<Evidence>;
  readonly then: Partial<Decision>;
};

const rules: readonly Rule[] = [
  {
    rule: 'copies that fit to the last byte go',
    quota: { bytesMax: 100 },
    when: { ...sized(10), usage: usage({ bytes: 80 }) },
    then: { outcome: 'allow' },
  },
  {
    rule: 'each copy counts, and one byte too many denies, with what to do',
    quota: { bytesMax: 100 },
    when: { ...sized(10), usage: usage({ bytes: 81 }) },
    then: {
      outcome: 'deny',
      code: 'QUOTA_EXCEEDED',
      reason:
        'tenant acme would have 101 bytes, and its quota is 100: delete what is not needed ' +
        '(`waybill policy cleanup acme` proposes what), or have the quota raised',
      targets: [],
    },
  },
  {
    rule: 'so does one image too many',
    quota: { imagesMax: 9 },
    when: { usage: usage({ images: 8 }) },
    then: { outcome: 'deny', code: 'QUOTA_EXCEEDED' },
  },
  {
    rule: 'copies over the rate wait: there is room again within the hour',
    quota: { copiesPerHourMax: 9 },
    when: { usage: usage({ copiesLastHour: 8 }) },
    then: { outcome: 'held', code: 'QUOTA_EXCEEDED', awaiting: ['usage of tenant acme'], targets: [] },
  },
  {
    rule: 'what does not fit at all is not kept waiting for the rate',
    quota: { imagesMax: 9, copiesPerHourMax: 9 },
    when: { usage: usage({ images: 9, copiesLastHour: 9 }) },
    then: { outcome: 'deny' },
  },
  {
    rule: 'what filled the quota is not refused for it',
    quota: { imagesMax: 9 },
    when: { usage: usage({ images: 9, isCounted: true }) },
    then: { outcome: 'allow' },
  },
  {
    rule: 'usage that nobody has counted is waited for',
    quota: { imagesMax: 9 },
    when: {},
    then: { outcome: 'held', code: 'FACTS_AWAITED', awaiting: ['usage of tenant acme'] },
  },
  {
    rule: 'so is a size, where bytes are limited',
    quota: { bytesMax: 9 },
    when: { ...sized(), usage: usage() },
    then: { outcome: 'held', awaiting: ['size'] },
  },
  { rule: 'and only there', quota: { imagesMax: 9 }, when: { ...sized(), usage: usage() }, then: { outcome: 'allow' } },
];

describe('the quota of a tenant', () => {
  const decide = (quota: object, changes: Partial<Evidence>): Decision => {
    const acme = documentOf('Tenant', 'acme', { repositories: ['acme/**'], quota });
    const { replication } = compileRulebook([acme, everywhere]);
    return evaluate(replication, evidence({ repository: 'acme/app', ...changes }), nowMs);
  };
  for (const { rule, quota, when, then } of rules)
    it(rule, () => {
      const decision = decide(quota, when);
      for (const [field, value] of Object.entries(then)) assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  it('is nothing to the images of others', () =>
    assert.equal(decide({ imagesMax: 1 }, { repository: 'other/app', usage: usage({ images: 9 }) }).outcome, 'allow'));
});
