import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { parseDelivery, settingsOf, type Parsed } from './index.ts';
import { parseJson } from './json.ts';

const outcomeOf = (body: string | Buffer): unknown => {
  const json = parseJson(Buffer.from(body as string));
  return json.ok ? json.value : json.reason;
};
const megabyte = 1_048_576;

/** A body, and either what it holds or why it is refused. */
const table: Readonly<Record<string, readonly (readonly [what: string, body: string | Buffer, outcome: unknown])[]>> = {
  'a key twice': [
    ['with two values', '{"repository":"good/app","repository":"evil/app"}', 'BODY_KEY_TWICE'],
    ['with one value', '{"a":1,"a":1}', 'BODY_KEY_TWICE'],
    ['written in two ways', '{"tag":1,"\\u0074ag":2}', 'BODY_KEY_TWICE'],
    ['far down', '{"events":[{"target":{"tag":"1","digest":"x","tag":"2"}}]}', 'BODY_KEY_TWICE'],
    ['in what the second hides', '{"a":{"b":1,"c":[{"d":1}]},"a":null}', 'BODY_KEY_TWICE'],
    ['where both are empty', '{"":0,"":0}', 'BODY_KEY_TWICE'],
    ['where both are prototypes', '{"__proto__":1,"__proto__":2}', 'BODY_KEY_TWICE'],
    ['in different objects is once in each', '[{"a":1},{"a":2,"b":{"a":3}}]', [{ a: 1 }, { a: 2, b: { a: 3 } }]],
    ['in another case is another key', '{"tag":1,"Tag":2}', { tag: 1, Tag: 2 }],
    ['inside a text is none', '{"a":"{\\"b\\":1,\\"b\\":2}\\\\","c":":"}', { a: '{"b":1,"b":2}\\', c: ':' }],
  ],
  nesting: [
    ['of 32 levels is taken', `${'['.repeat(32)}${']'.repeat(32)}`, JSON.parse(`${'['.repeat(32)}${']'.repeat(32)}`)],
    ['of 33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, 'BODY_TOO_DEEP'],
    ['of half a million objects', '{"a":'.repeat(200_000), 'BODY_TOO_DEEP'],
    ['of a megabyte of brackets', '['.repeat(megabyte), 'BODY_TOO_DEEP'],
    ['that is closed more often than opened', `]]]]${'['.repeat(36)}`, 'BODY_NOT_JSON'],
  ],
  'a number': [
    ['over all bounds is infinite, and so no size and no time', '{"size":1e999}', { size: Infinity }],
    ['of 400 digits too', `{"size":${'9'.repeat(400)}}`, { size: Infinity }],
    ['below zero without being it', '{"size":-0}', { size: -0 }],
    ['as a base that JSON has not', '{"size":0x10}', 'BODY_NOT_JSON'],
    ['with a leading zero', '{"size":010}', 'BODY_NOT_JSON'],
    ['that is none', '{"size":NaN}', 'BODY_NOT_JSON'],
  ],
  text: [
    ['with half a surrogate as an escape is taken', '{"a":"\\ud800"}', { a: '\ud800' }],
    ['with half a surrogate as bytes', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d]), 'BODY_NOT_UTF8'],
    ['in an overlong form', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 'BODY_NOT_UTF8'],
    ['with NUL as an escape is taken', '{"a":"\\u0000"}', { a: '\0' }],
    ['with NUL as a byte', '{"a":"\0"}', 'BODY_NOT_JSON'],
    ['with a line break as a byte', '{"a":"\n"}', 'BODY_NOT_JSON'],
    ['of a megabyte', `{"a":"${'x'.repeat(megabyte - 8)}"}`, { a: 'x'.repeat(megabyte - 8) }],
  ],
  'a body': [
    ['with a byte order mark is read behind it', '\ufeff{"a":1}', { a: 1 }],
    ['with two of them', '\ufeff\ufeff{"a":1}', 'BODY_NOT_JSON'],
    ['in UTF-16', Buffer.from('\ufeff{"a":1}', 'utf16le'), 'BODY_NOT_UTF8'],
    ['in UTF-16 without a mark', Buffer.from('{"a":1}', 'utf16le'), 'BODY_NOT_JSON'],
    ['of two values', '{}{}', 'BODY_NOT_JSON'],
    ['with a comment', '{/* */}', 'BODY_NOT_JSON'],
    ['with a comma too many', '{"a":1,}', 'BODY_NOT_JSON'],
    ['that ends in a text', '{"a":"\\', 'BODY_NOT_JSON'],
    ['of blanks only', ' \r\n\t', 'BODY_NOT_JSON'],
    ['over a megabyte', ' '.repeat(megabyte + 1), 'BODY_TOO_LARGE'],
  ],
};

for (const [subject, rows] of Object.entries(table))
  describe(subject, () => {
    // Not by `deepEqual` alone: where it fails, it would look for the difference of megabytes.
    for (const [what, body, outcome] of rows)
      it(what, () => assert.ok(isDeepStrictEqual(outcomeOf(body), outcome), JSON.stringify(outcomeOf(body)).slice(0, 200)));
  });

describe('a key', () => {
  it('that every object inherits is data like any other', () => {
    const value = outcomeOf('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}') as object;
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor']);
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
  });

  it('may be one of a hundred thousand; one that is there twice is still found', () => {
    const keys = Array.from({ length: 90_000 }, (_, index) => `"k${index}":0`);
    assert.equal(Object.keys(outcomeOf(`{${keys.join(',')}}`) as object).length, 90_000);
    assert.ok(outcomeOf(`{${keys.join(',')},"k7":1}`) === 'BODY_KEY_TWICE');
  });

  it('is told from its double whatever JSON it stands in', () =>
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        assert.ok(outcomeOf(`{"x":${text},"y":${text}}`) !== 'BODY_KEY_TWICE');
        assert.ok(outcomeOf(`{"x":${text},"x":${text}}`) === 'BODY_KEY_TWICE');
      }),
    ));
});

describe('the charset that a delivery declares', () => {
  const latin = Buffer.from('{"events":[],"by":"J\xfcrgen"}', 'latin1');
  const parse = (contentType: string, body: Buffer): Parsed =>
    parseDelivery('distribution', { headers: { 'content-type': contentType }, body, receivedAtMs: 0 }, settingsOf('e'));
  const reasonOf = (contentType: string, body: Buffer | string): string => {
    const parsed = parse(contentType, Buffer.from(body as string));
    return 'reason' in parsed ? parsed.reason : parsed.outcome;
  };

  for (const [what, contentType, body, reason] of [
    ['UTF-8', 'application/json; charset=UTF-8', '{"events":[],"by":"Jürgen"}', 'NO_EVENTS'],
    ['UTF-8 in quotes', 'application/json;charset="utf-8"; v=1', '{"events":[],"by":"Jürgen"}', 'NO_EVENTS'],
    ['ASCII, of UTF-8', 'text/plain; charset=us-ascii', '{"events":[],"by":"Jürgen"}', 'NO_EVENTS'],
    ['none, of Latin-1', 'application/json', latin, 'BODY_NOT_UTF8'],
    ['UTF-8, of Latin-1', 'application/json; charset=utf-8', latin, 'BODY_NOT_UTF8'],
    ['Latin-1', 'text/plain; charset=ISO-8859-1', latin, 'CHARSET_UNSUPPORTED'],
    ['Latin-1, of what could be UTF-8', 'text/plain; charset=ISO-8859-1', '{"events":[],"by":"Jürgen"}', 'CHARSET_UNSUPPORTED'],
    ['Latin-1, of plain ASCII', 'text/plain; charset=ISO-8859-1', '{"events":[]}', 'NO_EVENTS'],
    ['UTF-16', 'application/json; charset=utf-16', Buffer.from('{"events":[]}', 'utf16le'), 'CHARSET_UNSUPPORTED'],
    ['UTF-16, of plain ASCII', 'application/json; charset=utf-16', '{"events":[]}', 'NO_EVENTS'],
  ] as const)
    it(`${what}, gives ${reason}`, () => assert.equal(reasonOf(contentType, body), reason));
});
