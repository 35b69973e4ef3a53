import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deterministicId } from './ids.ts';

describe('a deterministic id', () => {
  it('is the same for ever: logs of years ago are compared with it', () => {
    assert.equal(deterministicId('delivery', 'harbor', 'ab'.repeat(32)), '9a42f86c-3ac7-8ad0-acda-1adb05ed7f86');
    assert.equal(deterministicId('a', null, 7, '', 'zwölf \u{1f433} \ud800'), 'e4244391-eec0-828e-acfd-0199bee86ae9');
  });

  it('tells parts apart by where they end, and nothing from an empty text', () => {
    const ids = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['abc', null], ['1:a'], ['a', '1:a']].map((parts) =>
      deterministicId(...parts),
    );
    assert.equal(new Set(ids).size, ids.length);
  });

  it('is a UUID of version 8', () => {
    for (let count = 0; count < 64; count++)
      assert.match(deterministicId(count), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
