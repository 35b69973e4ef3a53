import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { documentOf } from '../document.fixture.ts';
import { compileRulebook, type Document } from '../rulebook.ts';
import { digestOf, nowMs } from '../testing.fixture.ts';
import { planRetention } from './plan-retention.ts';
import { proposeCleanup } from './propose-cleanup.ts';
import { keyOf, type StoredImage } from './stored-image.ts';

const day = 24 * 60 * 60 * 1000;
const image = (letter: string, ageDays: number, changes: Partial<StoredImage> = {}): StoredImage => ({
  ...{ registry: 'a.test', repository: 'acme/app', digest: digestOf(letter), tags: [`v${letter}`], sizeBytes: 10 },
  ...{ pushedAtMs: nowMs - ageDays * day, lastPulledAtMs: null, isInUse: false, needs: [], attachedTo: null },
  ...changes,
});
const untagged = (letter: string, ageDays: number, changes: Partial<StoredImage> = {}) => image(letter, ageDays, { tags: [], ...changes });
const policy = (name: string, spec: object, metadata: object = {}) => documentOf('RetentionPolicy', name, { match: {}, ...spec }, metadata);
const deletedOf = (...given: Parameters<typeof planRetention>) => planRetention(...given).filter(({ verdict }) => verdict === 'delete');
const lettersOf = (deletions: readonly { readonly image: StoredImage }[]): string =>
  deletions.map((each) => each.image.digest.at(-1)).join('');

type Rule = { readonly rule: string; readonly given: readonly Document[]; readonly images: readonly StoredImage[]; readonly then: string };
const rules: readonly Rule[] = [
  {
    rule: 'the newest so many tagged are kept',
    given: [policy('p', { keepNewest: 2 })],
    images: [image('a', 3), image('b', 1), image('c', 2), image('d', 4)],
    then: 'da',
  },
  {
    rule: 'in each repository of each registry',
    given: [policy('p', { keepNewest: 1 })],
    images: [image('a', 3), image('b', 9, { repository: 'x' }), image('c', 9, { registry: 'b.test' })],
    then: '',
  },
  {
    rule: 'what has no tag goes after its days, and not on the day',
    given: [policy('p', { deleteUntaggedAfterDays: 7 })],
    images: [untagged('a', 8), untagged('b', 7), image('c', 99)],
    then: 'a',
  },
  {
    rule: 'what has no tag is not counted among the newest',
    given: [policy('p', { keepNewest: 1 })],
    images: [untagged('a', 0), image('b', 1)],
    then: '',
  },
  {
    rule: 'what is in use stays',
    given: [policy('p', { keepNewest: 1, deleteUntaggedAfterDays: 0 })],
    images: [image('a', 1), image('b', 2, { isInUse: true }), untagged('c', 9, { isInUse: true })],
    then: '',
  },
  {
    rule: 'so does what is not known to be unused',
    given: [policy('p', { keepNewest: 1 })],
    images: [image('a', 1), image('b', 2, { isInUse: null })],
    then: '',
  },
  {
    rule: 'so does what has a tag that is kept',
    given: [policy('p', { keepNewest: 1, keepTags: ['release-*'] })],
    images: [image('a', 1), image('b', 2, { tags: ['x', 'release-1'] }), image('c', 3)],
    then: 'c',
  },
  {
    rule: 'a policy is about what it matches',
    given: [policy('p', { keepNewest: 1, match: { repositories: ['acme/a*'], registries: ['a.test'] } })],
    images: ['acme/app', 'acme/x'].flatMap((repository) => [image('a', 1, { repository }), image('b', 2, { repository })]),
    then: 'b',
  },
  {
    rule: 'one that keeps is stronger than one that deletes',
    given: [policy('p', { keepNewest: 1 }), policy('q', { keepNewest: 2 })],
    images: [image('a', 1), image('b', 2), image('c', 3)],
    then: 'c',
  },
  {
    rule: 'one that says nothing of tagged ones keeps none',
    given: [policy('p', { keepNewest: 1 }), policy('q', { deleteUntaggedAfterDays: 1 })],
    images: [image('a', 1), image('b', 2)],
    then: 'b',
  },
  {
    rule: 'what an index is made of stays with it, and is judged when it is gone',
    given: [policy('p', { keepNewest: 1, deleteUntaggedAfterDays: 7 })],
    images: [
      ...[image('a', 1, { needs: [digestOf('c')] }), image('b', 2, { needs: [digestOf('c'), digestOf('d')] })],
      ...[untagged('c', 9), untagged('d', 9), untagged('e', 1)],
    ],
    then: 'db',
  },
  {
    rule: 'what is attached stays and goes with what it is attached to, however old, and is not among the newest',
    given: [policy('p', { keepNewest: 1, deleteUntaggedAfterDays: 7 })],
    images: [
      ...[image('a', 1), image('b', 2), image('c', 0.5, { attachedTo: digestOf('a'), tags: ['sha256-1.sig'] })],
      ...[untagged('d', 99, { attachedTo: digestOf('a') }), untagged('e', 1, { attachedTo: digestOf('b') })],
      ...[untagged('f', 1, { attachedTo: digestOf('e') }), untagged('1', 99, { attachedTo: digestOf('d') })],
    ],
    then: 'bef',
  },
  {
    rule: 'what is attached to something that nobody knows stays',
    given: [policy('p', { deleteUntaggedAfterDays: 7 })],
    images: [untagged('a', 99, { attachedTo: digestOf('f') })],
    then: '',
  },
  {
    rule: 'what needs itself, as garbage can, stays',
    given: [policy('p', { deleteUntaggedAfterDays: 7 })],
    images: [
      untagged('a', 9, { needs: [digestOf('a')] }),
      untagged('b', 9, { needs: [digestOf('c')] }),
      untagged('c', 9, { needs: [digestOf('b')] }),
      untagged('d', 9, { attachedTo: digestOf('d') }),
    ],
    then: '',
  },
  { rule: 'without policies nothing goes', given: [], images: [untagged('a', 999)], then: '' },
  {
    rule: "a tenant's own is about its own images",
    given: [documentOf('Tenant', 'acme', { repositories: ['acme/**'] }), policy('p', { deleteUntaggedAfterDays: 1 }, { tenant: 'acme' })],
    images: [untagged('a', 9), untagged('b', 9, { repository: 'other/app' })],
    then: 'a',
  },
];

describe('retention', () => {
  for (const { rule, given, images, then } of rules)
    it(rule, () => {
      const { surroundings } = compileRulebook(given).replication;
      assert.equal(lettersOf(deletedOf(surroundings, images, nowMs)), then);
      assert.equal(lettersOf(deletedOf(surroundings, images.toReversed(), nowMs)), then);
    });

  it('says why', () => {
    const { surroundings } = compileRulebook([
      policy('p', { keepNewest: 1, deleteUntaggedAfterDays: 7, keepTags: ['release-*'] }),
    ]).replication;
    const given = [
      ...[image('a', 4), image('b', 2, { digest: 'e', needs: [digestOf('f')] }), untagged('c', 8), untagged('f', 7.5)],
      ...[image('1', 9, { tags: ['release-1'] }), untagged('2', 8.5, { isInUse: null }), untagged('3', 7.7, { isInUse: true })],
      untagged('4', 1, { attachedTo: 'e' }),
    ];
    assert.deepEqual(
      planRetention(surroundings, given, nowMs).map(({ verdict, policy: by, reason }) => `${verdict} by ${by}: ${reason}`),
      [
        'kept-by-policy by p: it has the tag release-1, which is kept',
        'use-unknown by p: nobody knows whether it runs',
        'delete by p: it has no tag, and was pushed more than 7 days ago',
        'in-use by p: it runs',
        'needed by p: it is a part of e, which stays',
        'delete by p: it is number 2 of the tagged ones, and the newest 1 are kept',
        'kept-by-policy by p: it is among the newest 1 tagged ones',
        'needed by null: it is attached to e, which stays',
      ],
    );
  });
});

describe('a cleanup', () => {
  const images = [
    image('a', 9, { lastPulledAtMs: nowMs - day }),
    image('b', 1, { lastPulledAtMs: nowMs - 2 * day }),
    image('c', 2),
    image('d', 3),
    untagged('e', 1),
    image('f', 99, { isInUse: true }),
    image('1', 99, { isInUse: null }),
  ];
  it('takes what has no tag, then what nobody pulled, the oldest first, then what was pulled longest ago', () => {
    const { deletions, isEnough } = proposeCleanup(images, { bytes: 0, images: 5 });
    assert.deepEqual([lettersOf(deletions), isEnough], ['edcba', true]);
  });
  it('takes no more than is needed', () => {
    const { deletions, freed } = proposeCleanup(images, { bytes: 11, images: 1 });
    assert.deepEqual([lettersOf(deletions), freed], ['ed', { bytes: 20, images: 2 }]);
    assert.deepEqual(proposeCleanup(images, { bytes: 0, images: 0 }).deletions, []);
  });
  it('takes images with what they are made of and what is attached to them, never those by themselves', () => {
    const index = image('a', 1, { needs: [digestOf('b')] });
    const parts = [untagged('b', 9), untagged('c', 9, { attachedTo: digestOf('a') }), untagged('d', 9, { repository: 'other' })];
    assert.equal(lettersOf(proposeCleanup([index, ...parts], { bytes: 99, images: 0 }).deletions), 'da');
  });
  it('counts as the quota does', () => {
    const { freed, deletions } = proposeCleanup(images, { bytes: 0, images: 3 }, ({ tags }) => ({ bytes: 7, images: 2 * tags.length }));
    assert.deepEqual([lettersOf(deletions), freed], ['edc', { bytes: 21, images: 4 }]);
  });
  it('says where all that may go is not enough', () => {
    const { deletions, isEnough } = proposeCleanup(images, { bytes: 51, images: 0 });
    assert.deepEqual([deletions.length, isEnough], [5, false]);
  });

  const anyImage: fc.Arbitrary<StoredImage> = fc.record({
    ...{ registry: fc.constant('a.test'), repository: fc.constantFrom('x', 'y') },
    ...{ digest: fc.constantFrom(...[...'abcdef'].map(digestOf)), tags: fc.subarray(['v1', 'v2']), sizeBytes: fc.nat(20) },
    ...{ pushedAtMs: fc.nat(3), lastPulledAtMs: fc.option(fc.nat(3)), isInUse: fc.constantFrom(true, false, null) },
    ...{ needs: fc.constant([]), attachedTo: fc.constant(null) },
  });
  const stored = fc.uniqueArray(anyImage, { selector: keyOf, maxLength: 12 });
  it('of any images is the same in whatever order they come, never takes what is in use, and is enough where anything is', () =>
    fc.assert(
      fc.property(stored, fc.nat(100), fc.nat(12), (each, bytes, count) => {
        const cleanup = proposeCleanup(each, { bytes, images: count });
        assert.deepEqual(proposeCleanup(each.toReversed(), { bytes, images: count }), cleanup);
        const free = each.filter(({ isInUse }) => isInUse === false);
        assert.ok(cleanup.deletions.every((deletion) => free.includes(deletion.image)));
        const all = free.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
        assert.equal(cleanup.isEnough, all >= bytes && free.length >= count);
        if (!cleanup.isEnough) return;
        const last = cleanup.deletions.at(-1);
        if (last === undefined) return;
        assert.ok(cleanup.freed.bytes - (last.image.sizeBytes ?? 0) < bytes || cleanup.freed.images - 1 < count, 'the last one was needed');
      }),
    ));
});
