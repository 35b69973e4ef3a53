import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type PullsCounted, type TypedRecord } from '@waybill/domain';
import { dayMs, decided, hourMs, nowMs, pulled, startUsage, to, type Happening } from './testing.fixture.ts';

const origin = { registry: 'a.test', repository: 'acme/app' };
const mirror = { registry: 'b.test', repository: 'mirror/app' };
const copying = decided({ at: nowMs, targets: [to('b', 'v1', 'mirror/app')] });
const midnightMs = Math.floor(nowMs / dayMs) * dayMs;

const registry = (name: string, spec: string): TypedRecord => ({
  type: 'PolicyPublished',
  data: {
    ...{ policyId: `registry/${name}`, documentSha256: '', author: 'test', publishedAtMs: nowMs, reason: '', previousSha256: null },
    document: `apiVersion: waybill/v1\nkind: Registry\nmetadata: { name: ${name} }\nspec: ${spec}\n`,
  },
});

function told(...happenings: readonly Happening[]) {
  const started = startUsage();
  started.driver.table('policies', {
    'registry/b': registry('b', '{ host: b.test, region: eu }'),
    'registry/c': registry('c', '{ host: [broken'),
    'registry/d': registry('d', '{ host: d.test }'),
  });
  started.take(...happenings);
  started.tell();
  const counted = started.pulls().filter(({ days }) => days.length > 0);
  return counted.map(({ registry: host, repository, placeRegistry, region, days }) => {
    return [
      `${host}/${repository}`,
      placeRegistry,
      region,
      days.map(({ dayStartMs, pulls }) => [(dayStartMs - midnightMs) / dayMs, pulls]),
    ];
  });
}

describe('a pull', () => {
  it('counts for its repository, by the day', () => {
    const pulls = [
      pulled({ ...origin, id: '1', at: nowMs }),
      pulled({ ...origin, id: '2', at: nowMs + dayMs }),
      pulled({ ...origin, id: '3', at: nowMs }),
    ];
    assert.deepEqual(told(...pulls), [['a.test/acme/app', 'a.test', null, [[0, 2], [1, 1]]]]); // prettier-ignore
  });

  it('counts once, however often its webhook comes', () => {
    const pull = pulled({ ...origin, id: '1', at: nowMs });
    assert.deepEqual(told(pull, pull, pull), [['a.test/acme/app', 'a.test', null, [[0, 1]]]]);
  });

  it('of a copy counts for what it is a copy of, in the region of its registry', () => {
    const pull = pulled({ ...mirror, id: '1', at: nowMs });
    const expected = [['a.test/acme/app', 'b.test', 'eu', [[0, 1]]]];
    assert.deepEqual(told(copying, pull), expected);
    assert.deepEqual(told(pull, copying), expected, 'also where the decision is read last');
  });

  it('by our own accounts is no use', () => assert.deepEqual(told(pulled({ ...origin, id: '1', at: nowMs, byOwnRobot: true })), []));

  it('is in no region where its registry has no document, or none that says it', () => {
    const pulls = ['c.test', 'd.test', 'e.test'].map((host) => pulled({ registry: host, repository: 'app', id: host, at: nowMs }));
    assert.deepEqual(told(...pulls).map(([, , region]) => region), [null, null, null]); // prettier-ignore
  });

  it('is forgotten after 30 days, and does not count where it is told later than that', () => {
    const old = pulled({ ...origin, id: 'old', at: nowMs - 31 * dayMs });
    const kept = pulled({ ...origin, id: 'kept', at: nowMs - 30 * dayMs });
    const now = pulled({ ...origin, id: 'now', at: nowMs });
    const expected = [[-30, 1], [0, 1]]; // prettier-ignore
    assert.deepEqual(told(old, kept, now)[0]?.[3], expected);
    assert.deepEqual(told(now, old, kept)[0]?.[3], expected);
  });
});

describe('the count of pulls of a place', () => {
  it('is told soon at first, then once an hour, as long as there are any', () => {
    const { driver, take, tell } = startUsage();
    const due = (): readonly number[] => driver.timers().map(({ notBeforeMs }) => notBeforeMs - nowMs);
    take(pulled({ ...origin, id: '1', at: nowMs }), pulled({ ...origin, id: '2', at: nowMs }));
    assert.deepEqual(due(), [1_000]);
    tell();
    take(pulled({ ...origin, id: '3', at: nowMs }));
    assert.deepEqual(due(), [1_000 + hourMs]);
    tell();
    assert.deepEqual(due(), []);
    const counts = driver.emitted(topics.pullCounts).map(({ data }) => (data as PullsCounted).days[0]?.pulls);
    assert.deepEqual(counts, [2, 3]);
  });

  it('is keyed by what it counts for, like all that is decided of it', () => {
    const { driver, take, tell } = startUsage();
    take(copying, pulled({ ...mirror, id: '1', at: nowMs }));
    tell();
    assert.deepEqual(driver.keys(topics.pullCounts), ['a.test/acme/app']);
  });
});
