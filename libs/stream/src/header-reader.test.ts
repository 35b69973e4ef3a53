import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HeaderBytes } from './event-log.ts';
import { HeaderReader } from './header-reader.ts';

const names = ['id', 'source', 'time'] as const;
type Header = readonly [name: string, value: string | null];

const varint = (value: number): readonly number[] => {
  const bytes: number[] = [];
  let rest = (value << 1) ^ (value >> 31);
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
};
const text = (value: string | null): readonly number[] =>
  value === null ? varint(-1) : [...varint(Buffer.byteLength(value)), ...Buffer.from(value)];

/** As they lie in the log, among other bytes. */
function bytesOf(headers: readonly Header[]): HeaderBytes {
  const bytes = Buffer.from([0xff, 0xff, ...headers.flatMap(([name, value]) => [...text(name), ...text(value)]), 0xff]);
  return { bytes, start: 2, end: bytes.length - 1, count: headers.length };
}

/** One for all cases, so that nothing of one may be left in the next. */
const reader = new HeaderReader(names);
const read = (headers: readonly Header[]) => {
  reader.read(bytesOf(headers));
  return names.map((name) => reader.text(name));
};

describe('a header', () => {
  it('is found wherever it stands; the last one of a name counts, and one without a value is none', () => {
    const header = fc.tuple(fc.constantFrom(...names, 'id2', 'i', 'sourcf', 'content-type', ''), fc.option(fc.string({ maxLength: 200 })));
    fc.assert(
      fc.property(fc.array(header, { maxLength: 8 }), (headers) => {
        const newest = new Map(headers);
        assert.deepEqual(
          read(headers),
          names.map((name) => newest.get(name) ?? undefined),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is read as UTF-8, an empty one as an empty text', () =>
    assert.deepEqual(read([['id', '€'], ['time', '']]), ['€', undefined, ''])); // prettier-ignore

  it('may be long', () => {
    const [long, longer] = ['x'.repeat(9_000), 'y'.repeat(3_000_000)];
    assert.deepEqual(read([['id', long], ['source', longer], ['time', '1']]), [long, longer, '1']); // prettier-ignore
  });
});
