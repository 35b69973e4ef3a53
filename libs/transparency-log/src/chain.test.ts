import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { genesisHash, headOf, linkRecord } from './chain.ts';
import { type Field, frame } from './framing.ts';
import { chainOf, recordAt } from './log.fixture.ts';
import { hashRecord, type HashedRecord } from './record-hash.ts';
import { verifyChain } from './verify-chain.ts';

// The golden values come from a second implementation (Python's hashlib and struct) of the framing that framing.ts describes.
const pushed: HashedRecord = {
  topic: 'waybill.images.v1',
  partition: 2,
  offset: 41,
  timestampMs: 1_700_000_000_000,
  key: Buffer.from('127.0.0.1:5000/demo/app'),
  value: Buffer.from('\0\0\0\0\u0007abc'),
  headers: { ce_type: Buffer.from('ImagePushed'), ce_id: Buffer.from('0190') },
};
const empty: HashedRecord = {
  topic: 'waybill.deliveries.v1',
  partition: 0,
  offset: 0,
  timestampMs: -1,
  key: null,
  value: null,
  headers: {},
};

describe('golden hashes', () => {
  it('of records', () => {
    assert.equal(hashRecord(pushed).toString('hex'), '622c642ead2d70cee1940f175a72c4ce030fe688442e3f07fdb9a97356a82354');
    assert.equal(hashRecord(empty).toString('hex'), 'e4c84387b3a3e7880148be286724f4909f42ff4012d3e47aa81f035c1d0f860e');
  });

  it('of links', () => {
    const first = linkRecord(undefined, pushed, { eventId: '0190', eventType: 'ImagePushed' });
    const second = linkRecord(headOf(first), empty, { eventId: null, eventType: null });
    assert.equal(first.hash.toString('hex'), '59ff86174df4ca4c667bfc59c2f36f3583325b7b0e57a06e040cbf10464417a0');
    assert.equal(second.hash.toString('hex'), '14bf6aaf9fbeaf1c6864332fd2df2c74f06387d641b3d6000acc3dd7fe56a873');
    assert.deepEqual([first.seq, first.previousHash, second.seq, second.previousHash], [0, genesisHash, 1, first.hash]);
  });
});

const fieldOf = fc.letrec<{ field: Field }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
    fc.array(tie('field'), { maxLength: 3 }),
  ),
})).field;

describe('framing', () => {
  it('gives different bytes for different fields', () =>
    fc.assert(
      fc.property(fieldOf, fieldOf, (a, b) => {
        assert.equal(frame(a).equals(frame(b)), JSON.stringify(a) === JSON.stringify(b));
      }),
    ));

  it('keeps apart what plain concatenation would not', () => {
    assert.notDeepEqual(frame(['ab', 'c']), frame(['a', 'bc']));
    assert.notDeepEqual(frame([null]), frame(['']));
    assert.notDeepEqual(frame([]), frame([[]]));
  });

  it('refuses numbers that could share their bytes', () => {
    assert.throws(() => frame(2 ** 53), RangeError);
    assert.throws(() => frame(0.5), RangeError);
  });
});

describe('a record hash', () => {
  it('does not depend on the order in which a client lists the headers', () =>
    assert.deepEqual(
      hashRecord({ ...pushed, headers: { ce_id: Buffer.from('0190'), ce_type: Buffer.from('ImagePushed') } }),
      hashRecord(pushed),
    ));

  const changes: readonly Partial<HashedRecord>[] = [
    { topic: 'waybill.images.v2' },
    { partition: 3 },
    { offset: 42 },
    { timestampMs: 1_700_000_000_001 },
    { key: null },
    { key: Buffer.alloc(0) },
    { value: null },
    { value: Buffer.alloc(0) },
    { headers: {} },
    { headers: { ...pushed.headers, traceparent: Buffer.alloc(0) } },
    { headers: { ce_id: Buffer.from('ImagePushed'), ce_type: Buffer.from('0190') } },
  ];
  for (const change of changes)
    it(`differs with ${Object.keys(change).join()} ${JSON.stringify(Object.values(change)[0])}`, () =>
      assert.notDeepEqual(hashRecord({ ...pushed, ...change }), hashRecord(pushed)));

  it('differs when any bit of the value flips', () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.integer({ min: 0, max: 7 }), (bytes, at, bit) => {
        const value = Buffer.from(bytes);
        const flipped = Buffer.from(bytes);
        flipped[at % bytes.length]! ^= 1 << bit;
        assert.notDeepEqual(hashRecord({ ...pushed, value }), hashRecord({ ...pushed, value: flipped }));
      }),
    ));
});

describe('a chain', () => {
  const chain = chainOf(Array.from({ length: 6 }, (_, offset) => recordAt('waybill.images.v1', offset)));
  const faultOf = (entries: typeof chain): readonly [string, number | null] | 'none' => {
    const verdict = verifyChain(0, entries);
    return verdict.ok ? 'none' : [verdict.fault.code, verdict.fault.seq];
  };

  it('holds as it was written, also when it is empty', () => {
    assert.deepEqual(verifyChain(0, chain), { ok: true, linksCount: 6, head: headOf(chain[5]!) });
    assert.deepEqual(verifyChain(0, []), { ok: true, linksCount: 0, head: undefined });
  });

  it('shows a dropped link', () => assert.deepEqual(faultOf(chain.toSpliced(2, 1)), ['LINK_OUT_OF_SEQUENCE', 3]));
  it('shows a missing beginning', () => assert.deepEqual(faultOf(chain.slice(1)), ['LINK_OUT_OF_SEQUENCE', 1]));
  it('shows a doubled link', () => assert.deepEqual(faultOf(chain.toSpliced(2, 0, chain[2]!)), ['LINK_OUT_OF_SEQUENCE', 2]));
  it('shows two swapped links', () => assert.deepEqual(faultOf(chain.with(1, chain[2]!).with(2, chain[1]!)), ['LINK_OUT_OF_SEQUENCE', 2]));

  it('shows an inserted link, also one that is hashed well', () => {
    const forged = linkRecord(headOf(chain[2]!), recordAt('waybill.images.v1', 99), { eventId: null, eventType: null });
    assert.deepEqual(faultOf(chain.toSpliced(3, 0, forged)), ['LINK_OUT_OF_SEQUENCE', 3]);
    assert.deepEqual(faultOf(chain.with(3, forged)), ['LINK_PREVIOUS_HASH_WRONG', 4]);
  });

  it('shows the chain of another partition', () => {
    const other = chainOf([{ ...recordAt('waybill.images.v1', 0), partition: 1 }]);
    assert.deepEqual(faultOf(other), ['LINK_OF_OTHER_PARTITION', 0]);
  });

  it('shows any changed field of any link', () =>
    fc.assert(
      fc.property(
        fc.nat({ max: 5 }),
        fc.constantFrom(...(Object.keys(chain[0]!) as (keyof (typeof chain)[0])[])),
        fc.nat(),
        (at, field, seed) => {
          const changed = chain.with(at, { ...chain[at]!, [field]: differently(chain[at]![field], seed) });
          assert.notEqual(faultOf(changed), 'none', `${field} of link ${at}`);
        },
      ),
    ));
});

function differently(value: string | number | Buffer | null, seed: number): unknown {
  if (value === null) return '';
  if (typeof value === 'number') return value + 1 + seed;
  if (typeof value === 'string') return `${value}${seed}`;
  const flipped = Buffer.from(value);
  flipped[seed % flipped.length]! ^= 1 << (seed % 8);
  return flipped;
}
