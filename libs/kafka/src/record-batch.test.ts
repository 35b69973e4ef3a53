import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LogRecord, NewRecord } from '@waybill/stream';
import { layout } from './record-batch.ts';
import { committedRecords } from './record-batch-decoder.ts';
import { encodeBatch, storedBatch } from './record-batch.fixture.ts';

const require = createRequire(import.meta.url);
const place = { topic: 'images', partition: 3 };

const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 90 }), fc.string({ maxLength: 200 }));
const newRecord: fc.Arbitrary<NewRecord> = fc.record({
  topic: fc.constant(place.topic),
  partition: fc.constant(place.partition),
  key: fc.option(text),
  value: fc.option(fc.oneof(bytes, fc.constant(Buffer.alloc(20_000, 'v')))),
  headers: fc.dictionary(text, bytes, { maxKeys: 4, noNullPrototype: true }),
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.constantFrom(2 ** 31, 2 ** 33 + 5, 2 ** 50)),
});
const batch = fc.array(newRecord, { minLength: 1, maxLength: 200 });

const plain = ({ topic, partition, offset, timestampMs, key, value, headers }: LogRecord) => {
  return { topic, partition, offset, timestampMs, key, value, headers };
};

const decode = (stored: Buffer, fetchOffset = 0) =>
  committedRecords(place, fetchOffset, {
    partition: 3,
    lastStableOffset: 2 ** 52,
    abortedTransactions: [],
    bytes: stored,
  });

describe('a record batch', () => {
  it('decodes to the records that it was encoded from', () => {
    fc.assert(
      fc.property(batch, fc.integer({ min: 0, max: 2 ** 40 }), (records, baseOffset) => {
        const { records: decoded, next } = decode(storedBatch(records, { baseOffset }));
        const expected = records.map(({ key, ...rest }, index) => {
          return { ...rest, key: key === null ? null : Buffer.from(key), offset: baseOffset + index };
        });
        assert.deepEqual(decoded.map(plain), expected);
        assert.equal(next, baseOffset + records.length);
      }),
      { numRuns: 200 },
    );
  });

  it('holds the headers of records that are passed on, byte for byte, those of one name and without a value too', () => {
    fc.assert(
      fc.property(batch, (records) => {
        const stored = storedBatch(records, { baseOffset: 0 });
        const passed = decode(stored).records.map(({ headerBytes }, index): NewRecord => {
          return { ...records[index]!, headers: { not: Buffer.from('these') }, headerBytes };
        });
        assert.deepEqual(storedBatch(passed, { baseOffset: 0 }), stored);
      }),
      { numRuns: 100 },
    );
    const twice = Buffer.from([2, 0x68, 2, 0x31, 2, 0x68, 1]);
    const headerBytes = { bytes: twice, start: 0, end: twice.length, count: 2 };
    const stored = storedBatch([{ ...records(1)[0]!, headerBytes }], { baseOffset: 0 });
    const [record] = decode(stored).records;
    const { bytes, start, end, count } = record!.headerBytes!;
    assert.deepEqual([record?.headers, bytes.subarray(start, end), count], [{}, twice, 2]);
  });

  it('is byte for byte what kafkajs writes', async () => {
    type Encoder = { readonly buffer: Buffer };
    const recordOf = require('kafkajs/src/protocol/recordBatch/record/v0') as (options: object) => Encoder;
    const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as { RecordBatch: (options: object) => Promise<Encoder> };
    const producer = { producerId: 4_711, producerEpoch: 7, isTransactional: true };
    await fc.assert(
      fc.asyncProperty(batch, async (records) => {
        const times = records.map(({ timestampMs }) => timestampMs!);
        const theirs = await RecordBatch({
          ...producer,
          transactional: true,
          producerId: String(producer.producerId),
          firstSequence: 99,
          firstTimestamp: times[0],
          maxTimestamp: Math.max(...times),
          lastOffsetDelta: records.length - 1,
          records: records.map((record, index) => {
            return recordOf({ ...record, offsetDelta: index, timestampDelta: record.timestampMs! - times[0]! });
          }),
        });
        assert.deepEqual(encodeBatch(records, producer, 99), theirs.buffer);
      }),
      { numRuns: 50 },
    );
  });

  it('is an error with any bit flipped that its CRC stands for (no CRC is looked at in kafkajs)', () => {
    const stored = storedBatch(records(3), { baseOffset: 1_000 });
    for (let bit = layout.magic * 8; bit < stored.length * 8; bit++) {
      const flipped = Buffer.from(stored);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const code = bit < layout.crc * 8 ? 'RECORD_UNSUPPORTED' : 'RECORD_CORRUPT';
      assert.throws(() => decode(flipped), { code, message: /images\/3\/1000/ }, `bit ${bit}`);
    }
  });

  it('never yields a wrong record for a flipped length', () => {
    const stored = storedBatch(records(3), { baseOffset: 1_000 });
    for (let bit = layout.length * 8; bit < layout.leaderEpoch * 8; bit++) {
      const flipped = Buffer.from(stored);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.deepEqual(resultOf(flipped), [], `bit ${bit}`);
    }
  });

  it('is left for the next fetch where it is cut off, at whatever byte', () => {
    const [first, second] = [storedBatch(records(2), { baseOffset: 10 }), storedBatch(records(2), { baseOffset: 12 })];
    const stored = Buffer.concat([first, second]);
    for (let length = 0; length < stored.length; length++) {
      const { records: decoded, next } = decode(stored.subarray(0, length), 10);
      assert.equal(next, length < first.length ? 10 : 12, `of ${length} bytes`);
      assert.equal(decoded.length, length < first.length ? 0 : 2);
    }
  });

  it('is an error where it does not follow the one before it', () => {
    const stored = Buffer.concat([storedBatch(records(2), { baseOffset: 10 }), storedBatch(records(2), { baseOffset: 11 })]);
    assert.throws(() => decode(stored), { code: 'RECORD_CORRUPT' });
  });
});

const records = (count: number): readonly NewRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ topic: place.topic, partition: place.partition, key: `k${index}`, value: Buffer.from(`v${index}`) },
    ...{ headers: { h: Buffer.from('x') }, timestampMs: 5 },
  }));

function resultOf(stored: Buffer): readonly unknown[] {
  try {
    return decode(stored).records;
  } catch (error) {
    assert.match((error as { code: string }).code, /^RECORD_/);
    return [];
  }
}
