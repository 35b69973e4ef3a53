import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { LogRecord } from '@waybill/stream';
import { openConnections } from './connections.ts';
import { answerFetch, askedBy, fakeCluster, type FetchAnswer } from './fake-cluster.fixture.ts';
import { readRange } from './read-range.ts';
import { storedBatch } from './record-batch.fixture.ts';
import type { WireCall } from './wire-call.ts';

const place = { topic: 'rows', partition: 0 };
const batch = (baseOffset: number): Buffer =>
  storedBatch([{ topic: 'rows', partition: 0, key: 'k', value: null, headers: {} }], { baseOffset });

/** Reads [0, to) from a broker that answers so, one answer per fetch; the last one stays. `take` is told of what has been asked by then. */
async function read(
  to: number,
  answers: readonly Omit<FetchAnswer, 'topic'>[],
  take?: (asked: readonly number[]) => Promise<void>,
  signal?: AbortSignal,
) {
  const asked: number[] = [];
  const send = <T>(call: WireCall<T>): Promise<T> => {
    asked.push(askedBy(call).positions[0]!.offset);
    return answerFetch(call, { topic: 'rows', ...answers[Math.min(asked.length, answers.length) - 1] });
  };
  const connections = openConnections({ brokers: ['n'], clientId: 'c' }, () => fakeCluster({ connectionPool: { send } }));
  const offsets: number[] = [];
  let reached = 0;
  const onRecords = (records: readonly LogRecord[], next: number): Promise<void> | undefined => {
    offsets.push(...records.map(({ offset }) => offset));
    reached = next;
    return take?.(asked);
  };
  await readRange(connections, place, { from: 0, to }, onRecords, signal).finally(() => connections.close());
  return { offsets, reached, asked };
}

describe('a range of a partition', () => {
  it('ends at its end, and shows nothing beyond', async () => {
    const { offsets, reached } = await read(2, [{ bytes: Buffer.concat([batch(0), batch(1), batch(2)]) }]);
    assert.deepEqual([offsets, reached], [[0, 1], 2]);
  });

  it('ends where the broker finds nothing up to a last stable offset that has reached it: compaction has taken the rest', async () => {
    const { offsets, reached, asked } = await read(10, [{ bytes: batch(0) }, { lastStableOffset: 10 }]);
    assert.deepEqual([offsets, reached, asked], [[0], 10, [0, 1]]);
  });

  it('goes on after any number of empty answers while the last stable offset lies before its end', async () => {
    const empty = { lastStableOffset: 1 };
    const { offsets, reached } = await read(2, [{ bytes: batch(0) }, empty, empty, empty, empty, empty, { bytes: batch(1) }]);
    assert.deepEqual([offsets, reached], [[0, 1], 2]);
  });

  it('takes a batch that is cut off for no end', async () => {
    const { offsets } = await read(2, [{ bytes: batch(0) }, { bytes: batch(1).subarray(0, 40) }, { bytes: batch(1) }]);
    assert.deepEqual(offsets, [0, 1]);
  });

  it('fails where retention has passed its beginning, naming the partition', async () => {
    await assert.rejects(read(2, [{ errorCode: 1 }]), { code: 'OFFSET_EXPIRED', message: /rows\/0/ });
  });

  it('fails with what its taker throws, and asks for no more', async () => {
    const full = new Error('full');
    const taking = read(9, [{ bytes: batch(0) }, { bytes: batch(1) }, { bytes: batch(2) }], () => Promise.reject(full));
    await assert.rejects(taking, full);
  });

  it('gives nothing more once its signal has fired, though it has been fetched', async () => {
    const [ending, enough] = [new AbortController(), new Error('enough')];
    let takenCount = 0;
    const take = async (asked: readonly number[]): Promise<void> => {
      takenCount += 1;
      while (asked.length === 1) await setImmediate();
      await setImmediate(); // The answer has been read by then.
      ending.abort(enough);
    };
    await assert.rejects(read(9, [{ bytes: batch(0) }, { bytes: batch(1) }, { bytes: batch(2) }], take, ending.signal), enough);
    assert.equal(takenCount, 1);
  });
});
