import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePolicy } from './policy.ts';
import { document, policy } from './testing.fixture.ts';

const faultsOf = (value: unknown): readonly string[] => {
  const parsed = parsePolicy(value);
  return parsed.ok ? [] : parsed.faults;
};

describe('a policy document', () => {
  it('has all of its faults told at once, each with its place', () => {
    const faults = faultsOf({
      apiVersion: 'waybill/v2',
      kind: 'ReplicationPolicy',
      metadata: { name: 'Prod' },
      spec: { match: { repositories: ['a(b)'] }, require: { scan: { withinHours: 0 } }, replicate: [], extra: 1 },
    });
    for (const place of ['apiVersion', 'metadata.name', 'spec.match.repositories.0', 'spec.require.scan', 'spec.replicate', 'spec'])
      assert.ok(
        faults.some((fault) => fault.startsWith(`${place} `)),
        `${place} is not in:\n${faults.join('\n')}`,
      );
  });

  it('with more faults than a library’s default still tells all', () => {
    const faults = faultsOf(document('a', { match: { repositories: Array.from({ length: 20 }, (_, i) => `bad name ${i}`) } }));
    assert.equal(faults.length, 20);
  });

  it('may write patterns in three ways, and has each that is none told with its place', () => {
    const match = { repositories: ['a/**', { regex: 'a/(b|c)' }], tags: [{ semver: '>=1.2' }], exclude: { tags: [{ regex: 'rc.*' }] } };
    assert.deepEqual(faultsOf(document('a', { match })), []);
    const broken = { repositories: [{ regex: '(' }, {}, 1], tags: [{ semver: 'one' }, 'v*'], exclude: { tags: [{ regex: '(a)\\1' }] } };
    assert.equal(faultsOf(document('a', { match: broken })).length, 2);
    const wrong = faultsOf(document('a', { match: { ...broken, repositories: [{ regex: '(' }] } }));
    for (const place of ['spec.match.repositories.0', 'spec.match.tags.0', 'spec.match.exclude.tags.0'])
      assert.ok(
        wrong.some((fault) => fault.startsWith(`${place} `)),
        wrong.join('\n'),
      );
  });

  it('has all faults of its condition told with the others, by line and column', () => {
    const faults = faultsOf(document('a', { match: { tags: [{ regex: '(' }] }, when: "image.tag != 'a' &&\n  image.tga == 'b'" }));
    assert.deepEqual(
      faults.map((fault) => fault.slice(0, 40)),
      ['spec.match.tags.0 the group has no end: ', 'spec.when there is no tga: image has reg'],
    );
    assert.match(faults[1]!, /\(line 2, column 9\)$/);
    assert.equal(faultsOf(document('a', { when: 'x'.repeat(2_001) })).length, 1);
  });

  it('is more specific with a condition than without', () => {
    const [plain, conditional] = [policy('b', { match: { tags: ['v*'] } }), policy('z', { match: { tags: ['v*'] }, when: 'true' })];
    assert.ok(conditional.weight > plain.weight);
    assert.ok(conditional.weight < policy('a', { match: { tags: ['v*'] }, ...{ replicate: undefined, effect: 'deny' } }).weight);
  });

  it('must say what happens, and only once', () => {
    assert.deepEqual(faultsOf(document('a', { replicate: undefined })).length, 1);
    assert.match(faultsOf(document('a', { effect: 'deny', replicate: [{ registry: 'b' }] })).join(), /no place beside effect: deny/);
    assert.match(faultsOf(document('a', { reason: 'because' })).join(), /only beside effect: deny/);
    assert.match(faultsOf(document('a', { replicate: [{ registry: 'b', tag: '{repository}' }] })).join(), /knows only \{tag\}/);
  });

  it('that is anything at all makes no error, only faults', () =>
    fc.assert(fc.property(fc.anything(), (value) => assert.equal(parsePolicy(value).ok, false))));
});
