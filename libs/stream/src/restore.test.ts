import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type TypedRecord } from '@waybill/domain';
import type { EventLog, LogRecord } from './event-log.ts';
import { MemoryLog, MemoryStore } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { restore, type RestoreProgress } from './restore.ts';
import type { LoadChanges } from './state-store.ts';

const stores = { rows: topics.catalog, '#seen': topics.dedupMarks };
const row = (key: string, value: string | null) => {
  const place = { topic: topics.catalog.name, partition: 0 };
  return { ...place, key, value: value === null ? null : Buffer.from(value), headers: {} };
};
const marks = (...ids: readonly string[]) => {
  const batch = { type: 'MarkBatch', data: { ids, atMs: ids.map(() => 1) } } as unknown as TypedRecord;
  return { topic: topics.dedupMarks.name, partition: 0, key: null, value: jsonCodec.encode(batch), headers: {} };
};

const restoring = (log: EventLog, store: MemoryStore, onProgress?: (progress: RestoreProgress) => void) =>
  restore({ log, codec: jsonCodec, store, stores, partition: 0, nowMs: store.atMs, onProgress });

/** Gives one record at a time. */
const oneByOne = (log: MemoryLog): EventLog =>
  log.port({
    read: async ({ topic }, { from, to }, onRecords) => {
      for (let at = from; at < to; at++)
        await onRecords(
          (log.records.get(topic) ?? []).filter(({ offset }) => offset === at),
          at + 1,
        );
    },
  });

describe('a restore', () => {
  it('leaves the newest row per key and all marks, and stands at the end of every topic', async () => {
    const log = new MemoryLog();
    for (const record of [row('a', '1'), row('b', '2'), marks('x', 'y'), row('a', null), row('b', '3'), marks('z')]) log.append(record);
    const store = new MemoryStore();
    assert.equal(await restoring(oneByOne(log), store), 6);
    assert.deepEqual([...store.rows.keys()].toSorted(), ['#seen\0x', '#seen\0y', '#seen\0z', 'rows\0b']);
    assert.deepEqual(store.position().changelog, new Map([[topics.catalog.name, 4], [topics.dedupMarks.name, 2]])); // prettier-ignore
    assert.equal(await restoring(oneByOne(log), store), 0);
  });

  it('says how far it has come', async () => {
    const log = new MemoryLog();
    for (const key of ['a', 'b']) log.append(row(key, '1'));
    const seen: RestoreProgress[] = [];
    await restoring(oneByOne(log), new MemoryStore(), (progress) => seen.push(progress));
    const place = { topic: topics.catalog.name, partition: 0, from: 0, to: 2 };
    assert.deepEqual(seen, [{ ...place, at: 1 }, { ...place, at: 2 }]); // prettier-ignore
  });

  it('reads the next chunk while the store still writes the one before, but no further', async () => {
    const log = new MemoryLog();
    for (const key of ['a', 'b', 'c', 'd']) log.append(row(key, '1'));
    const disk = Promise.withResolvers<void>();
    const store = new MemoryStore();
    const load = store.load.bind(store);
    store.load = async (changes: LoadChanges) => {
      await disk.promise;
      await load(changes);
    };
    const given: number[] = [];
    const port = oneByOne(log);
    const counted: EventLog = {
      ...port,
      read: (place, range, onRecords) =>
        port.read(place, range, async (records: readonly LogRecord[], next) => {
          given.push(next);
          await onRecords(records, next);
        }),
    };
    const done = restoring(counted, store);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    assert.deepEqual(given, [1, 2]);
    disk.resolve();
    await done;
    assert.deepEqual(given, [1, 2, 3, 4]);
  });

  it('never stands beyond what it has loaded, also when it ends half-way', async () => {
    const log = new MemoryLog();
    for (const key of ['a', 'b', 'c']) log.append(row(key, '1'));
    const store = new MemoryStore();
    const load = store.load.bind(store);
    store.load = async (changes: LoadChanges) => {
      if (changes.rows.some(({ key }) => key.toString() === 'b')) throw new Error('disk full');
      await load(changes);
    };
    await assert.rejects(restoring(oneByOne(log), store), /disk full/);
    assert.deepEqual([...store.rows.keys()], ['rows\0a']);
    assert.equal(store.position().changelog.get(topics.catalog.name), 1);
  });
});
