import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PolicySweep, RecordType } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import type { Context } from '@waybill/stream';
import { digestOf, hour, nowMs, prod, published, startPolicy, type Happening, type Policies } from './testing.fixture.ts';
import { createPolicy } from './topology.ts';

const [d1, amd] = [digestOf('1'), digestOf('a')] as const;
const all = (tags: readonly string[]): readonly Happening[] => [
  { push: 'p1', tags, digest: d1 },
  { inspected: d1, of: 'p1', tags, platforms: [amd] },
  { scanned: amd, in: d1, worst: 'low' },
];
const written = (name: string, spec: string): ReturnType<typeof published> =>
  published(name, `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: ${name} }\nspec: { ${spec} }`);
const frozen = (tag: string): ReturnType<typeof published> =>
  written('frozen', `priority: 9, match: { tags: ['${tag}'] }, effect: deny, reason: frozen`);
const inForce = { prod: published('prod', prod) };

type Started = ReturnType<typeof startPolicy>;
const change = (started: Started, policies: Policies, atMs = nowMs): void => {
  started.publish(policies, atMs);
  started.passTo(atMs);
};
const texts = (started: Started): readonly string[] =>
  started.decisions().map(({ tag, outcome, occasion, retroactive }) => `${tag} ${outcome} ${occasion}${retroactive ? ' retroactive' : ''}`);
const stand = (started: Started) => started.driver.row('evidence', '@sweep') as PolicySweep | undefined;

describe('a change of policies', () => {
  it('takes back what was allowed before, and says from where', () => {
    const started = startPolicy(inForce);
    started.when(...all(['v1', 'v2']));
    change(started, { ...inForce, frozen: frozen('v1') });
    assert.deepEqual(texts(started).slice(2), ['v1 deny policies retroactive']);
    const decision = started.decisions().at(-1)!;
    assert.deepEqual([decision.policyId, decision.reason], ['frozen', 'frozen']);
    assert.deepEqual(decision.takenBack, [targetAt('b', 'demo/app', 'v1')]);
    assert.equal(decision.policySetVersion, stand(started)?.versions.at(-1));
  });

  it('allows what was denied before, once its policy is retired', () => {
    const started = startPolicy({ ...inForce, frozen: frozen('v1') });
    started.when(...all(['v1']));
    change(started, inForce);
    assert.deepEqual(texts(started), ['v1 deny push', 'v1 allow policies']);
  });

  it('decides what waits as soon as nothing is awaited any more', () => {
    const started = startPolicy(inForce);
    started.when(...all(['v1']).slice(0, 2));
    change(started, { prod: written('prod', 'match: {}, replicate: [{ registry: b }]') });
    assert.deepEqual(texts(started), ['v1 allow policies']);
  });

  it('names the targets that are no longer among those of an image that is still allowed', () => {
    const two = written('prod', 'match: {}, replicate: [{ registry: b }, { registry: c }]');
    const started = startPolicy({ prod: two });
    started.when(...all(['v1']));
    change(started, { prod: written('prod', 'match: {}, replicate: [{ registry: c }]') });
    const { outcome, targets, takenBack, retroactive } = started.decisions().at(-1)!;
    const names = [targets, takenBack].map((list) => list.map(({ registry }) => registry));
    assert.deepEqual([outcome, names, retroactive], ['allow', [['c'], ['b']], false]);
  });

  it('asks for nothing where it changes nothing', () => {
    const started = startPolicy(inForce);
    started.when(...all(['v1', 'v2']));
    change(started, { ...inForce, other: written('other', "match: { repositories: ['other/**'] }, replicate: [{ registry: b }]") });
    change(started, { ...inForce, same: written('same', "match: { tags: ['v1'] }, replicate: [{ registry: c }]") });
    assert.deepEqual(started.requests(), []);
    assert.equal(stand(started)?.after, null);
  });

  it('moves the moment at which time changes a decision', () => {
    const started = startPolicy(inForce);
    started.when(...all(['v1']));
    const scan = 'require: { scan: { withinHours: 2, worstSeverity: high } }';
    change(started, { prod: written('prod', `match: {}, ${scan}, replicate: [{ registry: b }]`) });
    assert.deepEqual(texts(started), ['v1 allow evidence'], 'still allowed');
    started.passTo(nowMs + 2 * hour + 1);
    assert.deepEqual(texts(started).slice(1), ['v1 held time retroactive']);
  });

  it('concerns no tag that is deleted or waits for its digest', () => {
    const started = startPolicy(inForce);
    started.when(...all(['v1', 'v2']), { deleted: ['v1'] }, { push: 'p2', tags: ['v2'], digest: null });
    change(started, { frozen: frozen('*') });
    assert.deepEqual(started.requests(), []);
  });

  it('is found out after a restart, by a process that has never seen what was in force', () => {
    const started = startPolicy(inForce);
    started.when(...all(['v1']));
    started.passTo(nowMs);
    started.driver.deploy(createPolicy());
    change(started, { ...inForce, frozen: frozen('v1') });
    assert.deepEqual(texts(started).slice(1), ['v1 deny policies retroactive']);
    started.driver.deploy(createPolicy());
    const before = started.driver.timers().length;
    started.driver.tellOf('policies', { atMs: nowMs });
    assert.equal(started.driver.timers().length, before, 'what is known to be compared is not gone through again');
  });
});

describe('going through the tags of a partition', () => {
  const tags = Array.from({ length: 25 }, (_, index) => `v${index + 10}`);
  const small = createPolicy({ keysMax: 7, decidedMax: 3, versionsMax: 4 });

  it('is done a part at a time, each from where the one before it ended, also in another process', () => {
    const started = startPolicy(inForce, small);
    started.when(...all(tags));
    started.passTo(nowMs);
    started.publish({ ...inForce, frozen: frozen('*') });
    let steps = 0;
    for (; stand(started)?.after !== null; steps++) {
      const before = started.requests().length;
      started.driver.fire('sweep/0');
      assert.ok(started.requests().length - before <= 3);
      if (steps === 4) started.driver.deploy(createPolicy({ keysMax: 7, decidedMax: 3, versionsMax: 4 }));
      assert.ok(steps < 100);
    }
    assert.ok(steps >= tags.length / 3, `${steps} steps`);
    assert.deepEqual(
      started.requests().map(({ tag }) => tag),
      tags,
    );
  });

  it('lets pushes through between two parts', () => {
    const started = startPolicy(inForce, small);
    started.when(...all(tags));
    started.publish({ ...inForce, frozen: frozen('v1*') });
    started.driver.fire('sweep/0');
    started.when({ push: 'p2', tags: ['new'], digest: d1 });
    assert.equal(started.decisions().at(-1)?.tag, 'new');
    assert.notEqual(stand(started)?.after, null);
  });

  const dueOf = (started: Started): number => started.driver.timers().find(({ id }) => id === 'sweep/0')?.notBeforeMs ?? Infinity;

  it('goes on once the last tag that it has asked for is decided anew, so that pushes wait for no more than those of one step', () => {
    const started = startPolicy(inForce, small);
    started.when(...all(tags));
    started.passTo(nowMs);
    started.publish({ ...inForce, frozen: frozen('*') });
    started.driver.fire('sweep/0', { atMs: nowMs });
    assert.deepEqual([started.requests().length, dueOf(started) > nowMs], [3, true]);
    started.readRequests();
    assert.deepEqual([started.requests().length, dueOf(started)], [3, nowMs]);
  });

  it('goes on after a while where nobody decides what it has asked for', () => {
    const started = startPolicy(inForce, small);
    started.when(...all(tags));
    started.passTo(nowMs);
    started.publish({ ...inForce, frozen: frozen('*') });
    started.driver.fire('sweep/0', { atMs: nowMs });
    assert.equal(dueOf(started), nowMs + 10_000);
    started.driver.fire('sweep/0');
    assert.equal(started.requests().length, 6);
  });

  it('begins anew for a version that comes with the tag that it waits for, and forgets none', () => {
    const started = startPolicy(inForce, createPolicy({ keysMax: 7, decidedMax: 1, versionsMax: 4 }));
    started.when(...all(tags));
    started.passTo(nowMs);
    started.publish({ ...inForce, frozen: frozen('*') });
    started.driver.fire('sweep/0', { atMs: nowMs });
    // In force before anybody is told.
    started.driver.table('policies', inForce);
    started.readRequests();
    assert.equal(stand(started)?.versions.length, 3);
    started.passTo(nowMs);
    assert.equal(stand(started)?.after, null);
    for (const tag of tags) assert.equal(started.row(tag)?.status, 'allowed', tag);
  });

  it('ends at the place where another change found it, once round, and begins anew for none', () => {
    const started = startPolicy(inForce, small);
    started.when(...all(tags));
    started.passTo(nowMs);
    started.publish({ ...inForce, frozen: frozen('nothing') });
    started.publish({ ...inForce, frozen: frozen('*') });
    started.driver.fire('sweep/0');
    const there = stand(started)?.after;
    started.publish({ ...inForce, frozen: frozen('v*') });
    assert.deepEqual([stand(started)?.after, stand(started)?.again], [there, there]);
    let steps = 0;
    for (; stand(started)?.after !== null; steps++) started.driver.fire('sweep/0');
    const asked = Map.groupBy(started.requests(), ({ tag }) => tag);
    assert.deepEqual([...asked.keys()].toSorted(), tags);
    assert.equal(stand(started)?.versions.length, 1);
  });

  it('passes by what no change concerns without a look at it', () => {
    const started = startPolicy(inForce);
    started.when(...all(tags));
    started.passTo(nowMs);
    const looked: string[] = [];
    const topology = createPolicy();
    started.driver.deploy({
      ...topology,
      handle: (input, context) =>
        topology.handle(input, {
          ...context,
          get: ((store: string, key: string, type: RecordType) => {
            if (store === 'decisions' && input.kind === 'timer') looked.push(key);
            return context.get(store, key, type);
          }) as Context['get'],
        }),
    });
    started.driver.tellOf('policies', { atMs: nowMs });
    change(started, { ...inForce, frozen: frozen('v12') });
    assert.deepEqual(looked, ['a.test/demo/app:v12']);
  });
});

describe('whatever happens, in whatever order', () => {
  const policies: readonly Policies[string][] = [
    written('p0', "match: { tags: ['a*'] }, replicate: [{ registry: b }], require: { scan: { withinHours: 2, worstSeverity: low } }"),
    written('p0', "match: { tags: ['a*'] }, replicate: [{ registry: c }], require: { scan: { withinHours: 30, worstSeverity: high } }"),
    written('p1', "priority: 1, match: { tags: ['ab'] }, effect: deny"),
    written('p1', "priority: 1, match: { tags: ['b', 'ab'] }, replicate: [{ registry: d }]"),
    written('p2', "priority: 2, match: { kinds: [index], tags: ['b*'] }, replicate: [{ registry: b }]"),
  ];
  const tags = ['a', 'ab', 'ac', 'b', 'ba'];
  const digests = [digestOf('1'), digestOf('2')];
  const any = fc.oneof(
    fc.record({ do: fc.constant('push' as const), tag: fc.constantFrom(...tags), digest: fc.constantFrom(...digests) }),
    fc.record({ do: fc.constant('inspect' as const), digest: fc.constantFrom(...digests) }),
    fc.record({
      do: fc.constant('scan' as const),
      digest: fc.constantFrom(...digests),
      worst: fc.constantFrom('none', 'medium', 'critical'),
    }),
    fc.record({ do: fc.constant('publish' as const), policies: fc.subarray([0, 1, 2, 3, 4]) }),
    fc.record({ do: fc.constant('wake' as const), which: fc.nat(5) }),
    fc.record({ do: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant('restart' as const) }),
  );
  const small = () => createPolicy({ keysMax: 3, decidedMax: 2, versionsMax: 3 });

  it('all tags come to what they would be if they were decided now, and their last events say so', () =>
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (steps) => {
        const started = startPolicy({}, small());
        let atMs = nowMs;
        for (const [index, step] of steps.entries()) {
          if (step.do === 'push') started.when({ push: `p${index}`, tags: [step.tag], digest: step.digest, at: atMs, occurred: atMs });
          if (step.do === 'inspect') started.when({ inspected: step.digest, of: 'p', platforms: [amd], at: atMs });
          if (step.do === 'scan') started.when({ scanned: amd, in: step.digest, worst: step.worst, scannedAt: atMs, at: atMs });
          if (step.do === 'publish')
            started.publish(Object.fromEntries(step.policies.map((each) => [policies[each]!.data.policyId, policies[each]!])), atMs);
          if (step.do === 'wake') started.wake(step.which, atMs);
          if (step.do === 'pass') atMs += step.hours * hour;
          if (step.do === 'restart') started.driver.deploy(small());
        }
        atMs = started.settle(atMs);
        const told = new Map(started.decisions().map((decision) => [`${decision.tag} ${decision.digest}`, decision]));
        const count = started.decisions().length;
        for (const tag of tags) {
          const row = started.row(tag);
          if (row === undefined) continue;
          started.when({ push: 'again', tags: [tag], digest: row.digest, at: atMs, occurred: atMs });
          const now = started.row(tag)!;
          assert.deepEqual(
            [row.status, row.awaiting, row.targets, row.reviewAtMs],
            [now.status, now.awaiting, now.targets, now.reviewAtMs],
            tag,
          );
          const last = told.get(`${tag} ${row.digest}`);
          const outcome = { allowed: 'allow', denied: 'deny', held: last?.outcome === 'allow' ? 'held' : last?.outcome }[row.status];
          assert.equal(last?.outcome, outcome, tag);
        }
        assert.equal(started.decisions().length, count, 'nobody had to be told more');
      }),
      { numRuns: 300 },
    ));
});
