import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { topics, type MarkBatch, type Topic } from '@waybill/domain';
import { systemClock } from './clock.ts';
import { valueBytesMax, type NewRecord } from './event-log.ts';
import { JobPool } from './job-pool.ts';
import { markGraceMs, MarksDraft, marksStore, marksTopics } from './marks.ts';
import { MemoryLog, MemoryStore } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import { Task, type TaskOptions } from './task.ts';
import { isEvent, type Topology } from './topology.ts';

const day = 24 * 60 * 60 * 1_000;
const nowMs = 1_000 * day;
const ttlMs = 30 * day;
const passOnce: Topology = {
  group: 'scanner',
  inputs: [topics.scanRequests],
  stores: {},
  marks: { seen: { topic: topics.dedupMarks, ttlMs } },
  outputs: [topics.scanRequests],
  held: topics.dedupHeld,
  handle: (input, { isMarked }) => {
    if (!isEvent(input, 'ScanRequested')) return {};
    const { digest } = input.event.data;
    if (isMarked('seen', digest)) return {};
    const mark = [{ marks: 'seen', id: digest }];
    if (digest === 'undeclared') return { mark: [...mark, { marks: 'none', id: digest }] };
    return { mark, emit: [{ topic: topics.scanRequests, key: digest, forward: input.event }] };
  },
};

const pools: JobPool[] = [];
afterEach(() => pools.splice(0).forEach((pool) => pool.close()));

/** A task that passes requests on once; what it took, at which offset it stands and what it passed on. */
async function passingOnce(log: MemoryLog, store = new MemoryStore()) {
  const clock = { ...systemClock, now: () => nowMs };
  const pool = new JobPool({ specs: {}, clock, random: () => 0 });
  pools.push(pool);
  const hooks = { onCommit: () => undefined, onFault: () => undefined, onBroken: (error: Error) => assert.fail(error) };
  const ports = { log: log.port(), codec: jsonCodec, store, pool, membership: { verify: async () => undefined } };
  const options: TaskOptions = { topology: passOnce, ...ports, partition: 0, table: () => [], clock, ...hooks };
  const task = await Task.open(options);
  return {
    task,
    take: async (...inputs: readonly (readonly [digest: string, atMs: number])[]) => {
      const first = task.next.get(topics.scanRequests.name) ?? 0;
      await task.takeRecords(inputs.map(([digest, atMs], index) => request(first + index, digest, atMs)));
    },
    passedOn: () => log.keys(topics.scanRequests.name),
    rows: () => [...store.entries(marksStore('seen'))].map(([id]) => id),
    batches: () => (log.records.get(topics.dedupMarks.name) ?? []).map(({ value }) => jsonCodec.decodeSync(value!).data as MarkBatch),
  };
}

function request(offset: number, digest: string, timestampMs: number) {
  const event = { type: 'ScanRequested' as const, data: { registry: 'r', repository: 'a', digest, imageDigest: digest } };
  const meta = { id: `${offset}`, source: '/t', timeMs: 0, subject: 's', correlationId: 'c', causationId: null, traceparent: null };
  const place = { topic: topics.scanRequests.name, partition: 0, offset, timestampMs };
  return { ...place, key: Buffer.from(digest), value: jsonCodec.encode(event), headers: eventHeaders({ ...event, meta }) };
}

describe('a mark', () => {
  it('is seen by the next input of the same transaction, by the next transaction, and after the store is lost', async () => {
    const log = new MemoryLog();
    const first = await passingOnce(log);
    await first.take(['a', nowMs], ['a', nowMs]);
    await first.take(['a', nowMs], ['b', nowMs]);
    await first.task.close();
    const heir = await passingOnce(log);
    await heir.take(['b', nowMs], ['a', nowMs], ['c', nowMs]);
    assert.deepEqual(heir.passedOn(), ['a', 'b', 'c']);
    assert.deepEqual(heir.batches().map(({ ids }) => ids), [['a'], ['b'], ['c']]); // prettier-ignore
    await heir.task.close();
  });

  it('counts until its time is over, by the times of inputs alone', async () => {
    const { task, take, passedOn } = await passingOnce(new MemoryLog());
    const at = nowMs - 500 * day; // A replay: the clock is far ahead.
    await take(['a', at]);
    await take(['a', at + ttlMs - 1]);
    assert.deepEqual(passedOn(), ['a']);
    await take(['a', at + ttlMs]);
    assert.deepEqual(passedOn(), ['a', 'a']);
    await take(['a', at]); // Older than the mark that it now has.
    assert.deepEqual(passedOn(), ['a', 'a']);
    await task.close();
  });

  it('leaves the store when its time and the grace are over; a replay or a clock that is ahead takes none that counts', async () => {
    const { task, take, rows } = await passingOnce(new MemoryLog());
    const over = nowMs - ttlMs - markGraceMs;
    await take(['over', over - 1], ['late', over], ['old', over + 1]);
    assert.deepEqual(rows(), ['late', 'old', 'over']);
    await take(['ahead', nowMs + 900 * day]);
    assert.deepEqual(rows(), ['ahead', 'late', 'old']);
    await task.close();
  });

  it('is not made by a step that cannot be done whole, nor without its name or as a key that is too long', async () => {
    const { task, take, rows, passedOn } = await passingOnce(new MemoryLog());
    await take(['undeclared', nowMs], ['x'.repeat(2_000), nowMs], ['€'.repeat(600), nowMs], ['€'.repeat(700), nowMs], ['a', nowMs]);
    assert.deepEqual(rows(), ['a', '€'.repeat(600)]);
    assert.deepEqual(passedOn(), ['€'.repeat(600), 'a']);
    await task.close();
  });
});

describe('the marks of a transaction', () => {
  const draftOf = (ids: Iterable<string>) => {
    const draft = new MarksDraft(passOnce, { get: () => undefined });
    for (const id of ids) draft.add({ marks: 'seen', id }, nowMs);
    return draft;
  };

  it('are one record, or as many as it takes to keep each below the limit', () => {
    const long = Array.from({ length: 3_000 }, (_, index) => `${index}`.padEnd(1_800, '€'));
    for (const [ids, count] of [
      [['a', 'b'], 1],
      [long.map((id) => id.slice(0, 600)), 2],
    ] as const) {
      const records: readonly NewRecord[] = draftOf(ids).records(jsonCodec, 3);
      assert.equal(records.length, count);
      for (const { key, partition, topic } of records) assert.deepEqual([key, partition, topic], [null, 3, topics.dedupMarks.name]);
      const read = records.map(({ value }) => jsonCodec.decodeSync(value!).data as MarkBatch);
      assert.deepEqual(read.flatMap((batch) => batch.ids), ids); // prettier-ignore
      assert.ok(records.every(({ value }) => value!.length <= valueBytesMax));
      assert.ok(read.every((batch) => batch.atMs.length === batch.ids.length));
    }
  });

  it('let the store look at twice as many, so that it holds at most about twice those that count', () => {
    const [sweep] = draftOf(['a', 'b', 'c']).sweeps(nowMs + 5);
    const below = Buffer.alloc(8);
    below.writeDoubleBE(nowMs - ttlMs - markGraceMs);
    assert.deepEqual(sweep, { store: '#seen', below });
  });
});

describe('a topic for marks', () => {
  const withTopic = (topic: Topic): Topology => ({ ...passOnce, marks: { seen: { topic, ttlMs } } });

  it('must keep them as long as they count, and the grace', () => {
    assert.deepEqual(marksTopics(passOnce), { '#seen': topics.dedupMarks });
    assert.throws(() => marksTopics(withTopic({ ...topics.dedupMarks, retentionMs: ttlMs })), /keeps marks for 2592000000 ms/);
    assert.throws(() => marksTopics(withTopic(topics.catalog)), /is no topic for the marks of scanner/);
  });
});
