import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OciError } from '../host/errors.ts';
import { parsePlatform } from './platform.ts';

describe('what is no platform', () => {
  it('is refused in words that help', () => {
    for (const text of ['', 'linux', 'linux/arm/v7/x', '/'.repeat(1_000_000)])
      assert.throws(
        () => parsePlatform(text),
        (error) => error instanceof OciError && error.code === 'PLATFORM_INVALID' && /write os\/arch/.test(error.message),
        text.slice(0, 50),
      );
  });
});
