import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { committedRecords } from './committed-records.ts';
import type { AbortedTransaction, WireRecord } from './wire.ts';

const place = { topic: 'images', partition: 0 };
const abortKey = Buffer.from([0, 0, 0, 0]);

const record = (offset: number, producerId: string, options: { readonly key?: Buffer; readonly control?: boolean } = {}): WireRecord => ({
  offset: String(offset),
  timestamp: '1000',
  key: options.key ?? Buffer.from(`k${offset}`),
  value: Buffer.from('v'),
  headers: {},
  isControlRecord: options.control ?? false,
  batchContext: { producerId, inTransaction: true },
});
const abort = (offset: number, producerId: string): WireRecord => record(offset, producerId, { key: abortKey, control: true });

function offsetsOf(
  messages: readonly WireRecord[],
  abortedTransactions: readonly AbortedTransaction[],
  fetchOffset = 0,
): readonly number[] {
  const fetched = { partition: 0, highWatermark: '999', lastStableOffset: '999', abortedTransactions, messages };
  return committedRecords(place, fetchOffset, fetched).records.map(({ offset }) => offset);
}

describe('records of a fetch', () => {
  it('leave out aborted ones, also when the broker lists interleaved transactions by their ends', () => {
    const messages = [
      record(50, 'A'),
      record(60, 'A'),
      record(100, 'B'),
      abort(101, 'B'),
      record(110, 'A'),
      abort(111, 'A'),
      record(112, 'A'),
    ];
    const byEnd = [
      { producerId: 'B', firstOffset: '100' },
      { producerId: 'A', firstOffset: '50' },
    ];
    assert.deepEqual(offsetsOf(messages, byEnd), [112]);
  });

  it('leave out aborted ones when a fetch starts inside two transactions that are to be aborted', () => {
    const messages = [record(200, 'B'), record(201, 'B'), record(202, 'A'), abort(203, 'A'), abort(204, 'B'), record(205, 'B')];
    const begunBefore = [
      { producerId: 'A', firstOffset: '150' },
      { producerId: 'B', firstOffset: '160' },
    ];
    assert.deepEqual(offsetsOf(messages, begunBefore, 200), [205]);
  });

  it('are not taken for an abort marker because of their key', () => {
    const messages = [record(1, 'A'), record(2, 'A', { key: abortKey }), record(3, 'A'), abort(4, 'A')];
    assert.deepEqual(offsetsOf(messages, [{ producerId: 'A', firstOffset: '1' }]), []);
    assert.deepEqual(offsetsOf([record(1, 'A', { key: abortKey })], []), [1]);
  });

  it('begin where asked, though a batch begins before', () => {
    assert.deepEqual(offsetsOf([record(5, 'A'), record(6, 'A'), record(7, 'A')], [], 6), [6, 7]);
  });

  it('pin no fetch response: keys, values and headers are copies', () => {
    const response = Buffer.alloc(1_048_576, 'x');
    const message = { ...record(1, 'A'), value: response.subarray(0, 10), headers: { h: response.subarray(10, 20) } };
    const [kept] = committedRecords(place, 0, {
      partition: 0,
      highWatermark: '2',
      lastStableOffset: '2',
      abortedTransactions: [],
      messages: [message],
    }).records;
    assert.ok(kept!.value!.buffer.byteLength < response.length);
    assert.ok(kept!.headers['h']!.buffer.byteLength < response.length);
  });
});

describe('the place to read on', () => {
  const next = (messages: readonly WireRecord[], lastOffset: bigint | undefined): number => {
    const fetched = {
      partition: 0,
      highWatermark: '9',
      lastStableOffset: '9',
      abortedTransactions: [],
      messages: Object.assign([...messages], { lastOffset }),
    };
    return committedRecords(place, 100, fetched as never).next;
  };
  it('is behind a batch that compaction has emptied', () => assert.equal(next([], 149n), 150));
  it('is behind the offsets that compaction has taken from the end of a batch', () => assert.equal(next([record(101, 'A')], 119n), 120));
  it('stays where nothing came', () => assert.equal(next([], undefined), 100));
});
