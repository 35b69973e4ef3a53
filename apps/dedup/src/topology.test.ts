import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type DigestEntry, type ImageDeleted, type ImagePushed, type TagEntry } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { topologyDriver } from '@waybill/stream/testing';
import { dedup } from './topology.ts';

const [a, b] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
const key = 'registry.example/team/app';
const base = {
  registry: 'registry.example',
  repository: 'team/app',
  actor: null,
  source: 'harbor',
  endpoint: 'harbor',
  sourceDeliveryId: null,
  origin: 'webhook',
  receivedAtMs: 9_000,
};
const push = (tags: readonly string[], digest: string | null, occurredAtMs: number): { type: 'ImagePushed'; data: ImagePushed } => ({
  type: 'ImagePushed',
  data: { ...unsaid, ...base, tags, digest, occurredAtMs },
});
const deletion = (tags: readonly string[], digest: string | null, occurredAtMs: number): { type: 'ImageDeleted'; data: ImageDeleted } => ({
  type: 'ImageDeleted',
  data: { ...base, tags, digest, occurredAtMs },
});

function pushing(...pushes: readonly (readonly [id: string, event: ReturnType<typeof push> | ReturnType<typeof deletion>])[]) {
  const driver = topologyDriver(dedup);
  for (const [id, event] of pushes) driver.pipe(topics.imageEvents, key, event, { id });
  return {
    passedOn: driver.emitted(topics.images).map(({ meta }) => meta.id),
    tag: (name: string) => driver.row('catalog', `${key}:${name}`) as TagEntry | undefined,
    ignored: driver.ignored(),
    driver,
  };
}

describe('an occurrence', () => {
  it('is passed on once, unchanged, however often it is delivered', () => {
    const event = push(['v1'], a, 1_000);
    const { passedOn, ignored, tag, driver } = pushing(['e1', event], ['e1', event], ['e1', event]);
    assert.deepEqual(passedOn, ['e1']);
    assert.deepEqual(ignored, ['already seen', 'already seen']);
    assert.equal(tag('v1')?.pushesCount, 1);
    assert.deepEqual(driver.emitted(topics.images)[0]?.data, event.data);
  });

  it('is another one under another tag, though the digest is the same', () => {
    assert.deepEqual(pushing(['e1', push(['v1'], a, 1_000)], ['e2', push(['v2'], a, 1_001)]).passedOn, ['e1', 'e2']);
  });

  it('is another one when the same digest is pushed again to the same tag', () => {
    const { passedOn, tag } = pushing(['e1', push(['v1'], a, 1_000)], ['e2', push(['v1'], a, 2_000)]);
    assert.deepEqual(passedOn, ['e1', 'e2']);
    assert.deepEqual([tag('v1')?.pushesCount, tag('v1')?.movesCount, tag('v1')?.lastSeenAtMs], [2, 0, 2_000]);
  });
});

const moved = [['e1', push(['v1'], a, 1_000)] as const, ['e2', push(['v1'], b, 2_000)] as const];

describe('a tag in the catalog', () => {
  it('remembers what it was before, also when it moves back to an old digest', () => {
    const { tag, passedOn } = pushing(['e1', push(['v1'], a, 1_000)], ['e2', push(['v1'], b, 2_000)], ['e3', push(['v1'], a, 3_000)]);
    assert.deepEqual(passedOn, ['e1', 'e2', 'e3']);
    const { digest, previousDigest, movesCount, firstSeenAtMs, changedAtMs } = tag('v1')!;
    assert.deepEqual(
      { digest, previousDigest, movesCount, firstSeenAtMs, changedAtMs },
      { digest: a, previousDigest: b, movesCount: 2, firstSeenAtMs: 1_000, changedAtMs: 3_000 },
    );
  });

  it('does not go back when an older push arrives late; the push itself is still passed on', () => {
    const { tag, passedOn } = pushing(['e2', push(['v1'], b, 2_000)], ['e1', push(['v1'], a, 1_000)]);
    assert.deepEqual(passedOn, ['e2', 'e1']);
    assert.deepEqual([tag('v1')?.digest, tag('v1')?.firstSeenAtMs], [b, 1_000]);
  });

  it('is gone after its deletion and comes back with the next push', () => {
    const { tag } = pushing(['e1', push(['v1'], a, 1_000)], ['e2', deletion(['v1'], null, 2_000)]);
    assert.deepEqual([tag('v1')?.digest, tag('v1')?.previousDigest, tag('v1')?.deletedAtMs], [null, a, 2_000]);
    const again = pushing(['e1', push(['v1'], a, 1_000)], ['e2', deletion(['v1'], null, 2_000)], ['e3', push(['v1'], a, 3_000)]);
    assert.deepEqual([again.tag('v1')?.digest, again.tag('v1')?.deletedAtMs], [a, null]);
  });

  it('goes with its manifest where the sender names both, as Harbor does; a tag alone leaves the manifest', () => {
    const both = pushing(['e1', push(['v1'], a, 1_000)], ['e2', deletion(['v1'], a, 2_000)]);
    assert.equal(both.tag('v1')?.deletedAtMs, 2_000);
    assert.equal((both.driver.row('catalog', `${key}@${a}`) as DigestEntry).deletedAtMs, 2_000);
    const tagAlone = pushing(['e1', push(['v1'], a, 1_000)], ['e2', deletion(['v1'], null, 2_000)]);
    assert.equal((tagAlone.driver.row('catalog', `${key}@${a}`) as DigestEntry).deletedAtMs, null);
  });

  it('does not go back to what was pushed before a repeated push, or before its deletion', () => {
    const repeated = pushing(...moved, ['e3', push(['v1'], b, 5_000)], ['late', push(['v1'], a, 3_000)]);
    assert.equal(repeated.tag('v1')?.digest, b);
    const deleted = pushing(['e1', push(['v1'], a, 1_000)], ['e3', deletion(['v1'], null, 3_000)], ['late', push(['v1'], b, 2_000)]);
    assert.deepEqual([deleted.tag('v1')?.digest, deleted.tag('v1')?.deletedAtMs], [null, 3_000]);
    const unheard = pushing(['e2', deletion(['v1'], null, 2_000)], ['late', push(['v1'], a, 1_000)]);
    assert.deepEqual([unheard.tag('v1')?.digest, unheard.tag('v1')?.pushesCount], [null, 1]);
  });

  it('stays when a deletion older than a repeated push comes late', () => {
    const repeated = [['e1', push(['v1'], a, 1_000)] as const, ['e3', push(['v1'], a, 3_000)] as const];
    const { tag, driver } = pushing(...repeated, ['late', deletion(['v1'], a, 2_000)]);
    assert.deepEqual([tag('v1')?.digest, (driver.row('catalog', `${key}@${a}`) as DigestEntry).deletedAtMs], [a, null]);
  });

  it('is not held back by a registry whose clock was ahead: nothing happened after we heard of it', () => {
    const ahead = { ...push(['v1'], a, 99_000) };
    const later = push(['v1'], b, 9_500);
    const heardLater = { ...later, data: { ...later.data, receivedAtMs: 9_600 } };
    assert.equal(pushing(['e1', ahead], ['e2', heardLater]).tag('v1')?.digest, b);
  });

  it('is not touched by a deletion that happened before the push which made it', () => {
    assert.equal(pushing(['e2', push(['v1'], a, 2_000)], ['e1', deletion(['v1'], null, 1_000)]).tag('v1')?.digest, a);
  });
});

describe('pulls', () => {
  const pull = (occurredAtMs: number, byOwnRobot: boolean) => ({
    type: 'ImagePulled' as const,
    data: { ...unsaid, ...base, tags: ['v1'], digest: a, occurredAtMs, byOwnRobot },
  });

  it('say when an image was last used; those of our own robots do not', () => {
    const driver = topologyDriver(dedup);
    const pulls = [push(['v1'], a, 1_000), pull(2_000, true), pull(5_000, false), pull(4_000, false), pull(9_000, true)];
    const used = pulls.map((event, at) => {
      driver.pipe(topics.imageEvents, key, event, { id: `e${at}` });
      return (driver.row('catalog', `${key}@${a}`) as DigestEntry).lastPulledAtMs;
    });
    assert.deepEqual(used, [null, null, 5_000, 5_000, 5_000]);
    assert.equal((driver.row('catalog', `${key}@${a}`) as DigestEntry).pullsCount, 4);
  });
});
