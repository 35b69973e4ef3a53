import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TypedRecord } from '@waybill/domain';
import { digestOf, nowMs, published, startPolicy, type Happening } from './testing.fixture.ts';
import { createPolicy } from './topology.ts';

const [d1, d2] = [digestOf('1'), digestOf('2')] as const;
const document = (kind: string, name: string, spec: string): string =>
  `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}`;
const registry = (name: string, spec: string) =>
  published(`registry/${name}`, document('Registry', name, `{ host: ${name}.test, jurisdiction: EU, ${spec} }`));
const somewhere = document(
  'ReplicationPolicy',
  'prod',
  "{ match: { repositories: ['demo/**'] }, replicate: [{ select: { jurisdictions: [EU] }, copies: 1 }] }",
);
const places = {
  'registry/first': registry('first', 'role: primary'),
  'registry/second': registry('second', 'role: secondary'),
};
const inForce = { prod: published('prod', somewhere), ...places };

const arrived = (push: string, digest: string, tag: string): readonly Happening[] => [
  { push, tags: [tag], digest },
  { inspected: digest, of: push, tags: [tag], platforms: [] },
];

/** The app with registries that are up, `+`, down, `-`, or not known, ` `: as `{ first: '+' }`. */
function start(policies: Parameters<typeof startPolicy>[0] = inForce, topology = createPolicy()) {
  const started = startPolicy(policies, topology);
  let health: Record<string, TypedRecord> = {};
  const turn = (signs: Readonly<Record<string, '+' | '-' | ' '>>, atMs = nowMs): void => {
    const changed = Object.entries(signs).map(([name, sign]): [string, TypedRecord] => {
      const isHealthy = sign === ' ' ? null : sign === '+';
      return [name, { type: 'RegistryHealthChanged', data: { registry: name, isHealthy, reason: 'asked', changedAtMs: atMs } }];
    });
    health = { ...health, ...Object.fromEntries(changed) };
    started.driver.table('health', health);
    started.driver.tellOf('health', { atMs });
    started.passTo(atMs);
  };
  /** Where each decision sent the image, `v1 first` for one and `v1 deny` where it sent it nowhere. */
  const told = () =>
    started
      .decisions()
      .map(({ tag, outcome, targets }) => `${tag} ${outcome === 'allow' ? targets.map((to) => to.registry).join() : outcome}`);
  return { ...started, turn, told };
}

describe('when registries fail and come back', () => {
  it('a new image goes to the secondary while the primary is down', () => {
    const { when, turn, told } = start();
    turn({ first: '-', second: '+' });
    when(...arrived('p1', d1, 'v1'));
    assert.deepEqual(told(), ['v1 second']);
  });

  it('a secondary becomes active, missed updates are resynced', () => {
    const { when, turn, told, decisions } = start();
    turn({ first: '+', second: '+' });
    when(...arrived('p1', d1, 'old'), ...arrived('p2', d1, 'v1'));
    turn({ first: '-' }, nowMs + 1);
    when(...arrived('p3', d2, 'v1'), ...arrived('p4', d2, 'new'));
    assert.deepEqual(told(), ['old first', 'v1 first', 'v1 second', 'new second']);
    turn({ first: '+' }, nowMs + 2);
    // Exactly what the primary missed, and nothing that it has.
    assert.deepEqual(told().slice(4).toSorted(), ['new first', 'v1 first']);
    const resynced = decisions().slice(4);
    assert.deepEqual([...new Set(resynced.map(({ occasion, digest }) => `${occasion} ${digest}`))], [`registries ${d2}`]);
    assert.deepEqual(
      resynced[0]?.takenBack.map(({ registry: name }) => name),
      ['second'],
    );
  });

  it('a flapping registry does not move images to and fro', () => {
    const { when, turn, told } = start();
    when(...arrived('p1', d1, 'v1'));
    for (let times = 1; times <= 10; times += 1) turn({ first: times % 2 === 0 ? '+' : '-' }, nowMs + times);
    assert.deepEqual(told(), ['v1 first']);
  });

  it('an image that is told once more where it went stays there, also while it is down', () => {
    const { when, turn, told, row } = start();
    when(...arrived('p1', d1, 'v1'));
    turn({ first: '-' });
    when({ scanned: d1, in: d1, worst: 'low' }, { push: 'p2', tags: ['v1'], digest: d1 });
    assert.deepEqual([told(), row('v1')?.targets[0]?.registry], [['v1 first'], 'first']);
  });

  it('one that is given another role leaves its images to the one that is before it now', () => {
    const { when, publish, passTo, told } = start();
    when(...arrived('p1', d1, 'v1'));
    publish({ ...inForce, 'registry/first': registry('first', 'role: fallback') });
    passTo(nowMs);
    assert.deepEqual(told(), ['v1 first', 'v1 second']);
  });

  it('one of which nothing is known any more counts as any other', () => {
    const { when, turn, told } = start();
    turn({ first: '-' });
    turn({ first: ' ' }, nowMs + 1);
    when(...arrived('p1', d1, 'v1'));
    assert.deepEqual(told(), ['v1 first']);
  });

  it('nothing is compared where no policy chooses', () => {
    const named = document('ReplicationPolicy', 'prod', '{ match: {}, replicate: [{ registry: first }] }');
    const { when, turn, driver, decisions } = start({ prod: published('prod', named), ...places });
    when(...arrived('p1', d1, 'v1'));
    turn({ first: '+' });
    const rows = JSON.stringify(driver.row('evidence', '@sweep'));
    turn({ first: '-' }, nowMs + 1);
    assert.deepEqual([JSON.stringify(driver.row('evidence', '@sweep')), driver.timers()], [rows, []]);
    assert.deepEqual(decisions().at(-1)?.registries, []);
  });

  it('only tags are compared whose policy chooses', () => {
    const named = document('ReplicationPolicy', 'named', "{ priority: 9, match: { tags: ['fixed*'] }, replicate: [{ registry: first }] }");
    const other = document('ReplicationPolicy', 'prod', somewhere.split('spec: ')[1]!.replace("repositories: ['demo/**']", "tags: ['v*']"));
    const { when, turn, requests, told } = start({ named: published('named', named), prod: published('prod', other), ...places });
    turn({ first: '-' });
    when(...arrived('p1', d1, 'fixed'), ...arrived('p2', d2, 'v1'));
    turn({ first: '+' }, nowMs + 1);
    assert.deepEqual(requests().map(({ tag, occasion }) => [tag, occasion]), [['v1', 'registries']]); // prettier-ignore
    assert.deepEqual(told(), ['fixed first', 'v1 second', 'v1 first']);
  });
});

describe('what happens to a registry while tags are compared', () => {
  const tags = Array.from({ length: 25 }, (_, index) => `v${index + 10}`);
  const small = () => createPolicy({ keysMax: 7, decidedMax: 3, versionsMax: 4 });

  it('is not lost, also after a restart in each of its steps', () => {
    const { when, turn, told, driver, readRequests } = start(inForce, small());
    turn({ first: '-' });
    for (const tag of tags) when(...arrived(tag, d1, tag));
    driver.table('health', {
      first: { type: 'RegistryHealthChanged', data: { registry: 'first', isHealthy: true, reason: '', changedAtMs: nowMs } },
    });
    driver.tellOf('health');
    for (let steps = 0; driver.timers().some(({ id }) => id === 'sweep/0'); steps += 1) {
      driver.deploy(small());
      driver.fire('sweep/0');
      readRequests();
      assert.ok(steps < 100);
    }
    assert.deepEqual(
      told().slice(tags.length).toSorted(),
      tags.map((tag) => `${tag} first`),
    );
    driver.deploy(small());
    driver.tellOf('health');
    assert.deepEqual([driver.timers(), told().length], [[], 2 * tags.length]);
  });
});

describe('a decision names', () => {
  it('the registries that it chose among, as they were', () => {
    const { when, turn, decisions } = start({
      ...inForce,
      'registry/far': published('registry/far', document('Registry', 'far', '{ host: far.test, jurisdiction: US }')),
    });
    turn({ first: '-', far: '-' });
    when(...arrived('p1', d1, 'v1'));
    const registries = [{ name: 'first', isHealthy: false, usedBytes: null, wasChosen: false }];
    assert.deepEqual(decisions().at(-1)?.registries, registries);
    turn({ first: '+' }, nowMs + 1);
    assert.deepEqual(decisions().at(-1)?.registries, [
      { ...registries[0], isHealthy: true },
      { name: 'second', isHealthy: null, usedBytes: null, wasChosen: true },
    ]);
  });
});
