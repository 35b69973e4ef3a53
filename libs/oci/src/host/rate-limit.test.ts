import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findRetryAfterMs } from './rate-limit.ts';

const nowMs = Date.parse('Sat, 21 Nov 2026 12:00:00 GMT');
const rows: readonly (readonly [string, Readonly<Record<string, string | string[]>>, number | undefined])[] = [
  ['seconds', { 'retry-after': '7' }, 7_000],
  ['a date', { 'retry-after': 'Sat, 21 Nov 2026 12:00:30 GMT' }, 30_000],
  ['a date that is over', { 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT' }, 0],
  ['an hour at most', { 'retry-after': '999999999' }, 3_600_000],
  ['nonsense', { 'retry-after': 'soon' }, undefined],
  ['seconds, whatever the quota says', { 'retry-after': '7', 'ratelimit-reset': '99' }, 7_000],
  ['the quota, where Retry-After is nonsense', { 'retry-after': 'soon', 'ratelimit-reset': '9' }, 9_000],
  ['the end of the quota', { 'ratelimit-limit': '100', 'ratelimit-remaining': '0', 'ratelimit-reset': '50' }, 50_000],
  ['the end of the quota, in one header', { ratelimit: 'limit=100, remaining=0, reset=50' }, 50_000],
  ['the end of the quota, structured', { ratelimit: '"default";r=0;t=30' }, 30_000],
  ['the longest of the quotas that are used up', { ratelimit: '"burst";r=0;t=2, "day";r=0;t=300, "year";r=7;t=9000' }, 300_000],
  ['nothing, where some is left', { ratelimit: '"default";r=5;t=30' }, undefined],
  ['nothing, where some is left, in one header', { ratelimit: 'limit=100, remaining=3, reset=50' }, undefined],
  ["Docker Hub's share of its window", { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }, 216_000],
  ["all of Docker Hub's window, up to an hour, without a limit", { 'ratelimit-remaining': '0;w=21600' }, 3_600_000],
  ['nothing, where Docker Hub has some left', { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, undefined],
  ['the first of several', { 'retry-after': ['3', '9'] }, 3_000],
  ['nothing', {}, undefined],
];

describe('how long a registry wants to be left alone', () => {
  for (const [name, headers, expected] of rows) {
    it(`is ${name}`, () => assert.equal(findRetryAfterMs(headers, nowMs), expected));
  }

  it('is nothing or a bounded time, whatever the headers are', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9;=wrt", a-z]{0,40}$/));
    const headers = fc.record({
      'retry-after': text,
      ratelimit: text,
      'ratelimit-remaining': text,
      'ratelimit-limit': text,
      'ratelimit-reset': text,
    });
    fc.assert(
      fc.property(headers, (given) => {
        const delayMs = findRetryAfterMs(given, nowMs);
        assert.ok(delayMs === undefined || (delayMs >= 0 && delayMs <= 3_600_000), String(delayMs));
      }),
    );
  });
});
