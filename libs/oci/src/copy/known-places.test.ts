import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../descriptor/digest.ts';
import { createKnownPlaces } from './known-places.ts';

const host = 'r.example';
const digest = digestOf('a');

describe('the memory of places', () => {
  let nowMs = 0;
  const fresh = (digestsMax = 10) => createKnownPlaces({ nowMs: () => nowMs, freshMs: 1_000, digestsMax });

  it('spares the question for what was seen there moments ago, and only there', () => {
    const places = fresh();
    places.saw(host, 'a', digest);
    assert.deepEqual(
      [places.isFresh(host, 'a', digest), places.isFresh(host, 'b', digest), places.isFresh('s.example', 'a', digest)],
      [true, false, false],
    );
    nowMs += 1_000;
    assert.equal(places.isFresh(host, 'a', digest), true);
    nowMs += 1;
    assert.equal(places.isFresh(host, 'a', digest), false);
  });

  it('names the other repository where a blob was last seen, however long ago', () => {
    const places = fresh();
    for (const repository of ['a', 'b', 'c']) places.saw(host, repository, digest);
    nowMs += 1_000_000;
    assert.equal(places.findOther(host, 'c', digest), 'b');
    assert.equal(places.findOther(host, 'd', digest), 'c');
    places.forget(host, 'c', digest);
    assert.equal(places.findOther(host, 'd', digest), 'b');
    assert.equal(places.findOther('s.example', 'd', digest), undefined);
  });

  it('holds so many digests and no more, and lets go of those longest unused', () => {
    const places = fresh(2);
    const [first, second, third] = ['1', '2', '3'].map(digestOf);
    for (const seen of [first!, second!, first!, third!]) places.saw(host, 'a', seen);
    assert.deepEqual(
      [first!, second!, third!].map((seen) => places.isFresh(host, 'a', seen)),
      [true, false, true],
    );
  });

  it('holds a few repositories of each', () => {
    const places = fresh();
    for (let index = 0; index < 100; index++) places.saw(host, `r${index}`, digest);
    assert.deepEqual([places.isFresh(host, 'r0', digest), places.isFresh(host, 'r99', digest)], [false, true]);
  });
});
