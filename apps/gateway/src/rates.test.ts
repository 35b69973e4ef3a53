import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createRates } from './rates.ts';

describe('the rate of an endpoint', () => {
  const endpoint = { name: 'a', rate: { perSecond: 2, burst: 3 } };

  it('lets a burst through after a pause, then as many per second as it says', () => {
    let nowMs = 1_000_000;
    const rates = createRates(() => nowMs);
    const take = () => rates.take(endpoint);
    assert.deepEqual([take(), take(), take(), take()], [0, 0, 0, 1]);
    nowMs += 500;
    assert.deepEqual([take(), take()], [0, 1]);
    nowMs += 60_000;
    assert.deepEqual([take(), take(), take(), take()], [0, 0, 0, 1]);
  });

  it('tells how long to wait, and takes the next after that', () => {
    let nowMs = 0;
    const slow = { name: 'a', rate: { perSecond: 0.1, burst: 1 } };
    const rates = createRates(() => nowMs);
    assert.deepEqual([rates.take(slow), rates.take(slow)], [0, 10]);
    nowMs += 9_000;
    assert.equal(rates.take(slow), 1);
    nowMs += 1_000;
    assert.equal(rates.take(slow), 0);
  });

  it('is its own: another endpoint is not slowed, and one without a rate never', () => {
    const rates = createRates(() => 0);
    for (let count = 0; count < 10; count++) rates.take(endpoint);
    assert.equal(rates.take({ ...endpoint, name: 'b' }), 0);
    for (let count = 0; count < 1_000; count++) assert.equal(rates.take({ name: 'c', rate: null }), 0);
  });

  it('is not used up by looking', () => {
    const rates = createRates(() => 0);
    for (let count = 0; count < 10; count++) assert.equal(rates.peek(endpoint), 0);
    for (let count = 0; count < 3; count++) rates.take(endpoint);
    assert.equal(rates.peek(endpoint), 1);
  });

  it('holds nobody up for a clock that was set back', () => {
    let nowMs = 1_000_000_000;
    const rates = createRates(() => nowMs);
    for (let count = 0; count < 3; count++) rates.take(endpoint);
    nowMs -= 3_600_000;
    assert.equal(rates.take(endpoint), 0);
  });

  it('is never exceeded over any time, whatever comes when', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(700), { maxLength: 100 }), fc.constantFrom(2, 3, 0.7, 7), (pausesMs, perSecond) => {
        let nowMs = 0;
        const rates = createRates(() => nowMs);
        const takenMs: number[] = [];
        for (const pauseMs of pausesMs) {
          nowMs += pauseMs;
          if (rates.take({ name: 'a', rate: { perSecond, burst: 3 } }) === 0) takenMs.push(nowMs);
        }
        for (const [first, fromMs] of takenMs.entries())
          for (const [last, toMs] of takenMs.entries())
            assert.ok(last - first + 1 <= 3 + (perSecond * Math.max(0, toMs - fromMs)) / 1_000 + 1e-6);
      }),
    ));
});
