import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { NewRecord } from '@waybill/stream';
import { ByteWriter } from './byte-writer.ts';
import { layout } from './record-batch.ts';
import { committedRecords, type AbortedTransaction } from './record-batch-decoder.ts';
import { encodeBatch, storedBatch, type StoredBatch } from './record-batch.fixture.ts';

const place = { topic: 'images', partition: 0 };
const abortKey = '\0\0\0\0';

const newRecord = (key: string, headers: NewRecord['headers'] = {}): NewRecord => ({
  ...{ topic: 'images', partition: 0, key, value: Buffer.from('v'), headers, timestampMs: 7 },
});
const record = (offset: number, producerId: number, key = `k${offset}`): Buffer =>
  storedBatch([newRecord(key)], { baseOffset: offset, producerId, isTransactional: true });
const abort = (offset: number, producerId: number): Buffer =>
  storedBatch([newRecord(abortKey)], { baseOffset: offset, producerId, isTransactional: true, isControl: true });

const decode = (batches: readonly Buffer[], fetchOffset = 0, abortedTransactions: readonly AbortedTransaction[] = []) => {
  const bytes = Buffer.concat(batches);
  return committedRecords(place, fetchOffset, { partition: 0, lastStableOffset: 999, abortedTransactions, bytes });
};
const offsetsOf = (batches: readonly Buffer[], aborted: readonly AbortedTransaction[], fetchOffset = 0): readonly number[] =>
  decode(batches, fetchOffset, aborted).records.map(({ offset }) => offset);

const [A, B] = [1, 2];

describe('records of a fetch', () => {
  it('leave out aborted ones, also when the broker lists interleaved transactions by their ends', () => {
    const batches = [record(50, A), record(60, A), record(100, B), abort(101, B), record(110, A), abort(111, A), record(112, A)];
    const byEnd = [
      { producerId: B, firstOffset: 100 },
      { producerId: A, firstOffset: 50 },
    ];
    assert.deepEqual(offsetsOf(batches, byEnd), [112]);
  });

  it('leave out aborted ones when a fetch starts inside two transactions that are to be aborted', () => {
    const batches = [record(200, B), record(201, B), record(202, A), abort(203, A), abort(204, B), record(205, B)];
    const begunBefore = [
      { producerId: A, firstOffset: 150 },
      { producerId: B, firstOffset: 160 },
    ];
    assert.deepEqual(offsetsOf(batches, begunBefore, 200), [205]);
  });

  it('are not taken for an abort marker because of their key', () => {
    const batches = [record(1, A), record(2, A, abortKey), record(3, A), abort(4, A)];
    assert.deepEqual(offsetsOf(batches, [{ producerId: A, firstOffset: 1 }]), []);
    assert.deepEqual(offsetsOf([record(1, A, abortKey)], []), [1]);
  });

  it('of a producer without a transaction stay when one of its transactions is aborted', () => {
    const plain = storedBatch([newRecord('k')], { baseOffset: 2, producerId: A });
    assert.deepEqual(offsetsOf([record(1, A), plain, abort(3, A)], [{ producerId: A, firstOffset: 1 }]), [2]);
  });

  it('begin where asked, though a batch begins before', () => {
    const batch = storedBatch([newRecord('a'), newRecord('b'), newRecord('c')], { baseOffset: 5 });
    assert.deepEqual(offsetsOf([batch], [], 6), [6, 7]);
  });

  it('have the offsets that compaction has left them', () => {
    const encoded = encodeBatch([newRecord('a'), newRecord('b'), newRecord('c')]);
    const size = (encoded.length - layout.records) / 3;
    const [first, , third] = [0, 1, 2].map((n) => encoded.subarray(layout.records + n * size, layout.records + (n + 1) * size));
    const compacted = storedBatch([newRecord('a'), newRecord('c')], {
      baseOffset: 5,
      lastOffset: 7,
      body: Buffer.concat([first!, third!]),
    });
    assert.deepEqual(offsetsOf([compacted], []), [5, 7]);
  });

  it('are shown also beyond the last stable offset of the answer: the broker takes it before it reads', () => {
    const fetched = { partition: 0, lastStableOffset: 0, abortedTransactions: [], bytes: record(5, A) };
    assert.deepEqual(committedRecords(place, 5, fetched).next, 6);
  });

  it('have the time of the append where the topic says so', () => {
    const batch = storedBatch([newRecord('a')], { baseOffset: 0, flags: 0x08, maxTimestamp: 123_456 });
    assert.equal(decode([batch]).records[0]!.timestampMs, 123_456);
  });
});

describe('the place to read on', () => {
  const next = (batch: StoredBatch, records: readonly NewRecord[] = []): number => decode([storedBatch(records, batch)], 100).next;
  it('is behind a batch that compaction has emptied (kafkajs#1072)', () => assert.equal(next({ baseOffset: 100, lastOffset: 149 }), 150));
  it('is behind the offsets that compaction has taken from the end of a batch', () =>
    assert.equal(next({ baseOffset: 100, lastOffset: 119 }, [newRecord('k')]), 120));
  it('is behind a control batch that compaction has emptied', () =>
    assert.equal(next({ baseOffset: 100, lastOffset: 100, isControl: true }), 101));
  it('stays where nothing came', () => assert.equal(decode([], 100).next, 100));
});

describe('headers', () => {
  const withHeaders = (...headers: readonly (readonly [Buffer, Buffer | null])[]) => {
    const writer = new ByteWriter(200);
    writer.int8(0);
    for (const number of [0, 0, -1, -1, headers.length]) writer.varint(number);
    for (const [name, value] of headers) {
      writer.varintBytes(name);
      if (value) writer.varintBytes(value);
      else writer.varint(-1);
    }
    const framed = new ByteWriter(200);
    framed.varintBytes(writer.bytes.subarray(0, writer.at));
    const body = framed.bytes.subarray(0, framed.at);
    return decode([storedBatch([newRecord('k')], { baseOffset: 0, body })]).records[0]!.headers;
  };
  const name = Buffer.from('h');

  it('without a value are left out, and so is what stood before under that name', () => {
    assert.deepEqual(withHeaders([name, null]), {});
    assert.deepEqual(withHeaders([name, Buffer.from('1')], [name, null]), {});
  });
  it('of one name: the last counts', () =>
    assert.deepEqual(withHeaders([name, Buffer.from('1')], [name, Buffer.from('2')]), { h: Buffer.from('2') }));
  it('keep values of any bytes, and replace what is no UTF-8 in a name', () => {
    const value = Buffer.from([0xff, 0xfe, 0]);
    assert.deepEqual(withHeaders([Buffer.from([0xc3, 0x28]), value]), { '\ufffd(': value });
  });
  it('named like a part of every object are but headers', () => {
    const headers = withHeaders([Buffer.from('__proto__'), Buffer.from('x')], [Buffer.from('constructor'), Buffer.from('y')]);
    assert.deepEqual(Object.keys(headers), ['__proto__', 'constructor']);
    assert.equal(Object.getPrototypeOf(headers), Object.prototype);
  });
});

describe('batches of other writers', () => {
  const packed = (codec: number, pack: (bytes: Buffer) => Buffer): Buffer => {
    const records = [newRecord('a'), newRecord('b', { h: Buffer.from('x') })];
    return storedBatch(records, { baseOffset: 0, flags: codec, body: pack(encodeBatch(records).subarray(layout.records)) });
  };
  const keys = (batch: Buffer) => decode([batch]).records.map(({ key }) => key!.toString());

  it('are read in gzip and in zstd', () => {
    assert.deepEqual(keys(packed(1, (bytes) => gzipSync(bytes))), ['a', 'b']);
    assert.deepEqual(keys(packed(4, (bytes) => zstdCompressSync(bytes))), ['a', 'b']);
  });
  it('are an error in snappy and lz4, which says what to set', () => {
    for (const [codec, name] of [
      [2, 'snappy'],
      [3, 'lz4'],
      [5, 'codec 5'],
    ] as const) {
      // prettier-ignore
      const expected = { code: 'RECORD_UNSUPPORTED', message: new RegExp(`images/0/0 is compressed with ${name}: set compression.type`) };
      assert.throws(() => keys(packed(codec, (bytes) => bytes)), expected);
    }
  });
  it('are an error where they cannot be unpacked, or not within bounds', () => {
    assert.throws(() => keys(packed(1, (bytes) => bytes)), { code: 'RECORD_CORRUPT', message: /its gzip/ });
    assert.throws(() => keys(packed(1, () => gzipSync(Buffer.alloc(65 * 1_048_576)))), { code: 'RECORD_CORRUPT', message: /within/ });
  });
  it('are an error in the formats before Kafka 0.11', () => {
    for (const magic of [0, 1]) {
      const old = storedBatch([newRecord('a')], { baseOffset: 4 });
      old[layout.magic] = magic;
      assert.throws(() => decode([old]), { code: 'RECORD_UNSUPPORTED', message: /images\/0\/4 was written before Kafka 0\.11/ });
    }
  });
  it('are an error where a record contradicts its batch, though the CRC is right', () => {
    const whole = encodeBatch([newRecord('a')]).subarray(layout.records);
    const bodies = [whole.subarray(1), Buffer.concat([whole, whole]), Buffer.alloc(0), Buffer.alloc(30, 0xff)];
    for (const body of bodies)
      assert.throws(() => keys(storedBatch([newRecord('a')], { baseOffset: 0, body })), { code: 'RECORD_CORRUPT' });
    const two = storedBatch([newRecord('a'), newRecord('b')], { baseOffset: 0, lastOffset: 0 });
    assert.throws(() => keys(two), { code: 'RECORD_CORRUPT' }, 'an offset beyond the last one');
  });
});
