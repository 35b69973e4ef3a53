import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { repositoryKey, topics, type DeletionState } from '@waybill/domain';
import { copied, decided, deleted, digestOf, failed, hourMs, minuteMs, nowMs, startUsage, to, type Happening } from './testing.fixture.ts';

/** What is told after all of it: bytes and images by tenant, bytes by registry; those that have none are left out. */
function sums(...happenings: readonly Happening[]) {
  const started = startUsage();
  started.take(...happenings);
  started.tell();
  return {
    tenants: Object.fromEntries(
      started.tenants().flatMap(({ tenant, bytes, images }) => (images === 0 ? [] : [[tenant, [bytes, images]]])),
    ),
    registries: Object.fromEntries(
      started.registries().flatMap(({ registry, usedBytes, images }) => (images === 0 ? [] : [[registry, usedBytes]])),
    ),
  };
}

const target = to('b');
const place = { registry: 'b.test', repository: 'acme/app' };
const first = decided({ at: nowMs, targets: [target] });
const there = copied({ at: nowMs + 10, target });
const nothing = { tenants: {}, registries: {} };
const one = { tenants: { acme: [100, 1] }, registries: { b: 100 } };

describe('a copy', () => {
  it('counts as soon as it is decided on, each by itself', () => {
    assert.deepEqual(sums(first), one);
    const both = decided({ at: nowMs, targets: [to('b'), to('c', 'prod', 'mirror/app')] });
    assert.deepEqual(sums(both), { tenants: { acme: [200, 2] }, registries: { b: 100, c: 100 } });
  });

  it('counts once, however often it is decided on and copied', () => {
    const again = decided({ at: nowMs + 1, targets: [target] });
    assert.deepEqual(sums(first, first, again, there, there), one);
  });

  it('does not count where it is denied, or was only taken back', () => {
    assert.deepEqual(sums(decided({ at: nowMs, outcome: 'deny', targets: [target] })), { tenants: {}, registries: {} });
  });

  it('of what is nobody’s counts for its registry alone', () =>
    assert.deepEqual(sums(decided({ at: nowMs, targets: [target], tenant: null })), { tenants: {}, registries: { b: 100 } }));

  it('is as large as what was found at its target, once it is there', () =>
    assert.deepEqual(sums(first, copied({ at: nowMs + 10, target, imageBytes: 70 })), {
      tenants: { acme: [70, 1] },
      registries: { b: 70 },
    }));

  it('whose size is not known is counted as such', () => {
    const started = startUsage();
    started.take(decided({ at: nowMs, targets: [target], sizeBytes: null }));
    started.tell();
    assert.deepEqual(
      started.tenants().map(({ bytes, images, imagesUnsized }) => [bytes, images, imagesUnsized]),
      [[0, 1, 1]],
    );
  });

  it('gives way to the image that takes its tag', () => {
    const moved = decided({ at: nowMs + 20, targets: [target], digest: digestOf('b'), sizeBytes: 30 });
    assert.deepEqual(sums(first, there, moved), { tenants: { acme: [30, 1] }, registries: { b: 30 } });
    assert.deepEqual(sums(moved, first), sums(first, moved), 'in whatever order they are read');
  });

  it('leaves the tenant that it belonged to when its image is another’s', () => {
    const moved = decided({ at: nowMs + 20, targets: [target], tenant: 'shop' });
    assert.deepEqual(sums(first, there, moved).tenants, { shop: [100, 1] });
  });
});

describe('no longer counts', () => {
  it('what was given up, until it is tried again', () => {
    const given = failed({ at: nowMs + 10, target });
    assert.deepEqual(sums(first, given), nothing);
    assert.deepEqual(sums(given, first), nothing, 'also where that is read first');
    assert.deepEqual(sums(first, given, decided({ at: nowMs + 20, targets: [target] })), one);
    assert.deepEqual(sums(first, given, copied({ at: nowMs + 20, target })), one);
  });

  it('what was taken back before it was copied; what is there stays', () => {
    const denied = decided({ at: nowMs + 20, outcome: 'deny', targets: [target], takenBack: [target] });
    assert.deepEqual(sums(first, denied), nothing);
    assert.deepEqual(sums(first, there, denied), one);
    assert.deepEqual(sums(first, denied, there), one, 'in whatever order they are read');
    const elsewhere = decided({ at: nowMs + 20, targets: [to('c')], takenBack: [target] });
    assert.deepEqual(sums(first, elsewhere), { tenants: { acme: [100, 1] }, registries: { c: 100 } });
  });

  it('what is deleted there: its tag, its manifest, its repository', () => {
    for (const what of [{ tags: ['v1'] }, { digest: digestOf('a') }, { tags: ['v1'], digest: digestOf('a') }, {}]) {
      const deletion = deleted({ ...place, ...what, at: nowMs + 50 });
      assert.deepEqual(sums(first, there, deletion), nothing, JSON.stringify(what));
      assert.deepEqual(sums(deletion, there, first), nothing, `${JSON.stringify(what)}, read first`);
      assert.deepEqual(sums(first, there, deletion, decided({ at: nowMs + 60, targets: [target] })), one, 'decided on again');
    }
  });

  it('but not by a deletion from before it was copied, nor by one of something else', () => {
    assert.deepEqual(sums(first, there, deleted({ ...place, tags: ['v1'], at: nowMs - 1 })), one);
    for (const other of [{ tags: ['v2'] }, { digest: digestOf('f') }, { repository: 'acme/ap' }, { registry: 'c.test' }])
      assert.deepEqual(sums(first, there, deleted({ ...place, ...other, at: nowMs + 50 })), one, JSON.stringify(other));
  });

  it('not by a deletion from before, which comes last', () => {
    const again = decided({ at: nowMs + 40, targets: [target] });
    for (const what of [{ tags: ['v1'] }, { digest: digestOf('a') }, {}]) {
      const [early, late] = [30, 50].map((after) => deleted({ ...place, ...what, at: nowMs + after })) as [Happening, Happening];
      assert.deepEqual(sums(again, late, early), nothing, JSON.stringify(what));
      assert.deepEqual(sums(again, early), one, JSON.stringify(what));
    }
  });

  it('a manifest of which some platforms were copied, by the digest that it has there', () => {
    const filtered = copied({ at: nowMs + 10, target, placed: digestOf('c') });
    const deletion = deleted({ ...place, digest: digestOf('c'), at: nowMs + 50 });
    assert.deepEqual(sums(first, filtered, deletion), nothing);
    assert.deepEqual(sums(deletion, first, filtered), nothing);
  });

  it('a manifest under all of its tags', () => {
    const second = decided({ at: nowMs, tag: 'v2', targets: [to('b', 'v2')] });
    assert.deepEqual(sums(first, second, deleted({ ...place, digest: digestOf('a'), at: nowMs + 50 })), nothing);
  });

  it('an image that a copy was to take the place of stays, where that copy is given up', () => {
    const moved = decided({ at: nowMs + 20, targets: [target], digest: digestOf('b') });
    assert.deepEqual(sums(first, there, moved, failed({ at: nowMs + 30, target, digest: digestOf('b') })), one);
  });

  it('says how often something was released, so that whoever waits for room can look', () => {
    const started = startUsage();
    started.take(first, there, deleted({ ...place, tags: ['v1'], at: nowMs + 50 }));
    started.tell();
    assert.deepEqual(
      started.tenants().map(({ releasedCount }) => releasedCount),
      [1],
    );
  });
});

describe('copies of the last hour', () => {
  const minutesOf = (...happenings: readonly Happening[]) => {
    const started = startUsage();
    started.take(...happenings);
    started.tell();
    return started
      .tenants()
      .flatMap(({ copiesByMinute }) => copiesByMinute.map(({ minuteStartMs, copies }) => [minuteStartMs - nowMs, copies]));
  };
  const of = (digest: string, at: number): Happening => decided({ at, digest: digestOf(digest), targets: [to('b'), to('c')] });

  it('are those decided on, by the minute, in the hour before the newest', () => {
    assert.deepEqual(minutesOf(of('a', nowMs + 59_999), of('b', nowMs + minuteMs)), [[0, 2], [minuteMs, 2]]); // prettier-ignore
    assert.deepEqual(minutesOf(of('a', nowMs), of('b', nowMs + hourMs)), [[0, 2], [hourMs, 2]]); // prettier-ignore
    assert.deepEqual(minutesOf(of('a', nowMs), of('b', nowMs + hourMs + minuteMs)), [[hourMs + minuteMs, 2]]);
  });

  it('are not those that are decided on once more, but those that were taken back meanwhile', () => {
    assert.deepEqual(minutesOf(of('a', nowMs), of('a', nowMs + 5)), [[0, 2]]);
    const denied = decided({ at: nowMs + 3, outcome: 'deny', targets: [to('b')] });
    assert.deepEqual(minutesOf(of('a', nowMs), denied, of('a', nowMs + 5)), [[0, 3]]);
  });
});

describe('a manifest', () => {
  it('knows the tags that point to it, and no others', () => {
    const { driver, take } = startUsage();
    const tagsOf = (letter: string) =>
      (driver.row('usage', `manifest/b.test/acme/app@${digestOf(letter)}`) as DeletionState | undefined)?.tags;
    take(first, decided({ at: nowMs, tag: 'v2', targets: [to('b', 'v2')] }));
    assert.deepEqual(tagsOf('a'), ['v1', 'v2']);
    take(decided({ at: nowMs + 1, digest: digestOf('b'), targets: [target] }));
    assert.deepEqual([tagsOf('a'), tagsOf('b')], [['v2'], ['v1']]);
  });
});

describe('a sum', () => {
  it('is told once a second at most, and never lost: a timer holds it', () => {
    const { driver, take, tell, tenants } = startUsage();
    for (let copy = 0; copy < 100; copy += 1) take(decided({ at: nowMs + copy, targets: [to('b', `v${copy}`)], tag: `v${copy}` }));
    assert.deepEqual(driver.emitted(topics.usage), []);
    const due = new Map(driver.timers().map(({ id, notBeforeMs }) => [id, notBeforeMs - nowMs]));
    assert.deepEqual(due, new Map([['registry/b@0', 1_000], ['tenant/acme@0', 1_000]])); // prettier-ignore
    tell();
    assert.equal(driver.emitted(topics.usage).length, 2);
    assert.deepEqual(tenants().map(({ images, partition }) => [images, partition]), [[100, 0]]); // prettier-ignore
    assert.deepEqual(driver.timers(), [], 'nothing is due while nothing changes');
    take(decided({ at: nowMs + 1_000, targets: [to('b', 'last')], tag: 'last' }));
    assert.equal(driver.timers().length, 2);
  });

  it('is about the place that a copy goes to, and passed on to there', () => {
    const { driver, take } = startUsage();
    take(decided({ at: nowMs, targets: [to('b', 'v1', 'mirror/app')] }));
    assert.deepEqual(driver.keys(topics.copyChanges), [repositoryKey({ registry: 'b.test', repository: 'mirror/app' })]);
  });
});
