import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseKeyRing } from './key-ring.ts';
import { isSealed, seal, unseal } from './envelope.ts';

const line = (id: string, byte: number): string => `${id} ${Buffer.alloc(32, byte).toString('base64')}`;
const ring = parseKeyRing(line('k1', 1));
let count = 0;
/** Never the same twice. */
const bytes = (length: number): Buffer => Buffer.alloc(length, (count += 1));
const sealed = seal('match: secret-customer', 'prod', ring, bytes);

describe('a sealed document', () => {
  it('opens with its key as what it was, and shows nothing of it before', () => {
    assert.deepEqual(unseal(sealed, 'prod', ring), { ok: true, keyId: 'k1', text: 'match: secret-customer' });
    assert.ok(isSealed(sealed) && !isSealed('apiVersion: waybill/v1') && !isSealed('{"apiVersion":1}'));
    assert.doesNotMatch(Buffer.from((JSON.parse(sealed) as { text: string }).text, 'base64').toString('latin1'), /secret|customer/);
    assert.doesNotMatch(sealed, /secret|customer/);
  });

  it('is never the same twice', () => assert.notEqual(seal('a', 'prod', ring, bytes), seal('a', 'prod', ring, bytes)));

  it('holds any text', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const opened = unseal(seal(text, 'p', ring, bytes), 'p', ring);
        assert.ok(opened.ok && opened.text === text);
      }),
    ));

  it('does not open as another policy, with another key, or without one', () => {
    assert.equal(unseal(sealed, 'other', ring).ok, false);
    assert.deepEqual(unseal(sealed, 'prod', undefined), {
      ok: false,
      keyId: 'k1',
      reason: 'it is sealed with key k1, and no key is there',
    });
    const same = 'it does not open with key k1: that key is not there, or another';
    for (const other of [line('k1', 2), line('k2', 1)])
      assert.deepEqual(unseal(sealed, 'prod', parseKeyRing(other)), { ok: false, keyId: 'k1', reason: same });
  });

  it('does not open with any of its characters changed', () => {
    for (let at = 0; at < sealed.length; at++) {
      const changed = `${sealed.slice(0, at)}${sealed[at] === 'B' ? 'C' : 'B'}${sealed.slice(at + 1)}`;
      const opened = unseal(changed, 'prod', ring);
      assert.ok(!opened.ok || opened.text === 'match: secret-customer', `at ${at}`);
      if (opened.ok) assert.match(changed.slice(0, at + 1), /"(text|dataKey)":"[^"]*$/, 'bits of base64 that stand for nothing');
    }
  });

  it('is refused, not thrown at, where it is garbage', () =>
    fc.assert(fc.property(fc.string(), (text) => assert.equal(unseal(text, 'prod', ring).ok, false))));
});

describe('a file of keys', () => {
  it('seals with the first key and opens with all, so that keys can be changed', () => {
    const rotated = parseKeyRing(`# new\n${line('k2', 2)}\n\n${line('k1', 1)}\n`);
    assert.equal(rotated.keyId, 'k2');
    assert.equal(unseal(sealed, 'prod', rotated).ok, true);
    assert.equal(unseal(seal('a', 'p', rotated, bytes), 'p', ring).ok, false);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['a key that is too short', 'k1 AAAA'],
    ['a key without an id', Buffer.alloc(32, 7).toString('base64')],
    ['an id twice', `${line('k1', 1)}\n${line('k1', 2)}`],
  ] as const)
    it(`with ${what} is refused without a word of what it holds`, () =>
      assert.throws(
        () => parseKeyRing(text),
        (error: unknown) => error instanceof Error && !/AAAA|BwcH/.test(error.message) && /line \d|no key/.test(error.message),
      ));
});
