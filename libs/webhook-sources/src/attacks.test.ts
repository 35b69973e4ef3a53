import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isRegistryHost, isRepositoryName, isTag } from '@waybill/domain';
import { field } from './json.ts';
import { parseDelivery, settingsOf, sourceKinds, type Parsed, type SourceKind } from './index.ts';

const recordings = globSync(`${import.meta.dirname}/../../../test/fixtures/webhooks/!(golden)/*.json`).map((path) => {
  const { body, rawBody } = JSON.parse(readFileSync(path, 'utf8')) as { body: unknown; rawBody?: string };
  return { kind: basename(dirname(path)) as SourceKind, bytes: Buffer.from(rawBody ?? JSON.stringify(body)) };
});

const parse = (kind: SourceKind, body: Buffer): Parsed =>
  parseDelivery(kind, { headers: {}, body, receivedAtMs: 1_700_000_000_000 }, settingsOf('e'));

/** What holds of every result, whatever came in. */
function assertSound(parsed: Parsed): void {
  if (parsed.outcome === 'malformed') assert.notEqual(parsed.reason, 'PARSER_FAILED');
  for (const { data } of parsed.outcome === 'events' ? parsed.events : []) {
    assert.ok(isRegistryHost(data.registry) && isRepositoryName(data.repository) && data.tags.every(isTag));
    for (const text of [data.actor, data.sourceDeliveryId]) assert.ok(text === null || (text.length <= 255 && text.isWellFormed()));
    assert.ok(data.occurredAtMs === null || Number.isSafeInteger(data.occurredAtMs));
  }
}

const kind = fc.constantFrom(...sourceKinds);

describe('whatever is sent', () => {
  it('arbitrary bytes give a result, never an error', () =>
    fc.assert(fc.property(kind, fc.uint8Array({ maxLength: 512 }), (source, bytes) => assertSound(parse(source, Buffer.from(bytes))))));

  it('arbitrary JSON too', () =>
    fc.assert(fc.property(kind, fc.json({ maxDepth: 6 }), (source, text) => assertSound(parse(source, Buffer.from(text))))));

  it('recordings with bytes changed or cut off too', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...recordings),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
        fc.nat(),
        (from, edits, cut) => {
          const bytes = Buffer.from(from.bytes);
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          assertSound(parse(from.kind, cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes));
        },
      ),
      { numRuns: 500 },
    ));

  it('recordings with any value replaced by any other too', () =>
    fc.assert(
      fc.property(fc.constantFrom(...recordings), fc.nat(), fc.jsonValue(), (from, at, value) => {
        const texts = from.bytes.toString().split(/("[a-zA-Z_]+":)/);
        const index = (at % texts.length) | 1;
        if (texts[index + 1] === undefined) return;
        const replaced = texts[index + 1]!.replace(/^("[^"]*"|[\d.]+|null)/, () => JSON.stringify(value));
        assertSound(parse(from.kind, Buffer.from([...texts.slice(0, index + 1), replaced, ...texts.slice(index + 2)].join(''))));
      }),
      { numRuns: 500 },
    ));

  it('a recording cut off anywhere gives no event', () => {
    for (const { kind: source, bytes } of recordings)
      for (let length = 0; length < bytes.length - 3; length += 7)
        assert.notEqual(parse(source, bytes.subarray(0, length)).outcome, 'events');
  });

  it('the same bytes give the same ids', () => {
    for (const { kind: source, bytes } of recordings) assert.deepEqual(parse(source, bytes), parse(source, Buffer.from(bytes)));
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

  it('of another sender is not guessed at', () => {
    for (const { kind: source, bytes } of recordings)
      for (const other of sourceKinds.filter((name) => name !== source)) assert.notEqual(parse(other, bytes).outcome, 'events');
  });
});
