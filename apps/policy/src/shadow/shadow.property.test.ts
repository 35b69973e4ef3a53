import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  topics,
  type DecisionDiffered,
  type DecisionState,
  type Event,
  type EventOf,
  type ImageEvidence,
  type TypedRecord,
} from '@waybill/domain';
import { judge } from '../judge.ts';
import { nothingKnown } from '../known-facts.ts';
import { createPolicyReader } from '../policy-set.ts';
import { digestOf, hour, nowMs, published, startPolicy, type Policies } from '../testing.fixture.ts';
import { createPolicy } from '../topology.ts';

const written = (name: string, spec: string): Policies[string] =>
  published(name, `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: ${name} }\nspec: { ${spec} }`);
const documents: readonly Policies[string][] = [
  written('p0', "match: { tags: ['a*'] }, replicate: [{ registry: b }], require: { scan: { withinHours: 2, worstSeverity: low } }"),
  written('p0', "match: { tags: ['a*'] }, replicate: [{ registry: c }]"),
  written('p1', "priority: 1, match: { tags: ['ab'] }, effect: deny"),
  written('p1', "priority: 1, match: { tags: ['b', 'ab'] }, replicate: [{ registry: d }]"),
  written('p2', "priority: 2, match: { kinds: [index], tags: ['b*'] }, replicate: [{ registry: b }]"),
];
const tags = ['a', 'ab', 'b'];
const digests = [digestOf('1'), digestOf('2')];
const amd = digestOf('a');
const subset = fc.subarray([0, 1, 2, 3, 4]);
const any = fc.oneof(
  fc.record({ do: fc.constant('push' as const), tag: fc.constantFrom(...tags), digest: fc.constantFrom(...digests) }),
  fc.record({ do: fc.constant('inspect' as const), digest: fc.constantFrom(...digests) }),
  fc.record({
    do: fc.constant('scan' as const),
    digest: fc.constantFrom(...digests),
    worst: fc.constantFrom('none', 'medium', 'critical'),
  }),
  fc.record({ do: fc.constant('delete' as const), tag: fc.constantFrom(...tags) }),
  fc.record({ do: fc.constant('publish' as const), documents: subset }),
  fc.record({ do: fc.constant('start' as const), documents: subset, retired: fc.subarray(['p0', 'p1', 'p2']) }),
  fc.record({ do: fc.constant('stop' as const) }),
  fc.record({ do: fc.constant('wake' as const), which: fc.nat(5) }),
  fc.record({ do: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant('restart' as const) }),
);
type Step = typeof any extends fc.Arbitrary<infer T> ? T : never;
/** What a candidate says of each policy; null where it retires one. */
type Overlay = Readonly<Record<string, string | null>>;

const small = () => createPolicy({ keysMax: 3, decidedMax: 2, versionsMax: 3 });
const byId = (indexes: readonly number[]): Policies =>
  Object.fromEntries(indexes.map((each) => [documents[each]!.data.policyId, documents[each]!]));

function candidateOf(overlay: Overlay | undefined, shadowId: string): Readonly<Record<string, TypedRecord>> {
  const changes = Object.entries(overlay ?? {});
  const about = { candidate: 'next', shadowId, changesCount: changes.length, author: 'test', reason: '', publishedAtMs: nowMs };
  return Object.fromEntries(
    changes.map(([policyId, document]): [string, TypedRecord] => [
      `candidate/next/${policyId}`,
      { type: 'CandidatePublished', data: { ...about, policyId, document, documentSha256: null } },
    ]),
  );
}

/** Lives through the steps, with or without candidates. */
function live(steps: readonly Step[], hasCandidates: boolean) {
  const started = startPolicy({}, small());
  let [atMs, policies, overlay, shadowId] = [nowMs, {} as Policies, undefined as Overlay | undefined, ''];
  const publish = (): void => started.publish({ ...policies, ...(hasCandidates ? candidateOf(overlay, shadowId) : {}) }, atMs);
  started.when(...tags.map((tag) => ({ push: tag, tags: [tag], digest: digests[0]!, at: atMs, occurred: atMs })));
  for (const [index, step] of steps.entries()) {
    if (step.do === 'push') started.when({ push: `p${index}`, tags: [step.tag], digest: step.digest, at: atMs, occurred: atMs });
    if (step.do === 'inspect') started.when({ inspected: step.digest, of: 'p', platforms: [amd], at: atMs });
    if (step.do === 'scan') started.when({ scanned: amd, in: step.digest, worst: step.worst, scannedAt: atMs, at: atMs });
    if (step.do === 'delete') started.when({ deleted: [step.tag], at: atMs, occurred: atMs });
    if (step.do === 'publish') policies = byId(step.documents);
    if (step.do === 'start') {
      const changed = Object.entries(byId(step.documents)).map(([id, { data }]) => [id, data.document]);
      overlay = { ...Object.fromEntries(step.retired.map((id) => [id, null])), ...Object.fromEntries(changed) } as Overlay;
      shadowId = `s${index}`;
    }
    if (step.do === 'stop') [overlay, shadowId] = [undefined, ''];
    if (['publish', 'start', 'stop'].includes(step.do)) publish();
    if (step.do === 'wake') started.wake(step.which, atMs);
    if (step.do === 'pass') atMs += step.hours * hour;
    if (step.do === 'restart') started.driver.deploy(small());
  }
  atMs = started.settle(atMs);
  return { started, atMs, policies, overlay, shadowId };
}

const eventsOf = (policies: Policies): readonly Event[] => Object.values(policies).map((record) => ({ ...record, meta: {} }) as never);

it('whatever happens, in whatever order: what was told last of each tag is what both sets come to by themselves', () =>
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (steps) => {
      const { started, atMs, policies, overlay = {}, shadowId } = live(steps, true);
      const changed = Object.entries(overlay).flatMap(([id, document]) =>
        document === null ? [] : [[id, published(id, document)] as const],
      );
      const kept = Object.entries(policies).filter(([id]) => !(id in overlay));
      const sets = [policies, Object.fromEntries([...kept, ...changed])].map((each) => ({
        ...createPolicyReader()(eventsOf(each)),
        known: nothingKnown,
      }));
      const events = started.driver.emitted(topics.differences) as readonly EventOf<'DecisionDiffered' | 'DecisionAgreed'>[];
      const of = Map.groupBy(
        events.filter(({ type, data }) => `${type}` !== 'CandidateCompared' && data.shadowId === shadowId),
        ({ data }) => data.tag,
      );
      for (const tag of tags) {
        const told = of.get(tag) ?? [];
        const row = started.driver.row('decisions', `a.test/demo/app:${tag}`) as DecisionState | undefined;
        const evidence = row && (started.driver.row('evidence', `a.test/demo/app@${row.digest}`) as ImageEvidence | undefined);
        const [one, other] = evidence ? sets.map((set) => resultOf(judge(set, row, evidence, atMs).decision)) : [];
        const last = told.at(-1);
        if (one === other) assert.notEqual(last?.type, 'DecisionDiffered', tag);
        else {
          assert.ok(last?.type === 'DecisionDiffered', tag);
          assert.deepEqual([resultOf(last.data.active), resultOf(last.data.shadow), last.data.digest], [one, other, row?.digest]);
        }
        for (const [index, event] of told.entries()) {
          const before = told[index - 1];
          if (event.type === 'DecisionAgreed') assert.equal(before?.type, 'DecisionDiffered', 'an end has a beginning');
          else assert.notEqual(before?.type === 'DecisionDiffered' && textOf(before.data), textOf(event.data), 'once per change');
        }
      }
      assert.equal(new Set(events.map(({ meta }) => meta.id)).size, events.length, 'none twice');
    }),
    { numRuns: 300 },
  ));

it('whatever happens, in whatever order: what is in force says what it would say without a candidate', () =>
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (steps) => {
      const [with_, without] = [true, false].map((hasCandidates) => {
        const { started } = live(steps.filter((step) => step.do !== 'wake'), hasCandidates); // prettier-ignore
        return tags.map((tag) => {
          const row = started.driver.row('decisions', `a.test/demo/app:${tag}`) as DecisionState | undefined;
          return row && [row.status, row.digest, row.awaiting, row.reason, row.policyId, row.targets, row.toldOutcome];
        });
      });
      assert.deepEqual(with_, without);
    }),
    { numRuns: 150 },
  ));

const resultOf = ({ outcome, targets }: { readonly outcome: string; readonly targets: DecisionState['targets'] }): string =>
  JSON.stringify([outcome, targets.map(({ registry }) => registry)]);

const textOf = ({ digest, active, shadow }: DecisionDiffered): string => [digest, resultOf(active), resultOf(shadow)].join();
