import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventLog, LogRecord } from './event-log.ts';
import { recordsOf } from './records-of.ts';

const place = { topic: 't', partition: 0 };
const record = (offset: number): LogRecord => ({ ...place, offset, timestampMs: 0, key: null, value: null, headers: {} });
const offsets = async (records: AsyncIterable<LogRecord>): Promise<readonly number[]> =>
  (await Array.fromAsync(records)).map(({ offset }) => offset);

/** Gives chunks of two; `given` shows how far it was read. */
function chunked(count: number, failAt = Infinity) {
  const given: number[] = [];
  const read: EventLog['read'] = async (_, { from, to }, onRecords, signal) => {
    for (let offset = from; offset < Math.min(to, count); offset += 2) {
      if (signal?.aborted) throw new Error('aborted');
      if (offset >= failAt) throw new Error('connection lost');
      given.push(offset);
      await onRecords(
        [record(offset), record(offset + 1)].filter((each) => each.offset < to),
        offset + 2,
      );
    }
  };
  return { read, given };
}

describe('reading a range', () => {
  it('gives every record once, in order', async () => {
    assert.deepEqual(await offsets(recordsOf(chunked(6), place, { from: 0, to: 6 })), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(await offsets(recordsOf(chunked(6), place, { from: 2, to: 5 })), [2, 3, 4]);
    assert.deepEqual(await offsets(recordsOf(chunked(6), place, { from: 3, to: 3 })), []);
    assert.deepEqual(await offsets(recordsOf(chunked(0), place, { from: 0, to: 9 })), []);
  });

  it('reads no further than it is asked for, and ends the reading when left', async () => {
    const log = chunked(1_000);
    for await (const { offset } of recordsOf(log, place, { from: 0, to: 1_000 })) if (offset === 3) break;
    assert.deepEqual(log.given, [0, 2]);
  });

  it('fails as the reading fails, after what had been read', async () => {
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const { offset } of recordsOf(chunked(8, 4), place, { from: 0, to: 8 })) seen.push(offset);
    }, /connection lost/);
    assert.deepEqual(seen, [0, 1, 2, 3]);
  });
});
