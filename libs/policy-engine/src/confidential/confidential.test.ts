import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openKeyRing, parseKeyRing } from './key-ring.ts';
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

describe('a file of wrapped keys', () => {
  const [one, two] = [line('k1', 1), line('k2', 2)].map((each) => each.split(' ')[1]!);
  const file = `# new\nk2 wrapped vault:v1:abc==\n${line('k1', 1)}\n`;
  const refused = (error: unknown): boolean =>
    error instanceof Error && /line 2/.test(error.message) && !/vault|abc/.test(error.message) && !error.message.includes(two!);

  it('opens with what a service answers, each key asked for once, by its id', async () => {
    const asked: string[] = [];
    const opened = await openKeyRing(file, async (id, wrapped) => {
      asked.push(`${id} ${wrapped}`);
      return `${two}\n`;
    });
    assert.deepEqual(asked, ['k2 vault:v1:abc==']);
    assert.equal(opened.keyId, 'k2');
    assert.equal(unseal(sealed, 'prod', opened).ok, true);
    assert.equal(unseal(seal('a', 'p', opened, bytes), 'p', parseKeyRing(line('k2', 2))).ok, true);
  });

  it('is the same as a file of keys where nothing is wrapped', async () => {
    const opened = await openKeyRing(line('k1', 1), () => Promise.reject(new Error('nobody asks')));
    assert.equal(unseal(sealed, 'prod', opened).ok, true);
  });

  it('opens nothing without what unwraps it', () => assert.throws(() => parseKeyRing(file), refused));

  for (const [what, answer] of [
    ['nothing', ''],
    ['a key that is too short', 'abc='],
    ['two keys', `${one}\n${two}`],
    ['a message', 'vault is sealed'],
  ] as const)
    it(`is refused where the answer is ${what}`, () =>
      assert.rejects(
        openKeyRing(file, async () => answer),
        refused,
      ));

  it('fails as the service does', () =>
    assert.rejects(
      openKeyRing(file, () => Promise.reject(new Error('the service is away'))),
      /the service is away/,
    ));

  for (const text of ['k1 wrapped', `k1 wrapped ${'a'.repeat(8_193)}`, 'k1 wrapped a b', 'k1 wrapped ä'])
    it(`is refused with a line like ${text.slice(0, 20)}`, () =>
      assert.rejects(
        openKeyRing(text, async () => one!),
        /line 1/,
      ));
});
