import assert from 'node:assert/strict';
import type { EventLog, Offsets, TopicPartition } from '../event-log.ts';
import { eventually, readAll, readSome, recordOf, textOf, type Rules } from './subject.ts';

const longValueBytes = 4 * 1_048_576 + 100;
const endOf = async (log: EventLog, place: TopicPartition): Promise<number> => (await log.bounds(place)).end;

export const writeRules: Rules = {
  async 'records and offsets together, every byte as it was given'(subject, open) {
    const log = await open();
    const [events, others] = subject.topics;
    const [own, other] = [{ topic: events, partition: 0 }, { topic: others, partition: log.partitions - 1 }]; // prettier-ignore
    const [from, otherFrom] = [await endOf(log, own), await endOf(log, other)];
    const [group, bytes] = [subject.newName(), Buffer.from([0, 0xff, 0xc3, 0x28])];
    const records = [
      recordOf(own, 'k', 'v', { text: Buffer.from('é'), bytes, empty: Buffer.alloc(0) }),
      { ...recordOf(own, null, null), headers: {} },
      { ...recordOf(own, '', ''), value: bytes },
      recordOf(other, 'k', 'v'),
    ];
    const writer = await log.openWriter(group, 0);
    const consumed: Offsets = new Map([[events, 5], [others, 7]]); // prettier-ignore
    const next = await writer.commit({ records, consumed, partition: 0 });
    const [first, second, third] = await readSome(subject, log, own, from, 3);
    assert.equal(next.get(events), third!.offset + 1);
    assert.deepEqual([first!.key, first!.value], [Buffer.from('k'), Buffer.from('v')]);
    assert.deepEqual({ ...first!.headers }, { text: Buffer.from('é'), bytes, empty: Buffer.alloc(0) });
    assert.deepEqual([second!.key, second!.value, { ...second!.headers }], [null, null, {}]);
    assert.deepEqual([third!.key, third!.value], [Buffer.alloc(0), bytes]);
    assert.equal((await readSome(subject, log, other, otherFrom, 1)).length, 1);
    const committed = async (): Promise<Offsets> => log.committed(group, [events, others, subject.topics[2]], 0);
    await eventually(subject, 'the offsets', async () => (await committed()).size === 2);
    assert.deepEqual(await committed(), consumed);
    assert.deepEqual(await log.committed(group, [events, others], 1), new Map());
  },

  async 'all of a transaction or nothing, and nothing more with a writer that has failed'(subject, open) {
    const log = await open();
    const [events, others] = subject.topics;
    const [place, other] = [{ topic: events, partition: 0 }, { topic: others, partition: 0 }]; // prettier-ignore
    const from = await endOf(log, place);
    const group = subject.newName();
    const writer = await log.openWriter(group, 0);
    const long = { ...recordOf(other, 'long', ''), value: Buffer.alloc(longValueBytes) };
    const refused = { records: [recordOf(place, 'refused', ''), long], consumed: new Map([[events, 9]]), partition: 0 };
    await assert.rejects(writer.commit(refused), { code: 'RECORD_REFUSED' });
    await assert.rejects(writer.commit({ ...refused, records: [recordOf(place, 'after', '')] }), { code: 'COMMIT_UNCERTAIN' });
    const successor = await log.openWriter(group, 0);
    await successor.commit({ records: [recordOf(place, 'good', '')], consumed: new Map(), partition: 0 });
    assert.deepEqual((await readSome(subject, log, place, from, 1)).map(textOf), ['good=']);
    assert.deepEqual(await log.committed(group, [events], 0), new Map());
  },

  async 'one after the other, in the order given, with the offsets of each behind those before'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[0], partition: 0 };
    const from = await endOf(log, place);
    const group = subject.newName();
    const writer = await log.openWriter(group, 0);
    for (let round = 0; round < 3; round++) {
      const records = Array.from({ length: 4 }, (_, index) => recordOf(place, `${round}`, `${index}`));
      await writer.commit({ records, consumed: new Map([[place.topic, round + 1]]), partition: 0 });
    }
    const expected = [0, 1, 2].flatMap((round) => [0, 1, 2, 3].map((index) => `${round}=${index}`));
    assert.deepEqual((await readSome(subject, log, place, from, 12)).map(textOf), expected);
    await log.openWriter(group, 0); // Waits for the end of what the one before has done.
    assert.deepEqual(await log.committed(group, [place.topic], 0), new Map([[place.topic, 3]]));
  },

  async 'no more through a writer that another one has followed'(subject, open) {
    const [log, elsewhere] = [await open(), await open()];
    const place = { topic: subject.topics[0], partition: 0 };
    const from = await endOf(log, place);
    const group = subject.newName();
    const transactionOf = (name: string) => ({
      records: [recordOf(place, name, '')],
      consumed: new Map([[place.topic, name.length]]),
      partition: 0,
    });
    const zombie = await log.openWriter(group, 0);
    await zombie.commit(transactionOf('before'));
    const [beside, foreign] = [await log.openWriter(group, 1), await log.openWriter(subject.newName(), 0)];
    const successor = await elsewhere.openWriter(group, 0);
    await assert.rejects(zombie.commit(transactionOf('zombie')), { code: 'FENCED' });
    await successor.commit(transactionOf('successor'));
    await Promise.all([beside, foreign].map((writer) => writer.commit({ ...transactionOf(''), consumed: new Map() })));
    const keys = (await readSome(subject, log, place, from, 4)).map(({ key }) => key!.toString());
    assert.deepEqual(keys.toSorted(), ['', '', 'before', 'successor']);
    await elsewhere.openWriter(group, 0); // Waits for the end of what the one before has done.
    assert.deepEqual(await elsewhere.committed(group, [place.topic], 0), new Map([[place.topic, 'successor'.length]]));
  },

  async 'nothing for nothing'(subject, open) {
    const log = await open();
    const writer = await log.openWriter(subject.newName(), 0);
    assert.deepEqual(await writer.commit({ records: [], consumed: new Map(), partition: 0 }), new Map());
    await writer.close();
    await assert.rejects(writer.commit({ records: [], consumed: new Map([['t', 1]]), partition: 0 }), { code: 'COMMIT_UNCERTAIN' });
  },

  async "keys to the partitions where Kafka's default partitioner puts them"(subject, open) {
    const log = await open();
    // From Kafka's own test of murmur2, `UtilsTest`.
    const hashes = { '21': -973_932_308, foobar: -790_332_482, 'a-little-bit-long-string': -985_981_536, abc: 479_470_107 };
    for (const [key, hash] of Object.entries(hashes)) assert.equal(log.partitionOf(key), (hash & 0x7fffffff) % log.partitions);
    const place = { topic: subject.topics[0], partition: 0 };
    assert.deepEqual(await readAll(log, place, { from: 0, to: 0 }), []);
  },
};
