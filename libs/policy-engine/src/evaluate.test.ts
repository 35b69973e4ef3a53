import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { targetAt } from '@waybill/domain/testing';
import fc from 'fast-check';
import { evaluate, type Decision } from './evaluate.ts';
import type { Evidence } from './evidence.ts';
import { traceMax, traceOf } from './explain.ts';
import type { Policy } from './policy.ts';
import { compileSet } from './set/compiled-set.ts';
import { amd64, arm64, evidence, hour, nowMs, policy, scanned } from './testing.fixture.ts';

const needsScan = { require: { scan: { withinHours: 24, worstSeverity: 'high' } } };
const strict = policy('prod', { match: { repositories: ['demo/**'] }, ...needsScan });
const signatures = policy('artifacts', { priority: 1, match: { repositories: ['demo/**'], kinds: ['artifact'] } });
const inspected = { status: 'done', kind: 'index', labels: {}, platformDigests: [amd64, arm64] } as const;
const failed = { digest: amd64, outcome: 'failed', worstSeverity: 'unknown', reason: 'SCANNER_TIMEOUT: too slow', scannedAtMs: nowMs };

type Rule = {
  readonly rule: string;
  readonly given: readonly Policy[];
  readonly when?: Partial<Evidence>;
  readonly then: Partial<Decision>;
};
const rules: readonly Rule[] = [
  {
    rule: 'an image that is scanned well enough goes to the targets',
    given: [strict],
    then: { outcome: 'allow', policyId: 'prod', targets: [targetAt('b', 'demo/app', 'v1')] },
  },
  { rule: 'no policy at all denies', given: [], then: { outcome: 'deny', policyId: null, reason: 'no policy matches', targets: [] } },
  {
    rule: 'no policy that matches denies',
    given: [strict],
    when: { repository: 'other/app' },
    then: { outcome: 'deny', policyId: null, reason: 'no policy matches' },
  },
  {
    rule: 'registries are named by globs and expressions too',
    given: [
      policy('own', { match: { registries: ['*.test', { regex: 'registry-[0-9]+[.]example:5000' }], exclude: { registries: ['b.*'] } } }),
    ],
    when: { registry: 'registry-7.example:5000' },
    then: { outcome: 'allow', policyId: 'own' },
  },
  {
    rule: 'and excluded by them',
    given: [policy('own', { match: { registries: ['*.test'], exclude: { registries: ['b.*'] } } })],
    when: { registry: 'b.test' },
    then: { outcome: 'deny', policyId: null },
  },
  {
    rule: 'one for any of the platforms is meant, however that is written',
    given: [policy('arm', { match: { platforms: ['linux/aarch64'] } })],
    when: { inspection: { ...inspected, platforms: ['linux/amd64', 'linux/arm64/v8'] } },
    then: { outcome: 'allow', policyId: 'arm' },
  },
  {
    rule: 'one for another platform is not',
    given: [policy('arm', { match: { platforms: ['linux/arm64'] } })],
    when: { inspection: { ...inspected, platforms: ['linux/amd64', 'linux/arm/v7'] } },
    then: { outcome: 'deny', policyId: null },
  },
  {
    rule: 'and neither is an artifact, which is for none',
    given: [policy('arm', { match: { platforms: ['linux/arm64'] } })],
    when: { inspection: { ...inspected, kind: 'artifact' } },
    then: { outcome: 'deny', policyId: null },
  },
  {
    rule: 'where platforms are not known it is held',
    given: [policy('arm', { match: { platforms: ['linux/arm64'] } })],
    when: { inspection: inspected },
    then: { outcome: 'held', policyId: 'arm', awaiting: ['inspection'] },
  },
  {
    rule: 'without an inspection it is held, also where no scan is asked for',
    given: [policy('open')],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'held', policyId: 'open', awaiting: ['inspection'], targets: [] },
  },
  {
    rule: 'a failed inspection denies',
    given: [policy('open')],
    when: { inspection: { status: 'failed', reason: 'MANIFEST_UNKNOWN: gone' } },
    then: { outcome: 'deny', reason: 'the inspection failed: MANIFEST_UNKNOWN: gone' },
  },
  {
    rule: 'each platform that is not scanned is waited for',
    given: [strict],
    when: { scans: [] },
    then: { outcome: 'held', awaiting: [`scan of ${amd64}`, `scan of ${arm64}`] },
  },
  {
    rule: 'one platform that is not scanned holds, also where another is bad: the decision does not depend on which comes first',
    given: [strict],
    when: { scans: [scanned(amd64, 'critical')] },
    then: { outcome: 'held', awaiting: [`scan of ${arm64}`] },
  },
  {
    rule: 'a scan of something else counts for nothing',
    given: [strict],
    when: { scans: [scanned(amd64, 'none'), scanned(`sha256:${'9'.repeat(64)}`, 'none')] },
    then: { outcome: 'held', awaiting: [`scan of ${arm64}`] },
  },
  {
    rule: 'a finding over the bound denies, naming digest and severity',
    given: [strict],
    when: { scans: [scanned(amd64, 'critical'), scanned(arm64, 'none')] },
    then: { outcome: 'deny', reason: `${amd64} has findings of severity critical (at most high)`, targets: [] },
  },
  {
    rule: 'a severity that nobody knows is over every bound',
    given: [policy('lax', { require: { scan: { withinHours: 24, worstSeverity: 'critical' } } })],
    when: { scans: [scanned(amd64, 'apocalyptic'), scanned(arm64, 'none')] },
    then: { outcome: 'deny' },
  },
  {
    rule: 'unscored findings are within low, but not within none',
    given: [policy('clean', { require: { scan: { withinHours: 24, worstSeverity: 'none' } } })],
    when: { scans: [scanned(amd64, 'unknown'), scanned(arm64, 'none')] },
    then: { outcome: 'deny' },
  },
  {
    rule: 'a failed scan denies with its reason',
    given: [strict],
    when: { scans: [failed, scanned(arm64, 'none')] },
    then: { outcome: 'deny', reason: `the scan of ${amd64} failed: SCANNER_TIMEOUT: too slow` },
  },
  {
    rule: 'a scan that is too old is waited for anew',
    given: [strict],
    when: { scans: [scanned(amd64, 'none', nowMs - 25 * hour), scanned(arm64, 'none', nowMs - 24 * hour)] },
    then: { outcome: 'held', awaiting: [`scan of ${amd64} (the last is older than 24 h)`] },
  },
  {
    rule: 'where a scan is required, something without platforms is denied',
    given: [strict],
    when: { inspection: { status: 'done', kind: 'artifact', labels: {}, platformDigests: [] }, scans: [] },
    then: {
      outcome: 'deny',
      reason: 'a scan is required, and the artifact has no platform that can be scanned: a policy with kinds: [artifact] can let it go',
    },
  },
  {
    rule: 'a policy of their own lets artifacts go without a scan',
    given: [strict, signatures],
    when: {
      tag: `sha256-${'0'.repeat(64)}.sig`,
      inspection: { status: 'done', kind: 'artifact', labels: {}, platformDigests: [] },
      scans: [],
    },
    then: { outcome: 'allow', policyId: 'artifacts' },
  },
  {
    rule: 'an image under the name of a signature is none, and wants its scan',
    given: [strict, signatures],
    when: { tag: `sha256-${'0'.repeat(64)}.sig`, scans: [] },
    then: { outcome: 'held', policyId: 'prod' },
  },
  {
    rule: 'what it is has to be known first',
    given: [strict, signatures],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'held', policyId: 'artifacts', awaiting: ['inspection'], reason: 'waits for inspection: its kind is not known yet' },
  },
  {
    rule: 'a policy with a condition decides where it holds',
    given: [policy('friends', { priority: 1, when: "image.labels.team == 'core'" }), policy('others', { effect: 'deny' })],
    then: { outcome: 'allow', policyId: 'friends' },
  },
  {
    rule: 'and leaves to the next what it does not hold for',
    given: [policy('friends', { priority: 1, when: "image.labels.team == 'edge'" }), policy('others', { effect: 'deny' })],
    then: { outcome: 'deny', policyId: 'others' },
  },
  {
    rule: 'a condition about facts that are not there yet holds the image, whatever others would say',
    given: [policy('signed', { priority: 1, when: 'size(signatures) > 0' }), policy('others')],
    then: {
      outcome: 'held',
      policyId: 'signed',
      awaiting: ['signatures'],
      reason: 'waits for signatures: what spec.when asks for is not known yet',
    },
  },
  {
    rule: 'all that match and condition wait for is waited for',
    given: [policy('both', { match: { tenants: ['t1'], kinds: ['index'] }, when: "image.kind == 'index' && size(sboms) > 0" })],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'held', awaiting: ['tenant', 'inspection', 'sbom'] },
  },
  {
    rule: 'a condition about what a failed inspection would have said denies',
    given: [policy('kind', { when: "image.kind == 'index'" }), policy('others')],
    when: { inspection: { status: 'failed', reason: 'MANIFEST_UNKNOWN: gone' } },
    then: { outcome: 'deny', code: 'INSPECTION_FAILED', policyId: 'kind' },
  },
  {
    rule: 'a condition that fails denies what its policy may be about',
    given: [policy('broken', { priority: 1, when: "image.labels.owner == 'x'" }), policy('others')],
    then: {
      outcome: 'deny',
      code: 'POLICY_FAILED',
      policyId: 'broken',
      reason: 'spec.when fails: image.labels.owner is not there: ask has(image.labels.owner) first',
    },
  },
  {
    rule: 'a condition that fails changes nothing that is decided before it',
    given: [policy('first', { priority: 2 }), policy('broken', { priority: 1, when: '1 / 0 == 1' })],
    then: { outcome: 'allow', policyId: 'first' },
  },
  {
    rule: 'a condition that fails changes nothing of what its match leaves out',
    given: [policy('broken', { priority: 1, match: { tags: ['x'] }, when: '1 / 0 == 1' }), policy('others')],
    then: { outcome: 'allow', policyId: 'others' },
  },
  {
    rule: 'a condition that fails waits for the fact that may show that it is not meant',
    given: [policy('broken', { priority: 1, match: { tenants: ['t1'] }, when: '1 / 0 == 1' }), policy('others')],
    then: { outcome: 'held', policyId: 'broken', awaiting: ['tenant'] },
  },
  {
    rule: 'a label that is required and is not there, or is another, denies, without waiting for a scan',
    given: [policy('owned', { require: { labels: { team: 'edge', owner: '*', constructor: '*' }, ...needsScan.require } })],
    when: { scans: [] },
    then: { outcome: 'deny', code: 'LABELS_MISSING', reason: 'it lacks required labels: constructor; owner; team=edge' },
  },
  {
    rule: 'labels that are required and there let it go',
    given: [policy('owned', { require: { labels: { team: '*' } } })],
    then: { outcome: 'allow', code: 'REQUIREMENTS_MET' },
  },
  {
    rule: 'labels that are required are waited for',
    given: [policy('owned', { require: { labels: { team: '*' } } })],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'held', awaiting: ['inspection'] },
  },
  {
    rule: 'a denying policy gives its reason and waits for nothing',
    given: [policy('sandbox', { effect: 'deny', reason: 'stays here' })],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'deny', policyId: 'sandbox', reason: 'stays here' },
  },
  {
    rule: 'the higher priority decides',
    given: [policy('a', { priority: 1, match: { repositories: ['demo/app'] } }), policy('b', { priority: 2, effect: 'deny' })],
    then: { outcome: 'deny', policyId: 'b' },
  },
  {
    rule: 'among equals the more specific decides',
    given: [policy('a', { match: { repositories: ['demo/*'] } }), policy('b', { match: { repositories: ['demo/app'] } })],
    then: { policyId: 'b' },
  },
  {
    rule: 'among equals one that denies decides, however specific another is',
    given: [policy('a', { match: { repositories: ['demo/app'] } }), policy('b', { effect: 'deny' })],
    then: { outcome: 'deny', policyId: 'b', code: 'DENIED_BY_POLICY' },
  },
  {
    rule: 'a higher priority lets go what a lower one denies to all others',
    given: [policy('rest', { effect: 'deny' }), policy('prod', { priority: 1, match: { repositories: ['demo/**'] } })],
    then: { outcome: 'allow', policyId: 'prod' },
  },
  { rule: 'among equally specific ones the name decides', given: [policy('b'), policy('a')], then: { policyId: 'a' } },
  {
    rule: 'labels match all together; * is any value',
    given: [policy('labelled', { match: { labels: { team: '*' } } }), policy('wrong', { match: { labels: { team: 'core', tier: '1' } } })],
    then: { outcome: 'allow', policyId: 'labelled' },
  },
  {
    rule: 'a policy by label that may yet forbid holds what a lower one would allow',
    given: [policy('secret', { priority: 9, match: { labels: { secret: '*' } }, effect: 'deny' }), policy('open')],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'held', policyId: 'secret', awaiting: ['inspection'] },
  },
  {
    rule: 'what is excluded is not matched, whatever else is',
    given: [policy('all', { match: { repositories: ['demo/**'], exclude: { tags: [{ regex: 'v[0-9]+' }] } } })],
    then: { code: 'NO_POLICY_MATCHES' },
  },
  {
    rule: 'each label that is excluded is enough',
    given: [policy('all', { match: { exclude: { labels: { tier: '1', team: '*' } } } })],
    then: { code: 'NO_POLICY_MATCHES' },
  },
  {
    rule: 'what a label may exclude is held until labels are known',
    given: [policy('all', { match: { exclude: { labels: { team: 'other' } } } })],
    when: { inspection: { status: 'missing' } },
    then: { outcome: 'held', awaiting: ['inspection'], reason: 'waits for inspection: its labels are not known yet' },
  },
  {
    rule: 'a version range picks tags',
    given: [policy('new', { match: { tags: [{ semver: '>=2.0.0' }] } }), policy('old', { match: { tags: [{ semver: '1.x' }] } })],
    when: { tag: 'v1.4.0' },
    then: { policyId: 'old' },
  },
  {
    rule: 'a policy for tenants waits until it is known whose image it is',
    given: [policy('acme', { match: { tenants: ['acme'] } })],
    then: { outcome: 'held', code: 'FACTS_AWAITED', awaiting: ['tenant'] },
  },
  {
    rule: 'the image of nobody is not that of a tenant',
    given: [policy('acme', { match: { tenants: ['acme'] } })],
    when: { tenant: null },
    then: { code: 'NO_POLICY_MATCHES' },
  },
  {
    rule: 'a label that only the prototype has is not there',
    given: [policy('odd', { match: { labels: { constructor: '*' } } })],
    then: { outcome: 'deny', reason: 'no policy matches' },
  },
  {
    rule: 'targets are filled in once, and each is named once',
    given: [
      policy('copy', {
        replicate: [{ registry: 'b', repository: 'mirror/{repository}', tag: '{tag}-eu' }, { registry: 'b' }, { registry: 'b' }],
      }),
    ],
    then: { targets: [targetAt('b', 'mirror/demo/app', 'v1-eu'), targetAt('b', 'demo/app', 'v1')] },
  },
  {
    rule: 'a target that is no name denies instead of failing later',
    given: [policy('copy', { replicate: [{ registry: 'b', repository: 'UPPER/{repository}' }] })],
    then: { outcome: 'deny', targets: [] },
  },
];

describe('evaluating', () => {
  for (const { rule, given, when, then } of rules)
    it(rule, () => {
      const decision = evaluate(compileSet(given), evidence(when), nowMs);
      for (const [field, value] of Object.entries(then)) assert.deepEqual(decision[field as keyof Decision], value, decision.reason);
    });

  it('says of each policy what it thought, in the order in which they decide', () => {
    const given = [policy('other', { match: { tags: ['rc'] } }), strict];
    assert.deepEqual(
      traceOf(compileSet(given), evidence(), nowMs).map(({ policyId, matched, outcome, reason }) => [policyId, matched, outcome, reason]),
      [
        ['prod', true, 'allow', 'scanned, worst severity low (at most high)'],
        ['other', false, 'not-matched', 'tag v1 matches none of rc'],
      ],
    );
  });

  it('bounds the trace, and the one that decides is in it', () => {
    const given = Array.from({ length: 500 }, (_, i) => policy(`p${i}`, { priority: 9, match: { tags: [`t${i}`] } }));
    const trace = traceOf(compileSet([...given, strict]), evidence(), nowMs);
    assert.equal(trace.length, traceMax);
    assert.equal(trace[0]?.policyId, 'prod');
  });
});

const severity = fc.constantFrom('none', 'unknown', 'low', 'medium', 'high', 'critical', 'weird');
const anyEvidence = fc.record({
  inspection: fc.constantFrom<Evidence['inspection']>({ status: 'missing' }, { status: 'failed', reason: 'x' }, evidence().inspection),
  scans: fc
    .subarray([amd64, arm64])
    .chain((digests) =>
      fc
        .tuple(...digests.map(() => fc.tuple(severity, fc.constantFrom('scanned', 'failed'), fc.integer({ min: 0, max: 48 }))))
        .map((all) => all.map(([worst, outcome, ageHours], i) => ({ ...scanned(digests[i]!, worst, nowMs - ageHours * hour), outcome }))),
    ),
});
const pool = [
  ...[strict, policy('open'), policy('deny', { priority: 3, effect: 'deny', match: { labels: { team: '*' } } })],
  ...[policy('tag', { priority: 2, match: { tags: ['v*'] }, ...needsScan }), policy('none', { match: { tags: ['x'] } })],
];

describe('whatever is known', () => {
  it('the order of policies and scans changes nothing', () =>
    fc.assert(
      fc.property(fc.shuffledSubarray(pool), anyEvidence, (given, changes) => {
        const decision = evaluate(compileSet(given), evidence(changes), nowMs);
        const turned = evaluate(compileSet(given.toReversed()), evidence({ ...changes, scans: changes.scans.toReversed() }), nowMs);
        assert.deepEqual(turned, decision);
      }),
    ));

  it('an image is allowed only with its inspection, with targets, and with good fresh scans where they are required', () =>
    fc.assert(
      fc.property(anyEvidence, (changes) => {
        const { outcome, targets, awaiting } = evaluate(compileSet([strict]), evidence(changes), nowMs);
        assert.equal(targets.length > 0, outcome === 'allow');
        assert.equal(awaiting.length > 0, outcome === 'held');
        if (outcome !== 'allow') return;
        assert.equal(changes.inspection.status, 'done');
        assert.equal(changes.scans.length, 2);
        for (const scan of changes.scans) {
          assert.ok(['none', 'unknown', 'low', 'medium', 'high'].includes(scan.worstSeverity));
          assert.ok(scan.outcome === 'scanned' && nowMs - scan.scannedAtMs <= 24 * hour);
        }
      }),
    ));
});
