import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseDelivery, settingsOf, sourceKinds, type Headers, type Parsed, type SourceKind } from './index.ts';
import { field } from './json.ts';
import { assertSound, recordedDeliveries, replaceValue, valuesCount } from './testing.ts';

const recordings = recordedDeliveries();

const parse = (kind: SourceKind, body: Buffer, headers: Headers = {}, registryHost: string | null = null): Parsed =>
  parseDelivery(kind, { headers, body, receivedAtMs: 1_700_000_000_000 }, settingsOf('e', { registryHost }));

const kind = fc.constantFrom(...sourceKinds);
const recording = fc.constantFrom(...recordings);
const recordedJson = fc.constantFrom(
  ...recordings.flatMap((from) => {
    try {
      return [{ ...from, json: JSON.parse(from.body.toString()) as unknown }];
    } catch {
      return []; // A form, or one that is no JSON on purpose.
    }
  }),
);
/** Every header that a sender is known by, with what any of them says there or with anything else. */
const namesSeen = [...new Set(recordings.flatMap(({ headers }) => Object.keys(headers)))];
const valuesSeen = [...new Set(recordings.flatMap(({ headers }) => Object.values(headers)))];
const headers = fc.dictionary(
  fc.constantFrom(...namesSeen),
  fc.oneof(fc.constantFrom(...valuesSeen), fc.string(), fc.constantFrom('', '%', '%ff', ',', '"', '\0')),
  { maxKeys: 6 },
);
/** What tempts a parser: other types, half characters, numbers beyond what is exact, names that objects inherit. */
const tempting = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom<unknown>(
    '',
    ' ',
    '/',
    ':',
    '@',
    'sha256:',
    '\ud800',
    '%2F',
    'https://',
    'https://[',
    '__proto__',
    'constructor',
    'a'.repeat(70_000),
  ),
  fc.constantFrom<unknown>(null, true, -0, 1e21, Number.MAX_SAFE_INTEGER + 2, -1, 0.5, [], {}, [[]], [null], Array(2_000).fill('a')),
);
const times = (numRuns: number): fc.Parameters<unknown> => ({ numRuns });

describe('whatever is sent', () => {
  it('arbitrary bytes give a result, never an error', () =>
    fc.assert(
      fc.property(kind, fc.uint8Array({ maxLength: 512 }), headers, (source, bytes, around) =>
        assertSound(parse(source, Buffer.from(bytes), around)),
      ),
      times(500),
    ));

  it('arbitrary JSON too', () =>
    fc.assert(
      fc.property(kind, fc.json({ maxDepth: 6 }), headers, (source, text, around) => assertSound(parse(source, Buffer.from(text), around))),
      times(500),
    ));

  it('recordings with bytes changed or cut off too', () =>
    fc.assert(
      fc.property(recording, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), fc.nat(), (from, edits, cut) => {
        const bytes = Buffer.from(from.body);
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        assertSound(parse(from.kind, cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes, from.headers, from.registryHost));
      }),
      times(1_000),
    ));

  it('recordings with any values replaced by any others too', () =>
    fc.assert(
      fc.property(recordedJson, fc.array(fc.tuple(fc.nat(), tempting), { minLength: 1, maxLength: 3 }), (from, edits) => {
        const json = edits.reduce<unknown>((value, [at, other]) => replaceValue(value, at % valuesCount(value), () => other), from.json);
        assertSound(parse(from.kind, Buffer.from(JSON.stringify(json)), from.headers, from.registryHost));
      }),
      times(3_000),
    ));

  it('recordings under any headers, and read as any kind, too', () =>
    fc.assert(
      fc.property(recording, kind, headers, (from, source, around) =>
        assertSound(parse(source, from.body, { ...from.headers, ...around }, 'registry.test')),
      ),
      times(1_000),
    ));

  it('each value of each recording, replaced by each type, too', () => {
    for (const from of recordings.filter(({ body }) => body.length < 4_096)) {
      const json = JSON.parse(from.body[0] === '{'.charCodeAt(0) ? from.body.toString() : '{}') as unknown;
      for (let at = 0; at < valuesCount(json); at++)
        for (const other of [null, true, 1.5, '', 'x', [], ['x'], {}, { x: 1 }])
          assertSound(parse(from.kind, Buffer.from(JSON.stringify(replaceValue(json, at, () => other))), from.headers, from.registryHost));
    }
  });

  it('a recording cut off anywhere gives no event', () => {
    for (const { kind: source, body, headers: around } of recordings.filter(({ body: [first] }) => first === '{'.charCodeAt(0)))
      for (let length = 0; length < body.length - 3; length += 7)
        assert.notEqual(parse(source, body.subarray(0, length), around, 'registry.test').outcome, 'events');
  });

  it('the same bytes give the same ids', () => {
    for (const { kind: source, body, headers: around, registryHost } of recordings)
      assert.deepEqual(parse(source, body, around, registryHost), parse(source, Buffer.from(body), around, registryHost));
  });
});

describe('a hostile body', () => {
  const refused = (body: Buffer | string, source: SourceKind = 'distribution'): string => {
    const parsed = parse(source, Buffer.from(body as string));
    return 'reason' in parsed ? parsed.reason : parsed.outcome;
  };

  it('that nests deep is refused before it is parsed', () => {
    assert.equal(refused('{"events":'.repeat(100_000)), 'BODY_TOO_DEEP');
    assert.equal(refused('['.repeat(1_000_000)), 'BODY_TOO_DEEP');
  });

  it('that nests only inside a text is taken', () => assert.equal(refused(`{"events":[],"x":"{\\"${'['.repeat(99)}"}`), 'NO_EVENTS'));

  it('that is too large, not UTF-8, empty, or no object is refused', () => {
    assert.equal(refused(Buffer.alloc(1_048_577, ' ')), 'BODY_TOO_LARGE');
    assert.equal(refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 'BODY_NOT_UTF8');
    assert.equal(refused(''), 'BODY_NOT_JSON');
    for (const body of ['null', '[]', '1', '"x"']) assert.equal(refused(body), 'BODY_NOT_AN_OBJECT');
  });

  it('with a flood of events is refused as one', () =>
    assert.equal(refused(JSON.stringify({ events: Array(1_001).fill({}) })), 'TOO_MANY_EVENTS'));

  it('that speaks of prototypes changes none', () => {
    assert.equal(refused('{"__proto__":{"events":[{}]},"constructor":{}}'), 'EVENT_UNKNOWN');
    assert.equal(refused('{"type":"constructor","event_data":{"resources":[{"resource_url":"r.example/a"}]}}', 'harbor'), 'EVENT_UNKNOWN');
    assert.equal(field({}, 'constructor'), undefined);
    assert.equal(({} as { events?: unknown }).events, undefined);
  });
});

/** Who sends what another sender invented, field by field. */
const sameFormat: readonly (readonly SourceKind[])[] = [
  ['distribution', 'gitlab'],
  ['harbor', 'tencent'],
];

describe('a recording of one sender', () => {
  it('at the endpoint of another is not guessed at', () => {
    for (const { kind: source, name, body } of recordings)
      for (const other of sourceKinds) {
        if (sameFormat.some((kinds) => kinds.includes(source) && kinds.includes(other)) || source === other) continue;
        assert.notEqual(parse(other, body).outcome, 'events', `${source}/${name} as ${other}`);
      }
  });
});
