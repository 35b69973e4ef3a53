import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { topics } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import { evidenceBounds as bounds } from '@waybill/policy-engine';
import { digestOf, hour, nowMs, prod, published, startPolicy, type Happening } from './testing.fixture.ts';

const [d1, d2, amd, arm] = [digestOf('1'), digestOf('2'), digestOf('a'), digestOf('b')] as const;
const push: Happening = { push: 'p1', tags: ['v1'], digest: d1 };
const hubPush: Happening = { push: 'p1', tags: ['v1'], digest: null };
const inspection: Happening = { inspected: d1, of: 'p1', tags: ['v1'], platforms: [amd, arm] };
const scanAmd: Happening = { scanned: amd, in: d1, worst: 'low' };
const scanArm: Happening = { scanned: arm, in: d1 };
const critical: Happening = { ...scanArm, worst: 'critical' };
const all = [push, inspection, scanAmd, scanArm];
const move: Happening = { push: 'p2', tags: ['v1'], digest: d2 };
const moved: readonly Happening[] = [move, { inspected: d2, of: 'p2', tags: ['v1'], platforms: [amd] }, { scanned: amd, in: d2 }];

type Rule = { readonly rule: string; readonly when: readonly Happening[]; readonly then: readonly string[]; readonly row?: string };
const rules: readonly Rule[] = [
  { rule: 'a push alone is held, and says what it waits for', when: [push], then: [], row: 'held: inspection' },
  { rule: 'inspected, it waits for each platform', when: [push, inspection], then: [], row: `held: scan of ${amd}, scan of ${arm}` },
  { rule: 'once all is there it is decided, once', when: all, then: [`v1 ${d1} allow b`], row: 'allowed' },
  { rule: 'evidence may come before the push', when: [scanArm, inspection, scanAmd, push], then: [`v1 ${d1} allow b`], row: 'allowed' },
  { rule: 'a critical finding denies', when: [push, inspection, scanAmd, critical], then: [`v1 ${d1} deny`], row: 'denied' },
  { rule: 'a failed scan denies', when: [push, inspection, scanAmd, { ...scanArm, failed: 'X' }], then: [`v1 ${d1} deny`], row: 'denied' },
  {
    rule: 'a failed inspection denies',
    when: [push, { inspectionFailed: d1, of: 'p1', tags: ['v1'] }],
    then: [`v1 ${d1} deny`],
    row: 'denied',
  },
  {
    rule: 'an inspection that succeeds after all decides anew',
    when: [push, { inspectionFailed: d1, of: 'p1', tags: ['v1'] }, inspection, scanAmd, scanArm],
    then: [`v1 ${d1} deny`, `v1 ${d1} allow b`],
  },
  {
    rule: 'a failure after a good inspection changes nothing',
    when: [...all, { inspectionFailed: d1, of: 'p1', tags: ['v1'] }],
    then: [`v1 ${d1} allow b`],
  },
  {
    rule: 'the same push again says nothing new',
    when: [...all, { ...push, push: 'p2' }, inspection, scanArm],
    then: [`v1 ${d1} allow b`],
  },
  {
    rule: 'a worse verdict on the same digest takes back what was allowed',
    when: [...all, critical],
    then: [`v1 ${d1} allow b`, `v1 ${d1} deny b`],
  },
  {
    rule: 'a deny that follows a deny takes nothing back',
    when: [...all, critical, { ...scanArm, failed: 'X' }, scanArm, critical],
    then: [`v1 ${d1} allow b`, `v1 ${d1} deny b`, `v1 ${d1} allow b`, `v1 ${d1} deny b`],
  },
  {
    rule: 'a push that comes late does not move a tag back',
    when: [...[move, ...moved.slice(1)].map((each) => ({ ...each, occurred: nowMs })), { ...push, occurred: nowMs - 1 }, ...all.slice(1)],
    then: [`v1 ${d2} allow b`],
    row: 'allowed',
  },
  {
    rule: 'nor does it while the newer one waits for its digest',
    when: [{ ...hubPush, push: 'p2', occurred: nowMs }, { ...push, occurred: nowMs - 1 }, ...all.slice(1)],
    then: [],
    row: 'held: inspection',
  },
  {
    rule: 'nor does it bring a deleted tag back, whether that was known or not',
    when: [{ deleted: ['v1'], occurred: nowMs }, { ...push, occurred: nowMs - 1 }, ...all.slice(1)],
    then: [],
    row: 'deleted',
  },
  {
    rule: 'a deletion that comes late does not take the newer push away',
    when: [push, { deleted: ['v1'], occurred: nowMs - 1 }, { deleted: [], digest: d1, occurred: nowMs - 1 }, ...all.slice(1)],
    then: [`v1 ${d1} allow b`],
  },
  {
    rule: 'a deleted tag that is pushed again is decided anew',
    when: [...all, { deleted: ['v1'] }, { ...push, push: 'p2' }],
    then: [`v1 ${d1} allow b`, `v1 ${d1} allow b`],
  },
  {
    rule: 'a late inspection of a push whose tag is deleted does not bring it back',
    when: [hubPush, { deleted: ['v1'] }, ...all.slice(1)],
    then: [],
    row: 'deleted',
  },
  { rule: 'an older verdict changes nothing', when: [...all, { ...critical, scannedAt: nowMs - 1 }], then: [`v1 ${d1} allow b`] },
  { rule: 'a push without a tag is no image of its own', when: [{ ...push, tags: [] }, inspection, scanAmd, scanArm], then: [] },
  {
    rule: 'every tag of a push is decided',
    when: [{ ...push, tags: ['v1', 'latest', 'v1'] }, inspection, scanAmd, scanArm],
    then: [`v1 ${d1} allow b`, `latest ${d1} allow b`],
  },
  {
    rule: 'late evidence of the old digest changes nothing for a tag that moved on',
    when: [push, move, inspection, scanAmd, scanArm],
    then: [],
    row: 'held: inspection',
  },
  { rule: 'a tag that moves is decided for its new digest', when: [...all, ...moved], then: [`v1 ${d1} allow b`, `v1 ${d2} allow b`] },
  {
    rule: 'moving back to an old digest is news',
    when: [...all, ...moved, { ...push, push: 'p3' }],
    then: [`v1 ${d1} allow b`, `v1 ${d2} allow b`, `v1 ${d1} allow b`],
  },
  {
    rule: 'a deleted tag is gone, and late evidence does not bring it back',
    when: [push, { deleted: ['v1'] }, inspection, scanAmd, scanArm],
    then: [],
    row: 'deleted',
  },
  {
    rule: 'a deleted manifest takes its tags with it',
    when: [push, inspection, { deleted: [], digest: d1 }, scanAmd, scanArm],
    then: [],
    row: 'deleted',
  },
  {
    rule: 'a push without a digest gets it from the inspection',
    when: [hubPush, inspection, scanAmd, scanArm],
    then: [`v1 ${d1} allow b`],
  },
  { rule: 'also where the inspection comes first', when: [inspection, scanAmd, scanArm, hubPush], then: [`v1 ${d1} allow b`] },
  {
    rule: 'a repeated push without a digest says nothing new',
    when: [...all, { ...hubPush, push: 'p2' }, { ...inspection, of: 'p2' }],
    then: [`v1 ${d1} allow b`],
    row: 'allowed',
  },
  {
    rule: 'while the digest of a push is not known, evidence of the one before changes nothing',
    when: [...all, { ...hubPush, push: 'p2' }, critical],
    then: [`v1 ${d1} allow b`],
    row: 'held: inspection',
  },
  {
    rule: 'a push whose digest nobody can say is denied in its row, whichever comes first',
    when: [{ inspectionFailed: null, of: 'p1', tags: ['v1'] }, hubPush],
    then: [],
    row: 'denied',
  },
  {
    rule: 'a scan that has grown old takes back what was allowed, and a repeated push says so at the latest',
    when: [...all, { ...push, push: 'p2', at: nowMs + 25 * hour }],
    then: [`v1 ${d1} allow b`, `v1 ${d1} held b`],
    row: `held: scan of ${amd} (the last is older than 24 h), scan of ${arm} (the last is older than 24 h)`,
  },
  {
    rule: 'scanned anew, it is allowed anew',
    when: [
      ...[...all, { ...push, push: 'p2', at: nowMs + 25 * hour }],
      ...[scanAmd, scanArm].map((scan) => ({ ...scan, scannedAt: nowMs + 25 * hour, at: nowMs + 25 * hour })),
    ],
    then: [`v1 ${d1} allow b`, `v1 ${d1} held b`, `v1 ${d1} allow b`],
    row: 'allowed',
  },
  {
    rule: 'a new scan beside one that has grown old takes back what was allowed',
    when: [...all, { ...scanAmd, scannedAt: nowMs + 25 * hour, at: nowMs + 25 * hour }],
    then: [`v1 ${d1} allow b`, `v1 ${d1} held b`],
    row: `held: scan of ${arm} (the last is older than 24 h)`,
  },
  {
    rule: 'a denial whose scan has grown old waits for another, which nobody has to be told of',
    when: [...all.slice(0, 3), critical, { ...push, push: 'p2', at: nowMs + 25 * hour }],
    then: [`v1 ${d1} deny`],
    row: `held: scan of ${amd} (the last is older than 24 h), scan of ${arm} (the last is older than 24 h)`,
  },
];

const rowText = (row: ReturnType<ReturnType<typeof startPolicy>['row']>): string =>
  row === undefined ? 'none' : row.status === 'held' ? `held: ${row.awaiting.join(', ')}` : row.status;

describe('a tag', () => {
  for (const { rule, when, then, row } of rules)
    it(rule, () => {
      const started = startPolicy();
      started.when(...when);
      const decided = started
        .decisions()
        .map(({ tag, digest, outcome, targets }) => [tag, digest, outcome, ...targets.map((t) => t.registry)].join(' '));
      assert.deepEqual(decided, then);
      if (row !== undefined) assert.equal(rowText(started.row('v1')), row);
    });

  it('comes to the same decision in whatever order its push and evidence come', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(push, hubPush),
        fc.constantFrom(scanArm, critical, { ...scanArm, failed: 'X' }),
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
        (pushed, arm64, order) => {
          const happenings = [pushed, inspection, scanAmd, arm64];
          const started = startPolicy();
          started.when(...order.map((index) => happenings[index]!));
          const [decision, ...more] = started.decisions();
          assert.deepEqual(more, []);
          assert.equal(decision?.outcome, arm64 === scanArm ? 'allow' : 'deny');
          assert.equal(started.row('v1')?.status, arm64 === scanArm ? 'allowed' : 'denied');
        },
      ),
    ));
});

describe('a decision', () => {
  it('names its push, its scans and what each policy said, under the correlation of the push', () => {
    const { when, driver, decisions, row } = startPolicy();
    when(...all);
    const [decision] = decisions();
    const [event] = driver.emitted(topics.decisions);
    assert.equal(decision?.pushEventId, 'p1');
    assert.deepEqual(decision?.targets, [targetAt('b', 'demo/app', 'v1')]);
    assert.deepEqual(decision?.scans.map(({ digest, worstSeverity }) => [digest, worstSeverity]).toSorted(), [
      [amd, 'low'],
      [arm, 'none'],
    ]);
    assert.deepEqual(
      decision?.trace.map(({ policyId, outcome }) => [policyId, outcome]),
      [['prod', 'allow']],
    );
    assert.equal(event?.meta.correlationId, 'p1');
    assert.equal(event?.meta.subject, 'a.test/demo/app:v1');
    assert.deepEqual(driver.keys(topics.decisions), ['a.test/demo/app']);
    assert.equal(row('v1')?.decisionEventId, event?.meta.id);
  });

  it('is later than the one before, also where the clock that wrote its input is behind', () => {
    const { when, decisions } = startPolicy();
    when(...all, { ...critical, at: nowMs - 5 }, ...moved.map((each) => ({ ...each, at: nowMs - 9 })), {
      ...push,
      push: 'p3',
      at: nowMs - 9,
    });
    const times = decisions().map(({ evaluatedAtMs }) => evaluatedAtMs);
    assert.equal(times.length, 4);
    assert.ok(
      times.every((time, index) => index === 0 || time > times[index - 1]!),
      times.join(' '),
    );
  });

  it('says why not', () => {
    const { when, decisions } = startPolicy();
    when(push, inspection, scanAmd, critical);
    assert.equal(decisions()[0]?.reason, `${arm} has findings of severity critical (at most high)`);
  });
});

describe('a signature that is pushed under a tag of its own', () => {
  const tag = `sha256-${'1'.repeat(64)}.sig`;
  const signature: readonly Happening[] = [
    { push: 'p9', tags: [tag], digest: d2 },
    { inspected: d2, of: 'p9', tags: [tag], platforms: [], kind: 'artifact' },
  ];
  const artifacts = `
apiVersion: waybill/v1
kind: ReplicationPolicy
metadata: { name: artifacts }
spec: { priority: 1, match: { kinds: [artifact] }, replicate: [{ registry: b }] }
`;

  it('does not wait for a scan that nobody makes: it is denied where one is required', () => {
    const { when, decisions, row } = startPolicy();
    when(...signature);
    assert.deepEqual([decisions().length, row(tag)?.status], [1, 'denied']);
    assert.match(row(tag)?.reason ?? '', /the artifact has no platform/);
  });

  it('goes where a policy for artifacts lets it', () => {
    const { when, decisions } = startPolicy({ prod: published('prod', prod), artifacts: published('artifacts', artifacts) });
    when(...signature);
    assert.deepEqual(
      decisions().map(({ outcome, policyId, targets }) => [outcome, policyId, targets[0]?.tag]),
      [['allow', 'artifacts', tag]],
    );
  });
});

describe('the policies in force', () => {
  const deny =
    'apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: stop }\n' +
    'spec: { priority: 9, match: {}, effect: deny, reason: frozen }';

  it('are those that were published last and not retired', () => {
    const started = startPolicy({ prod: published('prod', prod), stop: published('stop', deny) });
    started.when(push);
    assert.deepEqual([started.decisions()[0]?.policyId, started.decisions()[0]?.reason], ['stop', 'frozen']);
    started.driver.table('policies', {
      prod: published('prod', prod),
      stop: { type: 'PolicyRetired', data: { policyId: 'stop', author: 'test', retiredAtMs: nowMs } } as never,
    });
    started.when(inspection, scanAmd, scanArm);
    assert.deepEqual(
      started.decisions().map(({ policyId, outcome }) => `${policyId} ${outcome}`),
      ['stop deny', 'prod allow'],
    );
  });

  it('are not stopped by a broken one, which every trace names', () => {
    for (const broken of ['{', 'spec: 1', prod, 'x'.repeat(300_000), '&a [*a, *a]']) {
      const { when, decisions } = startPolicy({ prod: published('prod', prod), broken: published('broken', broken) });
      when(...all);
      const [decision] = decisions();
      assert.equal(decision?.outcome, 'allow');
      assert.match(decision?.trace.find(({ policyId }) => policyId === 'broken')?.reason ?? '', /^is not valid: /);
    }
  });

  it('being none deny everything', () => {
    const { when, decisions } = startPolicy({});
    when(push);
    assert.deepEqual([decisions()[0]?.policyId, decisions()[0]?.reason], [null, 'no policy matches']);
  });
});

describe('a flood', () => {
  it('of moves leaves no list of tags behind', () => {
    const { when, driver } = startPolicy();
    when(push, inspection, move);
    const tagsOf = (digest: string) => (driver.row('evidence', `a.test/demo/app@${digest}`) as { readonly tags: readonly string[] }).tags;
    assert.deepEqual([tagsOf(d1), tagsOf(d2)], [[], ['v1']]);
  });

  it('of tags on one digest is bounded: what cannot wait is denied with a reason', () => {
    const { when, decisions, driver } = startPolicy();
    const tags = Array.from({ length: bounds.tagsMax + 1 }, (_, i) => `t${i}`);
    when({ ...push, tags });
    assert.deepEqual(
      decisions().map(({ tag, outcome }) => [tag, outcome]),
      [[`t${bounds.tagsMax}`, 'deny']],
    );
    assert.deepEqual([decisions()[0]?.code, decisions()[0]?.cannotWait], ['TAGS_TOO_MANY', true]);
    const row = driver.row('evidence', `a.test/demo/app@${d1}`) as { readonly tags: readonly string[] };
    assert.equal(row.tags.length, bounds.tagsMax);
  });

  it('of platforms is denied', () => {
    const { when, decisions } = startPolicy();
    const platforms = Array.from({ length: bounds.platformsMax + 1 }, (_, i) => `sha256:${String(i).padStart(64, '0')}`);
    when(push, { ...inspection, platforms });
    assert.match(decisions()[0]?.reason ?? '', /PLATFORMS_TOO_MANY/);
  });
});
