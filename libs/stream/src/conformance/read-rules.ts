import assert from 'node:assert/strict';
import type { LogRecord, NewRecord } from '../event-log.ts';
import { eventually, readAll, readSome, recordOf, textOf, type Rules } from './subject.ts';

/** Long enough that a fetch ends in the middle of transactions. */
const filler = 'x'.repeat(300_000);

export const readRules: Rules = {
  /** Three transactions over each other, the first begun not the first ended, with keys that look like control records. */
  async 'what is committed, never what was aborted, however transactions lie over each other'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[0], partition: 0 };
    const { end: from } = await log.bounds(place);
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(() => subject.begin(subject.newName())));
    const step = (transaction: typeof a, name: string) => transaction!.append([recordOf(place, '\0\0\0\0', `${name}${filler}`)]);
    for (const name of ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']) await step({ a, b, c }[name[0]!], name);
    await b!.abort();
    for (const name of ['a4', 'c2', 'c3', 'a5']) await step({ a, c }[name[0]!], name);
    await c!.commit();
    await step(a, 'a6');
    await a!.abort();
    const last = await subject.begin(subject.newName());
    await step(last, 'last');
    await last.commit();
    const records = await readSome(subject, log, place, from, 4);
    const names = (found: readonly LogRecord[]) => found.map(({ value }) => value!.toString().replace(filler, ''));
    assert.deepEqual(names(records), ['c1', 'c2', 'c3', 'last']);
    const { end } = await log.bounds(place);
    for (let at = from + 1; at < end; at++) {
      const rest = await readAll(log, place, { from: at, to: end });
      assert.deepEqual(names(rest), names(records.filter(({ offset }) => offset >= at)), `from offset ${at} on`);
    }
  },

  async 'nothing that is still open, and nothing behind it'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[0], partition: 0 };
    const before = await log.bounds(place);
    const [pending, done] = [await subject.begin(subject.newName()), await subject.begin(subject.newName())];
    await pending.append([recordOf(place, 'pending', '')]);
    await done.append([recordOf(place, 'done', '')]);
    await done.commit();
    assert.equal((await log.bounds(place)).end, before.end);
    await pending.commit();
    assert.deepEqual((await readSome(subject, log, place, before.end, 2)).map(textOf), ['pending=', 'done=']);
  },

  async 'whether a transaction lies open at the end of a partition, until the last such has ended either way'(subject, open) {
    const log = await open();
    const [events, others] = subject.topics;
    const [place, beside, elsewhere] = [
      { topic: events, partition: 0 },
      { topic: events, partition: 1 },
      { topic: others, partition: 0 },
    ];
    const isOpen = () => Promise.all([place, beside, elsewhere].map((each) => log.hasOpenTransaction(each)));
    const [none, first, both] = [[false, false, false], [true, false, false], [true, false, true]]; // prettier-ignore
    const becomes = (expected: readonly boolean[]) =>
      eventually(subject, String(expected), async () => String(await isOpen()) === String(expected));
    await becomes(none);
    const [early, late] = [await subject.begin(subject.newName()), await subject.begin(subject.newName())];
    await early.append([recordOf(place, 'early', '')]);
    assert.deepEqual(await isOpen(), first);
    await late.append([recordOf(place, 'late', ''), recordOf(elsewhere, 'late', '')]);
    assert.deepEqual(await isOpen(), both);
    await late.commit();
    await becomes(first);
    await early.abort();
    await becomes(none);
    const { end } = await log.bounds(place);
    const writer = await log.openWriter(subject.newName(), place.partition);
    await writer.commit({ records: [recordOf(place, 'whole', '')], consumed: new Map(), partition: place.partition });
    await readSome(subject, log, place, end, 1);
    assert.deepEqual(await isOpen(), none);
  },

  async 'to the end of a range and no further, also where only control records are left'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[0], partition: 0 };
    const { end: from } = await log.bounds(place);
    const aborted = await subject.begin(subject.newName());
    const committed = await subject.begin(subject.newName());
    await committed.append([recordOf(place, '1', ''), recordOf(place, '2', ''), recordOf(place, '3', '')]);
    await committed.commit();
    await aborted.append([recordOf(place, 'aborted', '')]);
    await aborted.abort();
    await eventually(subject, 'both markers', async () => (await log.bounds(place)).end === from + 6);
    assert.deepEqual((await readAll(log, place, { from, to: from + 6 })).map(textOf), ['1=', '2=', '3=']);
    assert.deepEqual((await readAll(log, place, { from, to: from + 2 })).map(textOf), ['1=', '2=']);
    assert.deepEqual((await readAll(log, place, { from: from + 1, to: from + 3 })).map(textOf), ['2=', '3=']);
    assert.deepEqual(await readAll(log, place, { from: from + 3, to: from + 6 }), []);
    assert.deepEqual(await readAll(log, place, { from: from + 2, to: from + 2 }), []);
  },

  async 'nothing more once it is told to end, though more has been fetched by then'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[0], partition: 0 };
    const { end: from } = await log.bounds(place);
    const writer = await log.openWriter(subject.newName(), place.partition);
    const records = Array.from({ length: 12 }, (_, index) => recordOf(place, `${index}`, filler));
    await writer.commit({ records, consumed: new Map(), partition: place.partition });
    await readSome(subject, log, place, from, records.length);
    const [ending, enough] = [new AbortController(), new Error('enough')];
    let chunksCount = 0;
    const onRecords = async (): Promise<void> => {
      chunksCount += 1;
      await subject.sleep(500); // Time to fetch what comes next.
      ending.abort(enough);
    };
    await assert.rejects(log.read(place, { from, to: from + records.length }, onRecords, ending.signal), enough);
    assert.equal(chunksCount, 1);
  },

  /** Of times that are still to come: the ends of transactions have times too, those of the broker. */
  async 'from a time on: the first record of that time or later, also where a later one is older'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[1], partition: 0 };
    const { end } = await log.bounds(place);
    const append = async (...records: readonly NewRecord[]): Promise<void> => {
      const transaction = await subject.begin(subject.newName());
      await transaction.append(records);
      await transaction.commit();
    };
    await append(recordOf(place, 'now', ''));
    const aheadMs = (await readSome(subject, log, place, end, 1))[0]!.timestampMs + 60_000;
    const recordAt = (ms: number): NewRecord => ({ ...recordOf(place, 'later', ''), timestampMs: aheadMs + ms });
    await append(recordAt(100), recordAt(300), recordAt(200), recordAt(400));
    const offsets = (await readSome(subject, log, place, end, 5)).map(({ offset }) => offset);
    const at = async (ms: number) => offsets.indexOf(await log.offsetAt(place, aheadMs + ms));
    assert.deepEqual(await Promise.all([at(0), at(100), at(101), at(300), at(301), at(400)]), [1, 1, 2, 2, 4, 4]);
    await eventually(subject, 'the end', async () => (await log.offsetAt(place, aheadMs + 401)) === (await log.bounds(place)).end);
  },

  async 'a compacted topic to its end, over what is no longer there'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[2], partition: 1 % log.partitions };
    const { end: from } = await log.bounds(place);
    const writer = await log.openWriter(subject.newName(), place.partition);
    const put = (key: string, value: string | null) =>
      writer.commit({ records: [recordOf(place, key, value)], consumed: new Map(), partition: place.partition });
    for (let round = 0; round < 5; round++) for (const key of ['a', 'b', 'c']) await put(key, `${round}`);
    const last = (await put('b', null)).get(place.topic)!;
    await eventually(subject, 'all to be committed', async () => (await log.bounds(place)).end >= last);
    await subject.compact(place);
    const { end } = await log.bounds(place);
    const records = await readAll(log, place, { from, to: end });
    const newest = new Map(records.map((record) => [record.key!.toString(), record.value?.toString() ?? null]));
    if (newest.get('b') === null) newest.delete('b');
    newest.delete('filler');
    assert.deepEqual(newest, new Map([['a', '4'], ['c', '4']])); // prettier-ignore
    assert.ok(records.filter(({ key }) => key!.toString() !== 'filler').length < 16, 'something has been compacted away');
  },

  async 'nothing in place of what retention has removed: that is an error'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[1], partition: 2 % log.partitions };
    const { end: from } = await log.bounds(place);
    const writer = await log.openWriter(subject.newName(), place.partition);
    const records = ['1', '2', '3'].map((key) => recordOf(place, key, ''));
    await writer.commit({ records, consumed: new Map(), partition: place.partition });
    await readSome(subject, log, place, from, 3);
    await subject.expire(place, from + 2);
    const { first, end } = await log.bounds(place);
    assert.equal(first, from + 2);
    assert.deepEqual((await readAll(log, place, { from: first, to: end })).map(textOf), ['3=']);
    await assert.rejects(readAll(log, place, { from, to: end }), { code: 'OFFSET_EXPIRED' });
  },

  async 'topics without a group: from where it is told, says once when it has caught up, and goes on'(subject, open) {
    const log = await open();
    const topic = subject.topics[1];
    const places = Array.from({ length: log.partitions }, (_, partition) => ({ topic, partition }));
    const ends = await Promise.all(places.map(async (place) => (await log.bounds(place)).end));
    const append = async (name: string): Promise<void> => {
      const transaction = await subject.begin(subject.newName());
      await transaction.append(places.map((place) => recordOf(place, name, '')));
      await transaction.commit();
    };
    await append('before');
    await Promise.all(places.map((place, index) => readSome(subject, log, place, ends[index]!, 1)));
    const [seen, next, closing] = [[] as string[], new Map<number, number>(), new AbortController()];
    let caughtUpCount = 0;
    const following = log.follow({
      topics: [topic],
      from: ({ partition }) => ends[partition],
      onRecords({ partition }, records, reached) {
        assert.ok(reached > (next.get(partition) ?? 0));
        next.set(partition, reached);
        seen.push(...records.map(textOf));
      },
      onCaughtUp() {
        caughtUpCount += 1;
        assert.deepEqual(seen, places.map(() => 'before=')); // prettier-ignore
      },
      signal: closing.signal,
    });
    await eventually(subject, 'catching up', () => caughtUpCount > 0);
    await append('after');
    await eventually(subject, 'what comes later', () => seen.length === 2 * places.length);
    closing.abort(new Error('enough'));
    await following;
    assert.equal(caughtUpCount, 1);
    assert.deepEqual(seen, [...places.map(() => 'before='), ...places.map(() => 'after=')]);
  },
};
