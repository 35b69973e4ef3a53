import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Policy } from '../policy.ts';
import { policy } from '../testing.fixture.ts';
import { tryAll } from './brute-force.fixture.ts';
import { findConflicts } from './find-conflicts.ts';
import type { Finding, FindingCode } from './finding.ts';
import { textOf } from './image.ts';
import type { Unfinished } from './work.ts';

const registries = ['a', 'b', 'c', 'd'].map((name) => ({ name, host: `${name}.test` }));
const deny = { effect: 'deny' };

type Rule = {
  readonly rule: string;
  readonly given: readonly Policy[];
  /** `code first,others witness` */
  readonly then: readonly string[];
  readonly says?: RegExp;
};
const demo = { repositories: ['demo/**'] };
const from = (host: string, more: object = {}): object => ({ match: { registries: [`${host}.test`], ...more } });

const rules: readonly Rule[] = [
  {
    rule: 'one policy, or two that say the same, are fine',
    given: [policy('p', { match: demo }), policy('q', { match: demo })].slice(0, 1),
    then: [],
  },
  {
    rule: 'two of one priority and as specific as each other contradict each other where both match',
    given: [
      policy('x', { match: { repositories: ['demo/a*'] }, replicate: [{ registry: 'b' }] }),
      policy('y', { match: { repositories: ['demo/*z'] }, replicate: [{ registry: 'c' }] }),
    ],
    then: ['POLICY_CONTRADICTION x,y a.test/demo/az:a'],
    says: /x decides by nothing but its name; give the one that is meant a higher spec\.priority/,
  },
  {
    rule: 'they do not where no image can match both',
    given: [
      policy('x', { match: { repositories: ['demo/a*'] }, replicate: [{ registry: 'b' }] }),
      policy('y', { match: { repositories: ['demo/b*'] }, replicate: [{ registry: 'c' }] }),
    ],
    then: [],
  },
  {
    rule: 'two patterns of registries meet in a host that either of them means, also in one that is not known',
    given: [
      policy('x', { match: { registries: ['*.x.test'] }, replicate: [{ registry: 'b' }] }),
      policy('y', { match: { registries: ['y.*'] }, replicate: [{ registry: 'c' }] }),
    ],
    then: [...['REGISTRY_UNLISTED x -', 'REGISTRY_UNLISTED y -'], 'POLICY_CONTRADICTION x,y y.x.test/a:a'].toSorted(),
    says: /x and y have the same priority and say different things of y\.x\.test\/a:a/,
  },
  {
    rule: 'one about a platform is not met by what is about artifacts, which have none',
    given: [
      policy('x', { match: { platforms: ['linux/amd64'] }, replicate: [{ registry: 'b' }], priority: 1 }),
      policy('y', { match: { kinds: ['artifact'] }, replicate: [{ registry: 'c' }], priority: 1 }),
    ],
    then: [],
  },
  {
    rule: 'two about platforms meet in what is for both',
    given: [
      policy('x', { match: { platforms: ['linux/amd64'] }, replicate: [{ registry: 'b' }] }),
      policy('y', { match: { platforms: ['linux/aarch64'] }, replicate: [{ registry: 'c' }] }),
      policy('z', { match: { platforms: ['linux/arm64/v8'], exclude: { platforms: ['linux/arm64'] } }, priority: 1 }),
    ],
    then: ['POLICY_CONTRADICTION x,y a.test/a:a (linux/amd64, linux/arm64)', 'POLICY_MATCHES_NOTHING z -'],
  },
  {
    rule: 'nor where labels, kinds, tenants or registries keep them apart',
    given: [
      policy('x', { match: { labels: { team: 'a' } }, replicate: [{ registry: 'b' }], priority: 1 }),
      policy('y', { match: { labels: { team: 'b' } }, replicate: [{ registry: 'c' }], priority: 1 }),
      policy('k', { match: { kinds: ['image'] }, ...deny }),
      policy('l', { match: { kinds: ['index'] }, replicate: [{ registry: 'd' }] }),
    ],
    then: [],
  },
  {
    rule: 'nor where a third one of a higher priority decides all that they share',
    given: [
      policy('top', { priority: 9, match: { repositories: ['demo/ab'] }, ...deny }),
      policy('x', { match: { repositories: ['demo/a?'] }, replicate: [{ registry: 'b' }] }),
      policy('y', { match: { repositories: ['demo/?b'] }, ...deny }),
    ],
    then: [],
  },
  {
    rule: 'where one is more specific it is an overlap, of which somebody should know',
    given: [policy('all', { match: demo }), policy('one', { match: { repositories: ['demo/app'] }, replicate: [{ registry: 'c' }] })],
    then: ['POLICY_OVERLAP one,all a.test/demo/app:a'],
    says: /one decides, because it is more specific/,
  },
  {
    rule: 'priorities say what is meant',
    given: [
      policy('all', { match: demo }),
      policy('one', { priority: 1, match: { repositories: ['demo/app'] }, replicate: [{ registry: 'c' }] }),
    ],
    then: [],
  },
  {
    rule: 'a policy behind one that matches all that it matches never decides',
    given: [policy('all', { priority: 1, match: demo }), policy('one', { match: { repositories: ['demo/app'], labels: { a: 'b' } } })],
    then: ['POLICY_SHADOWED one,all a.test/demo/app:a (a=b)'],
    says: /all decides before it; raise its spec\.priority, or retire it/,
  },
  {
    rule: 'so does one behind several that match it together',
    given: [
      policy('i', { priority: 2, match: { kinds: ['image'] } }),
      policy('j', { priority: 1, match: { kinds: ['index', 'artifact'], tags: ['v*'] } }),
      policy('late', { match: { tags: ['v1*'] } }),
      policy('seen', { match: { tags: ['w1*'] } }),
    ],
    then: ['POLICY_SHADOWED late,i,j a.test/a:v1'],
  },
  {
    rule: 'a registry that nobody knows is said, with its place',
    given: [policy('p', { match: { registries: ['z.test'] }, replicate: [{ registry: 'b' }, { registry: 'e' }] })],
    then: ['REGISTRY_UNKNOWN p -', 'REGISTRY_UNLISTED p -'],
    says: /copies to e, which registries\.yaml does not name: it has a, b, c, d/,
  },
  {
    rule: 'patterns that no name can match are said',
    given: [policy('p', { match: { repositories: ['Demo/*', 'demo/*'], tags: ['v'.repeat(129)] } })],
    then: ['PATTERN_MATCHES_NOTHING p -', 'PATTERN_MATCHES_NOTHING p -'],
  },
  {
    rule: 'a target that is no name for any image is said',
    given: [policy('p', { match: demo, replicate: [{ registry: 'b', repository: 'UPPER/{repository}' }] })],
    then: ['TARGET_NEVER_VALID p a.test/demo/a:a'],
  },
  {
    rule: 'a scan of what cannot be scanned never comes',
    given: [policy('p', { match: { kinds: ['artifact'] }, require: { scan: { withinHours: 1, worstSeverity: 'low' } } })],
    then: ['REQUIREMENT_NEVER_HOLDS p a.test/a:a (artifact)'],
  },
  {
    rule: 'labels that the match rules out never come either',
    given: [policy('p', { match: { labels: { env: 'dev' } }, require: { labels: { env: 'prod' } } })],
    then: ['REQUIREMENT_NEVER_HOLDS p a.test/a:a (env=dev)'],
  },
  {
    rule: 'what cannot be scanned cannot be shown to be free of findings',
    given: [policy('p', { match: { kinds: ['artifact'] }, require: { noFindings: ['CVE-1'] } })],
    then: ['REQUIREMENT_NEVER_HOLDS p a.test/a:a (artifact)'],
  },
  {
    rule: 'a registry that the match rules out never comes',
    given: [policy('p', { match: { registries: ['a.test'] }, require: { registries: ['b.test', 'c.test'] } })],
    then: ['REQUIREMENT_NEVER_HOLDS p a.test/a:a'],
    says: /requires registries that spec.match rules out/,
  },
  {
    rule: 'a policy about latest alone cannot forbid it',
    given: [policy('p', { match: { tags: ['latest'] }, require: { tag: { notLatest: true } } })],
    then: ['REQUIREMENT_NEVER_HOLDS p a.test/a:latest'],
  },
  {
    rule: 'forbidden tags that leave some of those that are matched are fine',
    given: [policy('p', { match: { tags: ['v*'] }, require: { tag: { notLatest: true, noneOf: ['v0*'] } } })],
    then: [],
  },
  {
    rule: 'forbidden tags that leave none of those that are matched are not',
    given: [policy('p', { match: { tags: ['v*', 'r?'] }, require: { tag: { noneOf: ['v*', { regex: 'r.' }] } } })],
    then: ['REQUIREMENT_NEVER_HOLDS p a.test/a:v'],
  },
  {
    rule: 'a requirement that no copy of the other fulfils breaks the circle',
    given: [
      policy('there', { ...from('a', { labels: { env: 'dev' } }), replicate: [{ registry: 'b' }] }),
      policy('back', { ...from('b'), require: { labels: { env: 'prod' } }, replicate: [{ registry: 'a' }] }),
    ],
    then: [],
  },
  {
    rule: 'two mirrors of each other chase their copies round',
    given: [
      policy('there', { ...from('a', demo), replicate: [{ registry: 'b' }] }),
      policy('back', { ...from('b'), replicate: [{ registry: 'a' }] }),
    ],
    then: ['REPLICATION_CYCLE there,back a.test/demo/a:a'],
  },
  {
    rule: 'where one of them takes some platforms, the part that comes back would take the place of the whole',
    given: [
      policy('there', { ...from('a', demo), replicate: [{ registry: 'b' }] }),
      policy('back', { ...from('b'), replicate: [{ registry: 'a', platforms: ['linux/amd64'] }] }),
    ],
    then: ['REPLICATION_SHRINKS there,back a.test/demo/a:a'],
    says: /comes back to itself as some of its platforms, which take the place of the whole; name in/,
  },
  {
    rule: 'a mirror that takes only what the other does not send is none of a circle',
    given: [
      policy('there', { ...from('a', demo), replicate: [{ registry: 'b' }] }),
      policy('back', { ...from('b', { repositories: ['other/**'] }), replicate: [{ registry: 'a' }] }),
    ],
    then: [],
  },
  {
    rule: 'a circle over three registries, through names that are changed for good, is found',
    given: [
      policy('one', { ...from('a', { repositories: ['x'] }), replicate: [{ registry: 'b', repository: 'y' }] }),
      policy('two', { ...from('b', { repositories: ['?'] }), replicate: [{ registry: 'c', tag: 'v1' }] }),
      policy('three', { ...from('c'), replicate: [{ registry: 'a', repository: 'x' }] }),
    ],
    then: ['REPLICATION_CYCLE one,two,three a.test/x:v1'],
  },
  {
    rule: 'a circle is found where other policies take over because of the registry that a copy came to',
    given: [
      policy('p', { match: demo }),
      policy('q1', { priority: 1, match: { ...demo, registries: ['b.test', 'c.test'] }, replicate: [{ registry: 'c' }] }),
      policy('q2', { priority: 2, match: { ...demo, registries: ['c.test'] }, replicate: [{ registry: 'a' }] }),
    ],
    then: ['REPLICATION_CYCLE q2,p,q1 c.test/demo/a:a'],
  },
  {
    rule: 'mirrors that put a name before each copy never end',
    given: [
      policy('there', { ...from('a'), replicate: [{ registry: 'b', repository: 'mirror/{repository}' }] }),
      policy('back', { ...from('b'), replicate: [{ registry: 'a' }] }),
    ],
    then: ['REPLICATION_ENDLESS back,there b.test/a:a'],
    says: /comes back to back as b\.test\/mirror\/a:a and is copied again/,
  },
  {
    rule: 'one that goes to two registries, whoever pushes, is copied between the two',
    given: [policy('both', { match: demo, replicate: [{ registry: 'b' }, { registry: 'c' }] })],
    then: ['REPLICATION_CYCLE both b.test/demo/a:a'],
  },
  { rule: 'a copy onto itself is none', given: [policy('p', { match: demo })], then: [] },
  {
    rule: 'a denial on the way breaks the circle',
    given: [
      policy('there', { ...from('a', demo), replicate: [{ registry: 'b' }] }),
      policy('back', { ...from('b'), replicate: [{ registry: 'a' }] }),
      policy('stop', { priority: 1, ...from('b', demo), ...deny }),
    ],
    then: [],
  },
];

/** What may speak or not, as only the image can say. */
const sometimes = (spec: object): object => ({ when: "image.tag == 'v1'", ...spec });
const conditional: readonly Rule[] = [
  {
    rule: 'one that speaks sometimes takes nothing from others for certain',
    given: [policy('a', sometimes({ priority: 1, ...deny })), policy('b')],
    then: [],
  },
  {
    rule: 'one that speaks sometimes never decides where others always decide before it',
    given: [policy('a', { priority: 1 }), policy('b', sometimes(deny))],
    then: ['POLICY_SHADOWED b,a a.test/a:a'],
  },
  { rule: 'others behind it shadow nothing', given: [policy('a', sometimes({ priority: 1 })), policy('b', deny)], then: [] },
  {
    rule: 'what is said sometimes contradicts nothing',
    given: [policy('a', sometimes({})), policy('b', sometimes({ replicate: [{ registry: 'c' }] }))],
    then: [],
  },
  {
    rule: 'two that contradict each other do so although a third may come before them',
    given: [policy('a', sometimes({ priority: 1 })), policy('b'), policy('c', { replicate: [{ registry: 'c' }] })],
    then: ['POLICY_CONTRADICTION b,c a.test/a:a', 'POLICY_SHADOWED c,b a.test/a:a'],
  },
  {
    rule: 'copies that are made sometimes close no circle for certain',
    given: [policy('a', from('a')), policy('b', { ...from('b'), ...sometimes({ replicate: [{ registry: 'a' }] }) })],
    then: [],
  },
];

const shown = ({ code, policyIds, witness }: Finding): string => `${code} ${policyIds.join()} ${witness === null ? '-' : textOf(witness)}`;

describe('among policies taken together', () => {
  for (const { rule, given, then, says } of [...rules, ...conditional])
    it(rule, () => {
      const { findings, unfinished } = findConflicts(given, registries);
      assert.deepEqual(findings.map(shown), then, findings.map(({ message }) => message).join('\n'));
      assert.deepEqual(findConflicts(given.toReversed(), registries).findings, findings, 'the order of policies changes nothing');
      assert.deepEqual(unfinished, []);
      if (says) assert.match(findings[0]!.message, says);
    });
});

describe('a set that is too tangled', () => {
  const tangled = Array.from({ length: 20 }, (_, i) =>
    policy(`p${i}`, { match: { tags: [`*${i}*`] }, replicate: [{ registry: 'b', tag: `t${i}` }] }),
  );

  it('has what was not looked into told, the same each time', () => {
    const report = findConflicts(tangled, registries, { stepsPerQuestionMax: 500 });
    assert.ok(report.unfinished.some(({ check, count, examples }) => check === 'overlap' && count > 3 && examples.length === 3));
    assert.deepEqual(findConflicts(tangled.toReversed(), registries, { stepsPerQuestionMax: 500 }), report);
  });

  it('has no more findings than anybody reads, and says of how many pairs it is silent', () => {
    const { findings, unfinished } = findConflicts(tangled, registries, { findingsPerCheckMax: 10 });
    assert.equal(findings.filter(({ code }) => /CONTRADICTION|OVERLAP/.test(code)).length, 10);
    assert.ok(unfinished.some(({ check, count }) => check === 'overlap' && count === 190 - 10));
  });
});

const some = <T>(...values: readonly T[]) => fc.subarray([...values], { minLength: 1, maxLength: 2 });
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 2 });
const match = fc.record(
  {
    registries: maybe(some<string | { readonly regex: string }>('a.test', 'b.test', { regex: '[ab][.]test' })),
    tenants: maybe(fc.constant(['t'])),
    repositories: maybe(some('a', '?', 'a*', '*b', '??', 'a/*', '**', '*a*', 'b?', 'ab')),
    tags: maybe(some('a', 'b', '?', '*')),
    kinds: maybe(some('image', 'artifact', 'index')),
    platforms: maybe(fc.constant(['linux/amd64'])),
    labels: maybe(fc.constantFrom({ x: '1' }, { x: '*' })),
  },
  { requiredKeys: [] },
);
const target = fc.record({
  registry: fc.constantFrom('a', 'b'),
  repository: maybe(fc.constantFrom('a', 'ab', '{repository}')),
  tag: maybe(fc.constantFrom('a', 'b')),
});
const spec = fc
  .record({
    priority: fc.constantFrom(0, 0, 1),
    match,
    when: fc.constantFrom(...[undefined, undefined, undefined, 'true', 'false']),
    replicate: maybe(fc.array(target, { minLength: 1, maxLength: 2 })),
  })
  .map(({ replicate, ...rest }) => JSON.parse(JSON.stringify({ ...rest, ...(replicate ? { replicate } : deny) })) as object);
const policySets = fc.array(spec, { minLength: 1, maxLength: 5 }).map((specs) => specs.map((each, i) => policy(`p${i}`, each)));

const idsOf = (findings: readonly Finding[], ...codes: readonly FindingCode[]): readonly string[] =>
  findings.filter(({ code }) => codes.includes(code)).map(({ policyIds }) => policyIds[0]!);

/** Each target once makes ways round of up to ten copies: more than ten where five policies have two each. */
const copying = (name: string, ...replicate: readonly object[]) => policy(name, { replicate });
const longWays = [
  copying('p0', { registry: 'a' }, { registry: 'a', tag: 'a' }),
  copying('p1', { registry: 'a' }, { registry: 'a', repository: 'a' }),
  copying('p2', { registry: 'b' }, { registry: 'a' }),
  copying('p3', { registry: 'a' }, { registry: 'a', tag: 'b' }),
  copying('p4', { registry: 'b', repository: 'a' }, { registry: 'b', repository: 'a' }),
];

describe('in a universe small enough to try every image', () => {
  it('the finder says of overlaps, shadows and cycles what trying them all says, no more and no less', () =>
    fc.assert(
      fc.property(policySets, (policies) => {
        const { findings, unfinished } = findConflicts(policies, registries);
        const tried = tryAll(policies, new Map(registries.map(({ name, host }) => [name, host])));
        const overlaps = findings.filter(({ code }) => code === 'POLICY_OVERLAP' || code === 'POLICY_CONTRADICTION');
        assert.deepEqual(overlaps.map(({ policyIds }) => policyIds.join(' ')).toSorted(), [...tried.overlaps].toSorted());
        const shadowed = [...tried.matching].filter((id) => !tried.deciding.has(id)).toSorted();
        assert.deepEqual(idsOf(findings, 'POLICY_SHADOWED'), shadowed);
        const cyclic = findings.filter(({ code }) => code === 'REPLICATION_CYCLE').flatMap(({ policyIds }) => policyIds);
        const isLong = ({ check }: Unfinished): boolean => check === 'cycle of more than 10 copies';
        // Only where a way round is longer than the finder looks may it know less, and then it says so.
        if (unfinished.some(isLong)) assert.ok(cyclic.every((id) => tried.cyclic.has(id)));
        else assert.deepEqual([...new Set(cyclic)].toSorted(), [...tried.cyclic].toSorted());
        assert.deepEqual(idsOf(findings, 'REPLICATION_ENDLESS'), []);
        assert.deepEqual(
          unfinished.filter((each) => !isLong(each)),
          [],
        );
      }),
      { numRuns: 150, examples: [[longWays]] },
    ));
});
