import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { topics, type HeldRecord, type ReplicaState, type TypedRecord } from '@waybill/domain';
import { openStateStore } from '@waybill/state-store';
import { encodeSwap, type EventLog, type LogRecord, type StateStore, StreamError, swapOf } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import fc from 'fast-check';
import { fakeLog } from '../log.fixture.ts';
import { image, pushOf, target, wholeJourney } from '../push.fixture.ts';
import { memoryStore } from '../memory-store.fixture.ts';
import { groups } from '../status/groups.ts';
import { followedTopics, type LiveVersions, readLiveVersions } from './followed-topics.ts';
import { openReadModel } from './open.ts';
import { createProjector, type Projector } from './projector.ts';
import { readerOf } from './rows.ts';

/** All rows of the stores that endpoints read, for comparison. */
const dump = (store: StateStore): unknown =>
  [
    'steps',
    'events',
    'pushes',
    'tags',
    'decisions',
    'replicas',
    'copies',
    'jobs',
    'jobsByTime',
    'parked',
    'audit',
    'policies',
    'counters',
  ].map((name) => [...store.entries(name)].map(([key, value]) => [key, value.toString()]));

const heldData: HeldRecord = {
  ...{ topic: topics.imageEvents.name, partition: 0, offset: 7, timestampMs: 0, key: null, value: null, headers: [] },
  ...{ status: 'waiting', attempts: 1, code: null, reason: null, heldAtMs: 1, correlationId: 'c' },
};

/** What `wholeJourney` writes, per topic. */
async function recordsOfJourney(): Promise<readonly (readonly LogRecord[])[]> {
  const store = memoryStore();
  const log = fakeLog(store);
  const written: LogRecord[] = [];
  const append = log.projector.apply.bind(log.projector);
  Object.assign(log.projector, { apply: async (...args: Parameters<Projector['apply']>) => (written.push(...args[1]), append(...args)) });
  await wholeJourney(log);
  return [...Map.groupBy(written, ({ topic }) => topic).values()];
}

const projectorOf = (store: StateStore, skipped: string[] = [], live: LiveVersions = {}): Projector =>
  createProjector({ store, codec: jsonCodec, topics: followedTopics(live), onSkipped: (_, reason) => skipped.push(reason) });

describe('the read model', () => {
  it('is the same in whatever order topics are read, and however records are cut into chunks', async () => {
    const topicsRecords = await recordsOfJourney();
    const reference = memoryStore();
    for (const records of topicsRecords)
      for (const record of records) await projectorOf(reference).apply(record, [record], record.offset + 1);

    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), async (random) => {
        const store = memoryStore();
        const projector = projectorOf(store);
        const queues = topicsRecords.map((records) => [...records]);
        const applied: Promise<void>[] = [];
        for (let left = queues.filter((queue) => queue.length > 0); left.length > 0; left = queues.filter((queue) => queue.length > 0)) {
          const queue = left[random.next().value! % left.length]!;
          const chunk = queue.splice(0, 1 + (random.next().value! % queue.length));
          applied.push(projector.apply(chunk[0]!, chunk, chunk.at(-1)!.offset + 1));
          if (random.next().value! % 2 === 0) await Promise.all(applied);
        }
        await Promise.all(applied);
        assert.deepEqual(dump(store), dump(reference));
      }),
      { numRuns: 40 },
    );
  });

  it('takes chunks that arrive during a commit into the next one', async () => {
    const store = memoryStore();
    const projector = projectorOf(store);
    const record: LogRecord = {
      topic: topics.catalog.name,
      partition: 0,
      offset: 0,
      timestampMs: 0,
      key: Buffer.from('k'),
      value: null,
      headers: {},
    };
    await Promise.all(
      Array.from({ length: 20 }, (_, partition) => projector.apply({ ...record, partition }, [{ ...record, partition }], 1)),
    );
    assert.ok(store.commits() <= 2, `${store.commits()} commits for 20 chunks`);
    assert.equal(projector.next({ topic: record.topic, partition: 19 }), 1);
  });

  it('passes over what cannot be read, and goes on', async () => {
    const log = fakeLog();
    const bare = { timestampMs: 0, key: Buffer.from('k'), value: Buffer.from('garbage'), headers: {} };
    await log.append(topics.images, bare);
    await log.append(topics.images, { ...bare, value: null });
    await log.append(topics.catalog, bare);
    await log.append(topics.catalog, { ...bare, key: null, value: null });
    await log.append(topics.catalog, { ...bare, key: Buffer.alloc(3_000, 'k'), value: null });
    await pushOf(log).pushed();
    assert.equal(log.skipped.length, 5);
    assert.equal([...log.reader.entries('steps')].length, 1);
    assert.equal(log.projector.next({ topic: topics.images.name, partition: 0 }), 2);
  });

  it('keeps ids and keys of any length below the bound of the local store', async () => {
    const folder = mkdtempSync(`${tmpdir()}/waybill-api-`);
    const log = fakeLog(await openStateStore(folder));
    const id = 'x'.repeat(5_000);
    await log.event(topics.parked, 'RecordParked', parkedData({ app: id, topic: id, code: id }), { id });
    await pushOf(log, id).pushed();
    assert.equal([...log.reader.entries('steps')].length, 2);
    await log.store.close();
    rmSync(folder, { recursive: true });
  });

  it('ends when the store fails, and never says that a later chunk was kept', async () => {
    const memory = memoryStore();
    const answers = [() => Promise.reject(new StreamError('STORE_FAILED', 'disk full'))];
    const store: StateStore = { ...memory, commit: (changes) => (answers.pop() ?? (() => memory.commit(changes)))() };
    const projector = projectorOf(store);
    const at = { topic: topics.catalog.name, partition: 0 };
    await assert.rejects(projector.apply(at, [], 1), /disk full/);
    await assert.rejects(projector.apply(at, [], 2), /disk full/);
    assert.equal(projector.next(at), undefined);
  });

  it('sees within a chunk what the chunk has changed', async () => {
    const [twice] = (await recordsOfJourney()).filter(([record]) => record?.topic === topics.imageEvents.name);
    const store = memoryStore();
    await projectorOf(store).apply(twice![0]!, [twice![0]!, { ...twice![0]!, offset: 1 }], 2);
    assert.deepEqual(
      [...readerOf(store).entries('steps')].map(([, step]) => step.timesLogged),
      [2],
    );
  });

  it('goes on where its folder says, and starts anew on another log', async () => {
    const folder = mkdtempSync(`${tmpdir()}/waybill-api-`);
    const end = { bounds: async () => ({ first: 0, end: 1 }) };
    const resets: string[] = [];
    const open = (log = end) => openReadModel(folder, log, (reason) => resets.push(reason));

    const first = await open();
    await pushOf(fakeLog(first)).pushed();
    await first.close();

    const second = await open();
    const at = { topic: topics.imageEvents.name, partition: 0 };
    assert.equal(projectorOf(second).next(at), 1);
    assert.equal([...second.entries('steps')].length, 1);
    await second.close();
    assert.deepEqual(resets, []);

    const third = await open({ bounds: async () => ({ first: 0, end: 0 }) });
    assert.equal(projectorOf(third).next(at), undefined);
    assert.equal([...third.entries('steps')].length, 0);
    assert.deepEqual(resets, [`position 1 of ${at.topic}/0 lies beyond its end 0`]);
    await third.close();
    rmSync(folder, { recursive: true });
  });
});

describe('topics', () => {
  it('that a group reads are all followed: what is behind its last record is told from its lag by them', () => {
    const followed = new Set(followedTopics().values());
    for (const [group, inputs] of Object.entries(groups))
      for (const topic of inputs) assert.ok(followed.has(topic), `${group} reads ${topic.name}`);
  });
});

describe('versions of an app side by side', () => {
  const live = { dedup: 2, policy: 1, usage: 1 };
  const entry = (tag: string) => jsonCodec.encode({ type: 'TagEntry', data: { tag } } as unknown as TypedRecord);
  const rowOf = (topic: string, key: string, value: Buffer | null): LogRecord => ({
    ...{ topic, partition: 0, offset: 0, timestampMs: 0, key: Buffer.from(key), value, headers: {} },
  });

  it('are told apart by what the log says, before the first swap too', async () => {
    const swap = swapOf({ app: 'dedup', liveVersion: 1, formerVersions: [] }, { to: 2, changedBy: 'ann', reason: 'r', changedAtMs: 1 });
    const records: LogRecord[] = [];
    const log = {
      partitionOf: () => 0,
      bounds: async () => ({ first: 0, end: records.length }),
      read: async (_place, _range, onRecords) => onRecords(records, records.length),
    } as Partial<EventLog> as EventLog;
    assert.deepEqual(await readLiveVersions(log, jsonCodec), { dedup: 1, policy: 1, usage: 1 });
    const { topic, partition, key, value, headers } = encodeSwap(jsonCodec, log, swap);
    records.push({ topic, partition, offset: 0, timestampMs: 0, key: Buffer.from(key!), value, headers });
    assert.deepEqual(await readLiveVersions(log, jsonCodec), live);
  });

  it('are shown as the live one has them: its rows are read, and no others', async () => {
    const names = [...followedTopics(live).keys()];
    for (const name of ['waybill.catalog.v2', 'waybill.dedup-held.v2', 'waybill.decision-state.v1', topics.imageEvents.name])
      assert.ok(names.includes(name), name);
    assert.ok(!names.includes(topics.catalog.name) && !names.includes(topics.dedupHeld.name));
    assert.equal(names.length, followedTopics().size);

    const [store, skipped] = [memoryStore(), [] as string[]];
    const projector = projectorOf(store, skipped, live);
    const held = { ...heldData, status: 'parked' as const, code: 'STAGE_FAILED', reason: 'no tag' };
    for (const record of [
      rowOf('waybill.catalog.v2', 'a/b:1', entry('1')),
      rowOf('waybill.dedup-held.v2', 'waybill.image-events.v1/0/7', jsonCodec.encode({ type: 'HeldRecord', data: held })),
      rowOf(topics.catalog.name, 'a/b:old', entry('old')),
    ])
      await projector.apply(record, [record], 1);
    assert.deepEqual([...readerOf(store).entries('tags')].map(([key]) => key), ['a/b:1']); // prettier-ignore
    assert.deepEqual([...readerOf(store).entries('aside')].map(([, { app }]) => app), ['dedup']); // prettier-ignore
    assert.deepEqual(skipped, ['it is of a topic that is not followed']);
  });

  it('have a model each, which is there again after a swap back', async () => {
    const folder = mkdtempSync(`${tmpdir()}/waybill-api-`);
    const open = (versions: LiveVersions) =>
      openReadModel(folder, { bounds: async () => ({ first: 0, end: 9 }) }, () => assert.fail('reset'), versions);
    const fold = async (versions: LiveVersions, topic: string, key: string) => {
      const store = await open(versions);
      const record = rowOf(topic, key, entry(key));
      await projectorOf(store, [], versions).apply(record, [record], 1);
      const keys = [...readerOf(store).entries('tags')].map(([each]) => each);
      await store.close();
      return keys;
    };
    assert.deepEqual(await fold({}, topics.catalog.name, 'one'), ['one']);
    assert.deepEqual(await fold(live, 'waybill.catalog.v2', 'two'), ['two']);
    assert.deepEqual(await fold({ dedup: 1, policy: 1 }, topics.catalog.name, 'more'), ['more', 'one']);
    rmSync(folder, { recursive: true });
  });
});

describe('counters', () => {
  it('count parked records and jobs, also when rows change and go', async () => {
    const log = fakeLog();
    await log.event(topics.parked, 'RecordParked', parkedData({}), { id: 'p1' });
    await log.event(topics.parked, 'RecordParked', parkedData({ offset: 8 }), { id: 'p2' });
    const job = {
      id: 'j',
      kind: 'copy',
      key: 'k',
      attempt: 0,
      priority: 0,
      notBeforeMs: 0,
      host: null,
      payload: '{}',
      lastError: null,
      causeId: 'c',
    };
    const row = (status: string) => ({
      type: 'Job' as const,
      data: { ...job, status, correlationId: 'c', traceparent: null, createdAtMs: 0 },
    });
    await log.row(topics.replicatorJobs, 'j', row('due'));
    await log.row(topics.replicatorJobs, 'i', row('due'));
    await log.row(topics.replicatorJobs, 'j', row('parked'));
    await log.row(topics.replicatorJobs, 'i', null);
    assert.deepEqual(Object.fromEntries(log.reader.entries('counters')), {
      'parked|gateway|UNPARSEABLE|': 2,
      'jobs|replicator|due|': 0,
      'jobs|replicator|parked|': 1,
    });
  });

  it('a target keeps a row per source that leads to it, as their partitions do', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    const [[, row]] = [...log.reader.entries('replicas')] as [[string, ReplicaState]];
    const data = { ...row, registry: row.targetRegistry, reason: 'is its own target' };
    const place = { topic: topics.replicaState.name, partition: 1 };
    const value = jsonCodec.encode({ type: 'ReplicaState', data });
    const record = { ...place, offset: 0, timestampMs: 0, key: Buffer.from(target), value, headers: {} };
    await log.projector.apply(place, [record], 1);
    const copies = [...log.reader.entries('copies')].map(([key]) => key.slice(0, key.indexOf('|')));
    assert.deepEqual(copies, [image, target]);
  });

  it('a tombstone takes a row out of every index', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    await log.row(topics.replicaState, target, null);
    await log.row(topics.decisionState, image, null);
    for (const store of ['replicas', 'copies', 'decisions'] as const) assert.deepEqual([...log.reader.entries(store)], [], store);
  });
});

function parkedData(change: object) {
  return {
    ...{
      app: 'gateway',
      topic: topics.deliveries.name,
      partition: 0,
      offset: 7,
      timestampMs: 0,
      key: null,
      value: Buffer.from('{'),
      headers: [],
    },
    ...{ code: 'UNPARSEABLE', reason: 'no JSON', parkedAtMs: 1_000 },
    ...change,
  };
}
