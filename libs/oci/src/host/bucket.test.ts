import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createBucket } from './bucket.ts';

describe('a token bucket', () => {
  it('gives its burst, then as much as flows in', () => {
    let nowMs = 0;
    const bucket = createBucket(10, 2, () => nowMs);
    bucket.take(1);
    assert.equal(bucket.waitMs(), 0);
    bucket.take(1);
    assert.equal(bucket.waitMs(), 1);
    nowMs = 1;
    bucket.take(1);
    assert.ok(Math.abs(bucket.waitMs() - 99) <= 1);
  });

  it('gives no more than its burst after a long rest', () => {
    let nowMs = 0;
    const bucket = createBucket(10, 2, () => nowMs);
    nowMs = 1_000_000;
    bucket.take(2);
    assert.equal(bucket.waitMs() > 0, true);
  });

  it('makes whoever comes next wait for what was taken on credit', () => {
    let nowMs = 0;
    const bucket = createBucket(1_000, 1, () => nowMs);
    bucket.take(5_001);
    assert.equal(bucket.waitMs(), 5_000);
    nowMs = 5_001;
    assert.equal(bucket.waitMs(), 0);
  });

  it('is not moved by a clock that is set back', () => {
    let nowMs = 1_000_000;
    const bucket = createBucket(10, 1, () => nowMs);
    bucket.take(2);
    nowMs = 0;
    assert.equal(bucket.waitMs(), 100);
    nowMs = 101;
    assert.equal(bucket.waitMs(), 0);
  });

  it('never gives more than its rate and one burst, whoever takes what when', () => {
    const steps = fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 300 })), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (taken) => {
        let [nowMs, sum] = [0, 0];
        const bucket = createBucket(100, 50, () => nowMs);
        for (const [pauseMs, amount] of taken) {
          nowMs += pauseMs;
          if (bucket.waitMs() > 0) continue;
          assert.ok(sum <= 50 + nowMs / 10, `${sum} before ${nowMs} ms`);
          bucket.take(amount);
          sum += amount;
        }
      }),
    );
  });
});
