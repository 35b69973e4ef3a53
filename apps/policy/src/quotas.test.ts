import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { repositoryKey, topics, type TenantUsage, type TypedRecord } from '@waybill/domain';
import { digestOf, hour, nowMs, published, startPolicy, type Happening } from './testing.fixture.ts';
import { createPolicy } from './topology.ts';

const minute = 60_000;
const [d1, d2] = [digestOf('1'), digestOf('2')] as const;
const document = (kind: string, name: string, spec: string): string =>
  `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}`;
const tenant = (name: string, repositories: string, quota: string) =>
  published(`tenant/${name}`, document('Tenant', name, `{ repositories: ['${repositories}'], quota: ${quota} }`));
const everywhere = { prod: published('prod', document('ReplicationPolicy', 'prod', '{ match: {}, replicate: [{ registry: b }] }')) };
const acmeWith = (quota: string) => ({ ...everywhere, 'tenant/acme': tenant('acme', 'demo/**', quota) });

const arrived = (push: string, digest: string, tag: string): readonly Happening[] => [
  { push, tags: [tag], digest },
  { inspected: digest, of: push, tags: [tag], platforms: [] },
];
type Part = Partial<Pick<TenantUsage, 'bytes' | 'images' | 'copiesByMinute' | 'releasedCount'>>;
/** One part of a tenant's usage, as it lies in the table. */
const part = (name: string, partition: number, more: Part): readonly [string, TypedRecord] => [
  `tenant/${name}@${partition}`,
  {
    type: 'TenantUsage',
    data: {
      ...{ tenant: name, partition, bytes: 0, images: 0, imagesUnsized: 0, copiesByMinute: [], releasedCount: 0, changedAtMs: nowMs },
      ...more,
    },
  },
];

function start(policies: Parameters<typeof startPolicy>[0], topology = createPolicy()) {
  const started = startPolicy(policies, topology);
  return {
    ...started,
    /** What is counted now; the app is told. */
    count: (...parts: readonly (readonly [string, TypedRecord])[]): void => {
      started.driver.table('usage', Object.fromEntries(parts));
      started.driver.tellOf('usage');
    },
    told: () => started.decisions().map(({ tag, outcome, code }) => `${tag} ${outcome} ${code}`),
  };
}

describe('quotas: a tenant', () => {
  it('of whom nothing is counted has nothing', () => {
    const { when, told } = start(acmeWith('{ imagesMax: 1 }'));
    when(...arrived('p1', d1, 'v1'));
    assert.deepEqual(told(), ['v1 allow REQUIREMENTS_MET']);
  });

  it('has what all partitions say together', () => {
    const { when, told, count, decisions } = start(acmeWith('{ imagesMax: 5 }'));
    count(part('acme', 0, { images: 2 }), part('acme', 4, { images: 3, bytes: 7 }));
    when(...arrived('p1', d1, 'v1'));
    assert.deepEqual(told(), ['v1 deny QUOTA_EXCEEDED']);
    assert.deepEqual(decisions()[0]?.usage, { bytes: 7, images: 5, copiesLastHour: 0, isCounted: false });
    assert.match(decisions()[0]!.reason, /tenant acme would have 6 images, and its quota is 5: .*`waybill policy cleanup acme`/);
  });

  it('keeps what is counted already, however much it is', () => {
    const { when, told, count } = start(acmeWith('{ bytesMax: 5 }'));
    when(...arrived('p1', d1, 'v1'));
    count(part('acme', 0, { bytes: 100 }));
    when({ scanned: d1, in: d1 }, { push: 'p2', tags: ['v1'], digest: d1 });
    assert.deepEqual(told(), ['v1 allow REQUIREMENTS_MET']);
  });

  it('that has no room left can still move its tags on', () => {
    const { when, told, count } = start(acmeWith('{ imagesMax: 1, bytesMax: 1 }'));
    when(...arrived('p1', d1, 'v1'));
    count(part('acme', 0, { images: 1, bytes: 1 }));
    when(...arrived('p2', d2, 'v1'), ...arrived('p3', digestOf('3'), 'v2'));
    assert.deepEqual(told(), ['v1 allow REQUIREMENTS_MET', 'v1 allow REQUIREMENTS_MET', 'v2 deny QUOTA_EXCEEDED']);
  });

  it('that has no room left gets what a push without a digest moves on, and what was held meanwhile', () => {
    const { when, told, count, publish, passTo } = start(acmeWith('{ imagesMax: 1, bytesMax: 1 }'));
    when(...arrived('p1', d1, 'v1'));
    count(part('acme', 0, { images: 1, bytes: 1 }));
    when({ push: 'p2', tags: ['v1'], digest: null }, { inspected: d2, of: 'p2', tags: ['v1'], platforms: [] });
    const stop = published('stop', document('ReplicationPolicy', 'stop', '{ priority: 9, match: {}, effect: deny }'));
    publish({ ...acmeWith('{ imagesMax: 1, bytesMax: 1 }'), stop });
    passTo(nowMs);
    const d3 = digestOf('3');
    when({ push: 'p3', tags: ['v1'], digest: null }, { inspected: d3, of: 'p3', tags: ['v1'], platforms: [] });
    publish(acmeWith('{ imagesMax: 1, bytesMax: 1 }'), nowMs + 1);
    passTo(nowMs + 1);
    const [allowed, denied] = ['v1 allow REQUIREMENTS_MET', 'v1 deny DENIED_BY_POLICY'];
    assert.deepEqual(told(), [allowed, allowed, denied, denied, allowed]);
  });

  it('that ceases to have something has what was denied decided again, and nothing else', () => {
    const { when, told, count, passTo, requests, driver } = start(acmeWith('{ imagesMax: 2 }'));
    when(...arrived('p1', d1, 'first'));
    count(part('acme', 0, { images: 2 }));
    when(...arrived('p2', d2, 'second'));
    count(part('acme', 0, { images: 2 }));
    passTo(nowMs);
    assert.equal(requests().length, 0);
    count(part('acme', 0, { images: 1, releasedCount: 1 }));
    passTo(nowMs);
    assert.deepEqual(told(), ['first allow REQUIREMENTS_MET', 'second deny QUOTA_EXCEEDED', 'second allow REQUIREMENTS_MET']);
    assert.deepEqual(requests().map(({ tag, occasion }) => [tag, occasion]), [['second', 'usage']]); // prettier-ignore
    assert.equal(driver.row('evidence', '@quota/a.test/demo/app:second'), undefined);
  });

  it('that does not cease to have enough hears nothing new', () => {
    const { when, told, count, passTo, requests, driver } = start(acmeWith('{ imagesMax: 2 }'));
    count(part('acme', 0, { images: 5 }));
    when(...arrived('p1', d1, 'v1'));
    count(part('acme', 0, { images: 4, releasedCount: 1 }));
    passTo(nowMs);
    assert.deepEqual([told(), requests(), driver.timers()], [['v1 deny QUOTA_EXCEEDED'], [], []]);
  });

  it('is not asked about a tag that has gone meanwhile', () => {
    const { when, count, passTo, requests, driver } = start(acmeWith('{ imagesMax: 1 }'));
    count(part('acme', 0, { images: 1 }));
    when(...arrived('p1', d1, 'v1'), { deleted: ['v1'] });
    count(part('acme', 0, { images: 0, releasedCount: 1 }));
    passTo(nowMs);
    assert.deepEqual([requests(), driver.row('evidence', '@quota/a.test/demo/app:v1')], [[], undefined]);
  });

  it('has thousands of denied tags looked at in bounded steps, also with a restart in each of them', () => {
    const small = () => createPolicy({ keysMax: 7, decidedMax: 3, versionsMax: 4 });
    const tags = Array.from({ length: 25 }, (_, index) => `v${index + 10}`);
    const { when, told, count, driver, requests, readRequests } = start(acmeWith('{ imagesMax: 9 }'), small());
    count(part('acme', 0, { images: 9 }));
    for (const tag of tags) when(...arrived(tag, d1, tag));
    count(part('acme', 0, { images: 0, releasedCount: 9 }));
    for (let steps = 0; driver.timers().some(({ id }) => id === 'quota/0'); steps += 1) {
      const before = requests().length;
      driver.deploy(small());
      driver.fire('quota/0');
      assert.ok(requests().length - before <= 3 && steps < 100);
      readRequests();
    }
    assert.deepEqual(told().slice(25), tags.map((tag) => `${tag} allow REQUIREMENTS_MET`)); // prettier-ignore
  });
});

describe('quotas: copies within an hour', () => {
  const full = part('acme', 0, { copiesByMinute: [{ minuteStartMs: nowMs - 30 * minute, copies: 2 }] });

  it('wait for the moment at which the hour has room again, with no polling', () => {
    const { when, told, count, passTo, row, driver } = start(acmeWith('{ copiesPerHourMax: 2 }'));
    count(full);
    when(...arrived('p1', d1, 'v1'));
    assert.deepEqual([told(), row('v1')?.status, row('v1')?.awaiting], [[], 'held', ['usage of tenant acme']]);
    const leavesAtMs = nowMs - 30 * minute + minute + hour;
    const timer = driver.timers().find(({ kind }) => kind === 'review');
    assert.ok(timer!.notBeforeMs >= leavesAtMs && timer!.notBeforeMs < leavesAtMs + minute);
    passTo(leavesAtMs - 1);
    assert.deepEqual(told(), []);
    passTo(leavesAtMs + minute);
    assert.deepEqual(told(), ['v1 allow REQUIREMENTS_MET']);
  });

  it('do not all come at once then', () => {
    const { when, count, driver } = start(acmeWith('{ copiesPerHourMax: 2 }'));
    count(full);
    for (let index = 0; index < 100; index += 1) when(...arrived(`p${index}`, d1, `v${index}`));
    const moments = new Set(driver.timers().flatMap(({ kind, notBeforeMs }) => (kind === 'review' ? [notBeforeMs] : [])));
    assert.ok(moments.size > 50, `100 tags wake at ${moments.size} moments`);
  });
  it('are asked for the less often the longer they have waited, and not forgotten', () => {
    const { when, count, row, driver, readRequests } = start(acmeWith('{ copiesPerHourMax: 2 }'));
    let atMs = nowMs;
    const looks: number[] = [];
    count(full);
    when(...arrived('p1', d1, 'v1'));
    while (atMs < nowMs + 24 * hour) {
      // Others take what room there is.
      count(part('acme', 0, { copiesByMinute: [{ minuteStartMs: atMs - hour, copies: 2 }] }));
      const next = row('v1')!.reviewAtMs!;
      driver.fire('a.test/demo/app:v1', { atMs: (atMs = next) });
      count(part('acme', 0, { copiesByMinute: [{ minuteStartMs: atMs - hour, copies: 2 }] }));
      readRequests();
      looks.push(atMs);
    }
    assert.ok(looks.length > 24 && looks.length < 100, `${looks.length} looks in a day`);
    assert.equal(row('v1')?.status, 'held');
  });
});

describe('isolation', () => {
  const two = {
    ...everywhere,
    'tenant/acme': tenant('acme', 'demo/**', '{ imagesMax: 3, bytesMax: 30, copiesPerHourMax: 3 }'),
    'tenant/other': tenant('other', 'other/**', '{ imagesMax: 3, bytesMax: 30, copiesPerHourMax: 3 }'),
  };
  const use = fc.record({
    images: fc.nat(5),
    bytes: fc.nat(50),
    copiesByMinute: fc.nat(5).map((copies) => [{ minuteStartMs: nowMs, copies }]),
    releasedCount: fc.nat(3),
  });

  it("one tenant's usage never changes another's decision", () =>
    fc.assert(
      fc.property(use, use, use, (own, others, changed) => {
        const started = start(two);
        started.count(part('acme', 0, own), part('other', 0, others));
        started.when(...arrived('p1', d1, 'v1'));
        const before = [started.told(), started.row('v1')];
        started.count(part('acme', 0, own), part('other', 0, changed));
        started.passTo(nowMs);
        started.when({ push: 'p1', tags: ['v1'], digest: d1 });
        assert.deepEqual([started.told(), started.row('v1')], before);
      }),
      { numRuns: 100 },
    ));
});

describe('pulls', () => {
  const registry = (name: string, region: string) =>
    published(`registry/${name}`, document('Registry', name, `{ host: ${name}.test, region: ${region} }`));
  const byPulls = '{ match: {}, replicate: [{ select: { roles: [primary] }, copies: 1, placement: by-pulls }] }';
  const policies = {
    prod: published('prod', document('ReplicationPolicy', 'prod', byPulls)),
    'registry/eu': registry('eu', 'eu'),
    'registry/us': registry('us', 'us'),
  };
  const image = { registry: 'a.test', repository: 'demo/app' };
  const pulled = (region: string, pulls: number, place = `${region}.test`): TypedRecord => ({
    type: 'PullsCounted',
    data: {
      ...{ ...image, placeRegistry: place, placeRepository: 'demo/app', region, countedAtMs: nowMs },
      days: [{ dayStartMs: nowMs, pulls }],
    },
  });

  function told(...counts: readonly TypedRecord[]) {
    const { driver, when, decisions } = start(policies);
    for (const event of counts) driver.pipe(topics.pullCounts, repositoryKey(image), event, { atMs: nowMs });
    when(...arrived('p1', d1, 'v1'));
    return decisions().map(({ targets, pullsByRegion }) => [targets.map((to) => to.registry).join(), pullsByRegion]);
  }

  it('decide where a new image goes', () => assert.deepEqual(told(pulled('us', 7), pulled('eu', 6)), [['us', { us: 7, eu: 6 }]]));
  it('are none where nobody has pulled', () => assert.deepEqual(told(), [['eu', {}]]));
  it('of a place are what was last told of it', () =>
    assert.deepEqual(told(pulled('us', 7), pulled('eu', 8), pulled('us', 9)), [['us', { eu: 8, us: 9 }]]));
});
