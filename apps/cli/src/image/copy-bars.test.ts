import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CopyProgress } from '@waybill/oci';
import fc from 'fast-check';
import { createCopyBars } from './copy-bars.ts';

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}` as Extract<CopyProgress, { kind: 'bytes' }>['digest'];
const mebibyte = 1_024 * 1_024;
const planned = (blobs: number, bytes: number): CopyProgress => ({ kind: 'planned', digest: digestOf('0'), manifests: 1, blobs, bytes });
const bytes = (letter: string, moved: number, sizeBytes = 4 * mebibyte): CopyProgress => ({
  kind: 'bytes',
  digest: digestOf(letter),
  bytes: moved,
  sizeBytes,
});
const done = (letter: string, sizeBytes = 4 * mebibyte, outcome: 'copied' | 'present' = 'copied'): CopyProgress => ({
  kind: 'blob',
  blob: { digest: digestOf(letter), mediaType: 'x', sizeBytes, outcome, bytesSent: 0, durationMs: 1 },
});

describe('the progress of a copy', () => {
  it('has a line per blob under way and one of the whole', () => {
    const bars = createCopyBars(1);
    bars.add('app', planned(3, 12 * mebibyte), 0);
    bars.add('app', bytes('a', mebibyte), 1_000);
    bars.add('app', bytes('b', 2 * mebibyte), 2_000);
    bars.add('app', done('c', 4 * mebibyte, 'present'), 2_000);
    assert.deepEqual(bars.lines(2_000, 60), [
      'sha256:aaaaaaaaaaaa [=====               ]  25 % of 4.0 MiB',
      'sha256:bbbbbbbbbbbb [==========          ]  50 % of 4.0 MiB',
      '1 of 3 blobs, 7.0 MiB of 12.0 MiB, 3.0 MiB/s, 1.7 s left',
    ]);
    bars.add('app', bytes('a', 3 * mebibyte), 3_000);
    bars.add('app', done('a'), 3_000);
    assert.deepEqual(bars.lines(3_000, 60).length, 2);
  });

  it('counts once what was sent twice, and what was taken back', () => {
    const bars = createCopyBars(1);
    bars.add('app', planned(1, 4 * mebibyte), 0);
    for (const moved of [3, -3, 2, 2]) bars.add('app', bytes('a', moved * mebibyte), 0);
    bars.add('app', done('a'), 0);
    assert.match(bars.total(0), /^1 of 1 blobs, 4\.0 MiB of 4\.0 MiB/);
  });

  it('tells that nothing moves any more', () => {
    const bars = createCopyBars(1);
    bars.add('app', planned(1, 4 * mebibyte), 0);
    bars.add('app', bytes('a', mebibyte), 1_000);
    assert.match(bars.total(2_000), /MiB\/s, .+ left$/);
    assert.equal(bars.total(60_000), '0 of 1 blobs, 1.0 MiB of 4.0 MiB');
  });

  it('counts images where there are several, and keeps their blobs apart', () => {
    const bars = createCopyBars(2);
    for (const image of ['one', 'two']) bars.add(image, bytes('a', mebibyte), 0);
    bars.add('one', done('a'), 0);
    bars.done();
    assert.match(bars.total(0), /^1 of 2 images, 1 of 0 blobs/);
    assert.equal(bars.lines(0, 80).length, 2);
  });

  it('is never wider than the terminal, nor higher than a screen', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...'abcdef0123456789'), fc.integer())),
        fc.integer({ min: 1, max: 200 }),
        (events, columns) => {
          const bars = createCopyBars(3);
          for (const [letter, moved] of events) bars.add('app', bytes(letter, moved, Math.abs(moved)), 0);
          const lines = bars.lines(0, columns);
          assert.ok(lines.length <= 14);
          for (const line of lines) assert.ok(line.length <= columns);
        },
      ),
    ));
});
