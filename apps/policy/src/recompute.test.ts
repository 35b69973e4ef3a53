import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Event, type ImageDecided, type ScanReported } from '@waybill/domain';
import {
  compileRulebook,
  evaluate,
  evidenceBehind,
  evidenceBounds,
  inputsSha256,
  versionOf,
  type EventsBehind,
} from '@waybill/policy-engine';
import { createPolicyReader } from './policy-set.ts';
import { digestOf, hour, nowMs, prod, published, startPolicy, type Happening, type PolicyTable } from './testing.fixture.ts';

const [d1, d2, amd, arm] = [digestOf('1'), digestOf('2'), digestOf('a'), digestOf('b')] as const;
const stop = published(
  'stop',
  'apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: stop }\nspec: { priority: 9, match: { tags: [v2] }, effect: deny }',
);

/** What is in the log when all of this has happened, and what was decided on the way. */
const logOf = (...happenings: readonly Happening[]) => logWith({ prod: published('prod', prod), stop }, {}, ...happenings);

/** @param tables What else is known, by the name of the table */
function logWith(policies: PolicyTable, tables: Readonly<Record<string, PolicyTable>>, ...happenings: readonly Happening[]) {
  const started = startPolicy(policies);
  for (const [name, events] of Object.entries(tables)) started.driver.table(name, events);
  const log: Event[] = [];
  const pipe = started.driver.pipe.bind(started.driver);
  started.driver.pipe = (topic, key, event, options = {}) => {
    const id = options.id ?? `event ${log.length}`;
    log.push({ ...event, meta: { id } } as unknown as Event);
    pipe(topic, key, event, { ...options, id });
  };
  started.when(...happenings);
  started.passTo(nowMs + 30 * hour);
  return { log, decisions: started.decisions(), told: started.driver.emitted(topics.differences) };
}

/** As whoever has the log and a decision would look for them. */
function findBehind(log: readonly Event[], { inspectionEventId }: Pick<ImageDecided, 'inspectionEventId'>): EventsBehind {
  const inspection = log.find(({ meta }) => meta.id === inspectionEventId);
  assert.ok(inspection === undefined || inspection.type === 'ImageInspected' || inspection.type === 'ImageInspectionFailed');
  const reports = log.flatMap((event): readonly ScanReported[] => (event.type === 'ScanReported' ? [event.data] : []));
  return { inspection, reports };
}

const { rulebook } = createPolicyReader()([published('prod', prod), stop].map((event) => ({ ...event, meta: {} }) as never));
const of: Happening = { inspected: d1, of: 'p1', tags: ['v1'], platforms: [amd, arm] };
const scans: readonly Happening[] = [
  { scanned: arm, in: d1, worst: 'critical', scannedAt: nowMs - hour, found: ['CVE-1'] },
  { scanned: amd, in: d1, worst: 'low', found: ['CVE-2', 'CVE-3'] },
  { scanned: arm, in: d1, worst: 'high', found: ['CVE-4'] },
  { scanned: arm, in: d2, worst: 'none' },
];
const histories: Readonly<Record<string, readonly Happening[]>> = {
  'an image that is denied, allowed, and taken back when its scan expires': [{ push: 'p1', tags: ['v1'], digest: d1 }, of, ...scans],
  'a denial that needs no facts': [{ push: 'p1', tags: ['v2'], digest: d1 }],
  'an image that is signed later': [
    { push: 'p1', tags: ['v1'], digest: d1 },
    { ...of, signers: ['release'] },
    { inspected: d2, of: 'p2', platforms: [], kind: 'artifact', subject: d1, proves: ['another'] },
    ...scans,
  ],
  'a failed inspection': [
    { push: 'p1', tags: ['v1'], digest: d1 },
    { inspectionFailed: d1, of: 'p1', tags: ['v1'] },
  ],
  'a tag beyond those that are followed': [
    { push: 'p1', tags: Array.from({ length: evidenceBounds.tagsMax + 1 }, (_, number) => `t${number}`), digest: d1 },
  ],
  'evidence that was there before the push': [...scans, of, { push: 'p1', tags: ['v1', 'v2'], digest: d1 }],
};

describe('a decision can be made again from the log alone:', () => {
  for (const [what, happenings] of Object.entries(histories))
    it(what, () => {
      const { log, decisions } = logOf(...happenings);
      assert.ok(decisions.length > 0);
      for (const decided of decisions) {
        assert.equal(decided.policySetVersion, versionOf(rulebook));
        const evidence = evidenceBehind(decided, findBehind(log, decided));
        assert.equal(inputsSha256(evidence, decided.evaluatedAtMs), decided.inputsSha256);
        const { outcome, code, policyId, reason } = evaluate(rulebook.replication, evidence, decided.evaluatedAtMs);
        assert.deepEqual({ outcome, code, policyId, reason }, {
          ...{ outcome: decided.outcome, code: decided.code, policyId: decided.policyId, reason: decided.reason },
        }); // prettier-ignore
      }
    });

  it('one by the health of registries and the usage of its tenant', () => {
    const written = (kind: string, name: string, spec: string) =>
      published(`${kind.toLowerCase()}/${name}`, `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}`);
    const policies = {
      prod: { ...published('prod', prod.replace('registry: b', 'select: { roles: [primary] }, copies: 1, placement: by-pulls')) },
      'registry/first': written('Registry', 'first', '{ host: first.test }'),
      'registry/second': written('Registry', 'second', '{ host: second.test, limits: { bytesMax: 9 } }'),
      'tenant/acme': written('Tenant', 'acme', "{ repositories: ['demo/**'], quota: { imagesMax: 3 } }"),
    };
    const health = { first: { type: 'RegistryHealthChanged', data: { registry: 'first', isHealthy: false, reason: '', changedAtMs: 0 } } };
    const sums = { partition: 1, images: 2, imagesUnsized: 0, changedAtMs: 0 };
    const usage = {
      'registry/second@1': { type: 'RegistryUsage', data: { ...sums, registry: 'second', usedBytes: 8 } },
      'tenant/acme@1': { type: 'TenantUsage', data: { ...sums, tenant: 'acme', bytes: 1, copiesByMinute: [], releasedCount: 0 } },
    };
    const happenings = histories['evidence that was there before the push']!;
    const { log, decisions } = logWith(policies, { health, usage } as never, ...happenings);
    const documents = createPolicyReader()(Object.values(policies).map((event) => ({ ...event, meta: {} }) as never)).rulebook;
    const allowed = decisions.filter(({ outcome }) => outcome === 'allow');
    assert.deepEqual(allowed.map(({ targets }) => targets[0]?.registry), ['second', 'second']); // prettier-ignore
    for (const decided of decisions) {
      const evidence = evidenceBehind(decided, findBehind(log, decided));
      assert.equal(inputsSha256(evidence, decided.evaluatedAtMs), decided.inputsSha256);
      const { outcome, targets } = evaluate(documents.replication, evidence, decided.evaluatedAtMs);
      assert.deepEqual([outcome, outcome === 'allow' ? targets : []], [decided.outcome, outcome === 'allow' ? decided.targets : []]);
    }
    const [first] = allowed;
    assert.deepEqual([first?.registries.length, first?.usage?.images, first?.pullsByRegion], [2, 2, {}]);
    const otherwise = { ...first!, registries: first!.registries.slice(1) };
    assert.notEqual(inputsSha256(evidenceBehind(otherwise, findBehind(log, first!)), first!.evaluatedAtMs), first!.inputsSha256);
  });

  it('a difference, by the policies in force and by the candidate, though they ask for other facts', () => {
    const place = published(
      'registry/first',
      'apiVersion: waybill/v1\nkind: Registry\nmetadata: { name: first }\nspec: { host: first.test }',
    );
    const inForce = { prod: published('prod', prod), 'registry/first': place };
    const document = prod.replace('registry: b', 'select: { roles: [primary] }, copies: 1, placement: by-pulls');
    const about = { candidate: 'next', shadowId: 's1', changesCount: 1, author: 'test', reason: '', publishedAtMs: nowMs };
    const data = { ...about, policyId: 'prod', document, documentSha256: '' };
    const health = { first: { type: 'RegistryHealthChanged', data: { registry: 'first', isHealthy: true, reason: '', changedAtMs: 0 } } };
    const policies: PolicyTable = { ...inForce, 'candidate/next/prod': { type: 'CandidatePublished', data } };
    const happenings = histories['evidence that was there before the push']!;
    const { log, told } = logWith(policies, { health } as never, ...happenings);
    const [by, besides] = [inForce, { ...inForce, prod: published('prod', document) }].map(
      (each) => createPolicyReader()(Object.values(each).map((event) => ({ ...event, meta: {} }) as never)).rulebook,
    );
    const differences = told.flatMap((event) => (event.type === 'DecisionDiffered' ? [event.data] : []));
    assert.ok(differences.length > 0);
    for (const difference of differences) {
      assert.deepEqual(
        [difference.policySetVersion, difference.candidateSetVersion],
        [by, besides].map((each) => versionOf(each!)),
      );
      assert.deepEqual(
        difference.registries.map(({ name }) => name),
        ['first'],
      );
      const evidence = evidenceBehind(difference, findBehind(log, difference));
      assert.equal(inputsSha256(evidence, difference.evaluatedAtMs), difference.inputsSha256);
      for (const [rulebookThen, { outcome, code, policyId, targets }] of [
        [by!, difference.active],
        [besides!, difference.shadow],
      ] as const) {
        const again = evaluate(rulebookThen.replication, evidence, difference.evaluatedAtMs);
        assert.deepEqual([again.outcome, again.code, again.policyId, again.targets], [outcome, code, policyId, targets]);
      }
    }
  });

  it('other inputs have another digest', () => {
    const { log, decisions } = logOf(...histories['evidence that was there before the push']!);
    const decided = decisions[0]!;
    const { inspection, reports } = findBehind(log, decided);
    const digests = [
      inputsSha256(evidenceBehind(decided, { inspection: undefined, reports }), decided.evaluatedAtMs),
      inputsSha256(evidenceBehind(decided, { inspection, reports: reports.slice(1, 2) }), decided.evaluatedAtMs),
      inputsSha256(evidenceBehind({ ...decided, tag: 'v9' }, { inspection, reports }), decided.evaluatedAtMs),
      inputsSha256(evidenceBehind(decided, { inspection, reports }), decided.evaluatedAtMs + 1),
    ];
    assert.ok(!digests.includes(decided.inputsSha256));
    assert.notEqual(versionOf(compileRulebook([])), decided.policySetVersion);
  });
});
