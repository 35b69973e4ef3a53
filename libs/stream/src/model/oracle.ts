import assert from 'node:assert/strict';
import { topics, type Topic } from '@waybill/domain';
import { jobStore } from '../draft.ts';
import { heldStore } from '../held.ts';
import { findTime, marksPuts, marksStore } from '../marks.ts';
import type { LogRecord } from '../event-log.ts';
import { jsonCodec } from './json-codec.ts';
import { isHopeless, isTimed, isWork, modelTopics, type KeyRow, type Occurrence, type Outcome } from './workload.ts';
import type { Process, World } from './world.ts';

/** What a read-committed reader has seen, by topic/partition. */
export type Seen = ReadonlyMap<string, readonly LogRecord[]>;

export type Evidence = {
  readonly world: World;
  /** The last owners of all partitions; they have closed. */
  readonly owners: readonly Pick<Process, 'disk' | 'partitions'>[];
  readonly seen: Seen;
  /** Occurrences whose work has reached its end in a run. */
  readonly effects: ReadonlySet<string>;
};

const byOffset = (records: readonly LogRecord[]): readonly LogRecord[] => records.toSorted((a, b) => a.offset - b.offset);
const dataOf = (record: LogRecord): unknown => jsonCodec.decodeSync(record.value!).data;

/** The end of every schedule. @throws AssertionError that says what is wrong first */
export async function assertExactlyOnce(evidence: Evidence): Promise<void> {
  const { world } = evidence;
  assert.deepEqual(world.violations, []);
  const inputs = [modelTopics.left, modelTopics.right].flatMap((topic) => committed(world, topic));
  const readable = inputs.filter(({ headers }) => headers['ce_id']!.toString() !== 'poison');
  const occurrences = new Map(readable.map((record) => dataOf(record) as Occurrence).map((each) => [each.id, each]));
  const order = Map.groupBy(occurrences.values(), ({ key }) => key);

  assertTaken(world, order);
  assertOutcomes(evidence, [...occurrences.values()]);
  assertParked(world, inputs.filter((record) => !readable.includes(record))); // prettier-ignore
  await assertRows(
    evidence,
    order,
    Map.groupBy(readable, ({ key }) => key!.toString()),
  );
  assertReader(evidence);
}

/** What cannot be read is told once, and given up; what the stage has stumbled over is told after each try. */
function assertParked(world: World, poison: readonly LogRecord[]): void {
  const parked = committed(world, topics.parked);
  const places = parked.map((record) => dataOf(record) as Place & { readonly code: string });
  const unreadable = places.filter(({ code }) => code === 'RECORD_UNDECODABLE');
  assert.deepEqual(unreadable.map(placeName).toSorted(), poison.map(placeName).toSorted(), 'parked is what cannot be read, once each');
  const ids = parked.map(({ headers }) => headers['ce_id']!.toString());
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) < index), [], 'each try is told once'); // prettier-ignore
}

type Place = { readonly topic: string; readonly partition: number; readonly offset: number };
const placeName = ({ topic, partition, offset }: Place): string => `${topic}/${partition}/${offset}`;

/** All that was ever committed to a topic, partition by partition in order. */
function committed(world: World, topic: Topic): readonly LogRecord[] {
  return world.broker.topic(topic.name).flatMap(({ history }) => byOffset(history));
}

function assertTaken(world: World, order: ByKey<Occurrence>): void {
  const taken = committed(world, modelTopics.taken);
  const found = Map.groupBy(taken, ({ key }) => key!.toString());
  for (const key of new Set([...order.keys(), ...found.keys()])) {
    const ids = (found.get(key) ?? []).map((record) => (dataOf(record) as Occurrence).id);
    const expected = (order.get(key) ?? []).map(({ id }) => id);
    assert.deepEqual(ids, expected, `each occurrence of ${key} is passed on once, in order`);
  }
  const ids = [...taken, ...committed(world, modelTopics.outcomes)].map(({ headers }) => headers['ce_id']!.toString());
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) < index), [], 'ids of events are unique'); // prettier-ignore
}

function assertOutcomes({ world, effects }: Evidence, occurrences: readonly Occurrence[]): void {
  const outcomes = committed(world, modelTopics.outcomes).map((record) => dataOf(record) as Outcome);
  const works = occurrences.filter(isWork);
  const ends = works.map((work): Outcome => ({ id: work.id, outcome: isHopeless(work) ? 'failed' : 'done' }));
  const expected = [...ends, ...occurrences.filter(isTimed).map(({ id }): Outcome => ({ id, outcome: 'rung' }))];
  const sorted = (list: readonly Outcome[]): readonly Outcome[] => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  assert.deepEqual(sorted(outcomes), sorted(expected), 'the end of each work is told once, and each timer comes once');
  const without = works.filter((work) => !isHopeless(work) && !effects.has(work.id));
  assert.deepEqual(without, [], 'what is told as done has been done');
}

type ByKey<T> = ReadonlyMap<string, readonly T[]>;

async function assertRows({ world, owners }: Evidence, order: ByKey<Occurrence>, read: ByKey<LogRecord>): Promise<void> {
  const own = { [heldStore]: modelTopics.held, [jobStore]: modelTopics.jobs };
  const stores = { keys: modelTopics.keys, open: modelTopics.open, [marksStore('seen')]: modelTopics.seen, ...own };
  const rows = new Map<string, KeyRow>();
  for (let partition = 0; partition < world.broker.partitionCount; partition++) {
    const owner = owners.filter((process) => process.partitions.includes(partition));
    assert.equal(owner.length, 1, `partition ${partition} has one owner`);
    const durable = owner[0]!.disk.durable('model', partition);
    for (const [store, topic] of Object.entries(stores)) {
      const folded = await fold(world, topic, partition, store);
      const local = [...durable.rows].flatMap(([name, value]) =>
        name.startsWith(`${store}\0`) ? [[name.slice(store.length + 1), value] as const] : [],
      );
      const text = (entries: Iterable<readonly [string, Buffer]>): readonly string[] =>
        [...entries].map(([key, value]) => `${key}: ${findTime(value) ?? value.toString()}`).toSorted();
      assert.deepEqual(text(local), text(folded), `${store} of partition ${partition} is the fold of its topic`);
      if (store === 'keys') for (const [key, value] of folded) rows.set(key, jsonCodec.decodeSync(value).data as unknown as KeyRow);
      if (store === 'open' || store in own) assert.deepEqual([...folded.keys()], [], `no row of ${store} is left`);
    }
  }
  assert.deepEqual([...rows.keys()].toSorted(), [...order.keys()].toSorted(), 'a row per key');
  for (const [key, { read: offsets, taken, ended }] of rows) {
    const all = read.get(key)!.map(({ offset }) => offset);
    assert.deepEqual(offsets, all, `each record of ${key} is read once, in order`);
    const expected = order.get(key)!;
    assert.deepEqual(taken, expected.map(({ id }) => id), `the row of ${key} is the fold of its occurrences`); // prettier-ignore
    const works = expected.filter((one) => isWork(one) || isTimed(one)).map(({ id }) => id);
    assert.deepEqual(ended.toSorted(), works.toSorted(), `the row of ${key} knows the end of each work`);
  }
}

async function fold(world: World, topic: Topic, partition: number, store: string): Promise<ReadonlyMap<string, Buffer>> {
  const rows = new Map<string, Buffer>();
  const source = world.broker.partition({ topic: topic.name, partition });
  const { records } = source.fetch(source.first, Number.POSITIVE_INFINITY);
  const puts =
    topic.kind === 'marks'
      ? await marksPuts(jsonCodec, store, records)
      : records.map(({ key, value }) => ({ store, key: key!.toString(), value }));
  for (const { key, value } of puts) {
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  return rows;
}

/** Event topics are seen whole; of a compacted one the reader may have missed what was gone when it came by. */
function assertReader({ world, seen }: Evidence): void {
  for (const topic of [...Object.values(modelTopics), topics.parked]) {
    for (const { place, history } of world.broker.topic(topic.name)) {
      const name = `${place.topic}/${place.partition}`;
      const offsets = (seen.get(name) ?? []).map(({ offset }) => offset);
      const all = byOffset(history).map(({ offset }) => offset);
      const expected = topic.kind === 'state' ? all.filter((offset) => offsets.includes(offset)) : all;
      assert.deepEqual(offsets, expected, `a reader of ${name} has seen what is committed, in order`);
    }
  }
}
