// What is counted decides: policy and usage behind one another, as topics join them, without a broker.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { repositoryKey, topics, type Event, type TypedRecord } from '@waybill/domain';
import { digestOf, nowMs, published, startPolicy, type Happening, type Policies } from '../../apps/policy/src/testing.fixture.ts';
import { deleted, pulled, startUsage } from '../../apps/usage/src/testing.fixture.ts';

const document = (kind: string, name: string, spec: string) =>
  published(`${kind.toLowerCase()}/${name}`, `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}`);
const policy = (replicate: string) =>
  published(
    'prod',
    `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: prod }\nspec: { match: {}, replicate: [${replicate}] }`,
  );
const tenant = (quota: string): Policies => ({
  prod: policy('{ registry: b }'),
  'tenant/acme': document('Tenant', 'acme', `{ repositories: ['demo/**'], quota: ${quota} }`),
});

const arrived = (tag: string, letter: string): readonly Happening[] => [
  { push: `push ${tag}`, tags: [tag], digest: digestOf(letter) },
  { inspected: digestOf(letter), of: `push ${tag}`, tags: [tag], platforms: [] },
];

function start(policies: Policies) {
  const [policing, counting] = [startPolicy(policies), startUsage()];
  counting.driver.table('policies', policies);
  const read = { decisions: 0, pullCounts: 0 };
  const next = (events: readonly Event[], topic: keyof typeof read): readonly Event[] => {
    const found = events.slice(read[topic]);
    read[topic] = events.length;
    return found;
  };
  const decide = (): void => {
    for (const event of next(policing.driver.emitted(topics.decisions), 'decisions'))
      counting.take({ topic: topics.decisions, key: repositoryKey(event.data as never), event });
  };
  return {
    counting,
    push: (tag: string, letter: string): void => {
      policing.when(...arrived(tag, letter));
      decide();
    },
    /** What is due is told, and taken up. */
    count: (): void => {
      counting.tell();
      const rows = counting.driver.emitted(topics.usage).map((event, at) => [counting.driver.keys(topics.usage)[at]!, event] as const);
      policing.driver.table('usage', Object.fromEntries<TypedRecord>(rows));
      policing.driver.tellOf('usage');
      const pullKeys = counting.driver.keys(topics.pullCounts);
      for (const event of next(counting.driver.emitted(topics.pullCounts), 'pullCounts'))
        policing.driver.pipe(topics.pullCounts, pullKeys[0]!, event, { id: event.meta.id });
      policing.passTo(nowMs + 120_000);
      decide();
    },
    told: () =>
      policing.decisions().map(({ tag, outcome, targets }) => [tag, outcome, ...targets.map(({ registry }) => registry)].join(' ')),
  };
}

describe('a quota, by what is counted', () => {
  it('denies what does not fit, and lets it go as soon as a copy was deleted at its target', () => {
    const { push, count, told, counting } = start(tenant('{ imagesMax: 2 }'));
    push('v1', '1');
    push('v2', '2');
    count();
    push('v3', '3');
    assert.deepEqual(told(), ['v1 allow b', 'v2 allow b', 'v3 deny']);
    counting.take(deleted({ at: nowMs + 1, registry: 'b.test', repository: 'demo/app', tags: ['v1'] }));
    count();
    assert.deepEqual(told().slice(3), ['v3 allow b']);
    count();
    const counted = counting.tenants().map(({ images, bytes, releasedCount }) => ({ images, bytes, releasedCount }));
    assert.deepEqual(counted, [{ images: 2, bytes: 2, releasedCount: 1 }]);
  });

  it('is gone over by what is decided before it is told, and by no more', () => {
    const { push, count, told } = start(tenant('{ imagesMax: 2 }'));
    for (const letter of ['1', '2', '3', '4']) push(`v${letter}`, letter);
    count();
    push('v5', '5');
    assert.deepEqual(told(), ['v1 allow b', 'v2 allow b', 'v3 allow b', 'v4 allow b', 'v5 deny']);
  });
});

describe('placement by pulls, by what is counted', () => {
  it('puts a new digest where its repository is pulled most, copies of it included', () => {
    const registry = (name: string, spec: string) => document('Registry', name, `{ host: ${name}.test, ${spec} }`);
    const { push, count, told, counting } = start({
      ...{ prod: policy('{ select: { jurisdictions: [EU, US] }, copies: 1, placement: by-pulls }') },
      ...{ 'registry/a': registry('a', 'region: us'), 'registry/b': registry('b', 'region: eu, jurisdiction: EU') },
      ...{ 'registry/c': registry('c', 'region: us, jurisdiction: US') },
    });
    const pull = (host: string, times: number): void => {
      const ids = Array.from({ length: times }, (_, at) => `${host} ${times} ${at}`);
      counting.take(...ids.map((id) => pulled({ registry: host, repository: 'demo/app', id, at: nowMs })));
    };
    push('v1', '1');
    pull('a.test', 2);
    count();
    push('v2', '2');
    pull('b.test', 3);
    count();
    push('v3', '3');
    assert.deepEqual(told(), ['v1 allow b', 'v2 allow c', 'v3 allow b']);
  });
});
