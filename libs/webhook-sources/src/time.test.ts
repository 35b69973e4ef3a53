import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findRfc3339Ms, findSecondsMs } from './time.ts';

const iso = (text: unknown): string | null => {
  const ms = findRfc3339Ms(text);
  return ms === null ? null : new Date(ms).toISOString();
};

describe('a time', () => {
  it('of RFC 3339 is cut to milliseconds and moved to UTC', () => {
    assert.equal(iso('2024-08-06T12:00:00.123456789Z'), '2024-08-06T12:00:00.123Z');
    assert.equal(iso('2024-08-06T12:00:00.5+02:00'), '2024-08-06T10:00:00.500Z');
    assert.equal(iso('2024-08-06t12:00:00-00:30'), '2024-08-06T12:30:00.000Z');
  });
  it('is none without a zone, off the calendar, before 1970, or when it is no text', () => {
    const texts = ['2024-08-06T12:00:00', '2024-02-30T12:00:00Z', '2024-08-06T24:00:00Z', '0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z'];
    for (const value of [...texts, '2024-08-06T12:00:00+99:00', '', 'now', 5, null, {}, `2024-08-06T12:00:00.${'1'.repeat(1e5)}Z`])
      assert.equal(iso(value), null);
  });
  it('in seconds may be whole or not; milliseconds in their place are none', () => {
    assert.equal(findSecondsMs(1_417_566_161), 1_417_566_161_000);
    assert.equal(findSecondsMs(1.417566822e9), 1_417_566_822_000);
    for (const value of [1_417_566_161_000, 0, -1, NaN, Infinity, '1417566161', null]) assert.equal(findSecondsMs(value), null);
  });
});
