import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countDeaths, restartDelayMs } from './restart-delay.ts';

const policy = { delayMsMin: 100, delayMsMax: 1_000, stableMs: 10_000 };

describe('the delay before a restart', () => {
  it('doubles from death to death, up to a bound', () =>
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map((deaths) => restartDelayMs(deaths, policy)),
      [100, 200, 400, 800, 1_000, 1_000],
    ));

  it('stays at the bound after any number of deaths', () => {
    for (const deaths of [100, 10_000, Number.MAX_SAFE_INTEGER]) assert.equal(restartDelayMs(deaths, policy), 1_000);
  });

  it('is short again after a life that was stable', () => {
    assert.equal(countDeaths(7, 9_999, policy), 8);
    assert.equal(countDeaths(7, 10_000, policy), 1);
  });
});
