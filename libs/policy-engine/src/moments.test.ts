import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { evaluate } from './evaluate.ts';
import type { Evidence } from './evidence.ts';
import { nextChangeMs } from './moments.ts';
import { compileRulebook, type Document } from './rulebook.ts';
import { compileSet, type CompiledSet } from './set/compiled-set.ts';
import { anyEvidence, anyPolicies } from './testing.ts';
import { amd64, arm64, evidence, exception, hour, nowMs, policy, scanned } from './testing.fixture.ts';

const daily = policy('daily', { require: { scan: { withinHours: 24, worstSeverity: 'high' } } });
const listed = policy('listed', { require: { noFindings: ['CVE-1'] } });
const found = { ...scanned(amd64, 'high'), findings: [{ id: 'CVE-1', severity: 'high' }] };
const february = Date.UTC(2026, 1, 1); // When the exceptions of the fixture expire.

type Rule = {
  readonly rule: string;
  readonly given: readonly Document[];
  readonly scans?: readonly ReturnType<typeof scanned>[];
  readonly then: number;
};
const rules: readonly Rule[] = [
  { rule: 'what asks for nothing that ages never changes', given: [policy('all')], then: Infinity },
  { rule: 'what nobody decides never changes', given: [], then: Infinity },
  { rule: 'a scan counts up to its last millisecond', given: [daily], then: nowMs + 24 * hour + 1 },
  {
    rule: 'the oldest of the scans counts',
    given: [daily],
    scans: [scanned(amd64, 'low', nowMs - hour), scanned(arm64, 'low')],
    then: nowMs + 23 * hour + 1,
  },
  {
    rule: 'a scan that is too old already changes nothing more',
    given: [daily],
    scans: [scanned(amd64, 'low', nowMs - 25 * hour), scanned(arm64, 'low')],
    then: nowMs + 24 * hour + 1,
  },
  { rule: 'what waits for all of its scans waits for no moment', given: [daily], scans: [], then: Infinity },
  {
    rule: 'a refusal ends with the scan that it is based on',
    given: [daily],
    scans: [scanned(amd64, 'critical'), scanned(arm64, 'low', nowMs + hour)],
    then: nowMs + 24 * hour + 1,
  },
  {
    rule: 'an exception counts until it expires',
    given: [listed, exception('web')],
    scans: [found, scanned(arm64, 'none')],
    then: february,
  },
  {
    rule: 'a condition over time is looked at again at the next full hour, whatever it says now',
    given: [policy('night', { when: 'time.hour < 6' }), policy('day', { when: 'time.hour >= 6', priority: 1 })],
    then: nowMs + hour,
  },
  {
    rule: 'a condition over time on other images changes nothing',
    given: [daily, policy('night', { match: { tags: ['other'] }, when: 'time.hour < 6', priority: 1 })],
    then: nowMs + 24 * hour + 1,
  },
  { rule: 'an exception for something else does not count', given: [daily, exception('web')], then: nowMs + 24 * hour + 1 },
];

describe('the moment from which time alone may change a decision', () => {
  for (const { rule, given, scans, then } of rules)
    it(rule, () => {
      const set = compileRulebook(given).replication;
      assert.equal(nextChangeMs(set, evidence(scans === undefined ? {} : { scans }), nowMs), then);
    });

  const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const assertSameUntil = (set: CompiledSet, image: Evidence, nextMs: number, between: number): void => {
    const endMs = Math.min(nextMs, nowMs + 100 * hour);
    const now = evaluate(set, image, nowMs);
    for (const atMs of [endMs - 1, nowMs + Math.floor(between * (endMs - nowMs))]) assert.deepEqual(evaluate(set, image, atMs), now);
  };

  it('is after every moment at which the decision is what it is now', () =>
    fc.assert(
      fc.property(fc.tuple(anyPolicies(5), anyEvidence(nowMs), share), ([policies, image, between]) => {
        const set = compileSet(policies);
        assertSameUntil(set, image, nextChangeMs(set, image, nowMs), between);
      }),
      { numRuns: 300 },
    ));

  it('is reached step by step by all changes that time makes, however scans and exceptions overlap', () => {
    let changes = 0;
    const scan = fc.record({
      severity: fc.constantFrom('low', 'medium', 'critical'),
      hours: fc.double({ min: -2, max: 30, noNaN: true }),
      findings: fc.subarray(['CVE-1', 'CVE-2']),
    });
    const any = fc.record({
      scans: fc.tuple(scan, scan),
      withinHours: fc.constantFrom(1, 1.7, 24),
      noFindings: fc.subarray(['CVE-1', 'CVE-2'], { minLength: 1 }),
      expiring: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
      between: share,
    });
    fc.assert(
      fc.property(any, ({ scans, withinHours, noFindings, expiring, between }) => {
        const requires = { scan: { withinHours, worstSeverity: 'medium' }, noFindings };
        const exceptions = expiring.map((hours, index) => {
          const expiresAt = `${new Date(nowMs + hours * hour).toISOString().slice(0, 16)}Z`;
          return exception(`e${index}`, { finding: index === 0 ? 'CVE-2' : 'CVE-1', expiresAt });
        });
        const set = compileRulebook([policy('p', { require: requires }), ...exceptions]).replication;
        const facts = scans.map(({ severity, hours, findings }, index) => ({
          ...scanned([amd64, arm64][index]!, severity, Math.floor(nowMs - hours * hour)),
          findings: findings.map((id) => ({ id, severity })),
        }));
        const image = evidence({ scans: facts });
        let atMs = nowMs;
        for (let next = nextChangeMs(set, image, atMs); next < Infinity; next = nextChangeMs(set, image, atMs)) {
          const before = evaluate(set, image, atMs);
          for (const moment of [next - 1, atMs + Math.floor(between * (next - atMs))])
            assert.deepEqual(evaluate(set, image, moment), before);
          if (evaluate(set, image, next).outcome !== before.outcome) changes += 1;
          atMs = next;
        }
        assert.deepEqual(evaluate(set, image, atMs + 1_000 * hour), evaluate(set, image, atMs), 'after the last one');
      }),
      { numRuns: 300 },
    );
    assert.ok(changes > 10, `${changes} changes`);
  });
});
