import assert from 'node:assert/strict';
import { StreamError } from '../errors.ts';
import type { EventLog, LogRecord } from '../event-log.ts';
import { eventually, join, recordOf, textOf, type Member, type Subject, type Rules } from './subject.ts';

const allOf = ({ partitions }: EventLog): readonly number[] => Array.from({ length: partitions }, (_, partition) => partition);
const owned = (members: readonly Member[]): readonly number[] =>
  members.flatMap(({ assignments }) => assignments.at(-1) ?? []).toSorted((a, b) => a - b);

async function append(subject: Subject, log: EventLog, topics: readonly string[], values: readonly string[]): Promise<void> {
  const transaction = await subject.begin(subject.newName());
  const places = topics.flatMap((topic) => allOf(log).map((partition) => ({ topic, partition })));
  await transaction.append(places.flatMap((place) => values.map((value) => recordOf(place, `${place.topic}/${place.partition}`, value))));
  await transaction.commit();
}

export const groupRules: Rules = {
  async 'share all partition numbers among them, and take over what one leaves'(subject, open) {
    const [log, elsewhere] = [await open(), await open()];
    const [group, topics] = [subject.newName(), subject.topics.slice(0, 2)];
    const first = await join(log, { group, instance: 'first', topics });
    await eventually(subject, 'all for the first', () => owned([first]).length === log.partitions);
    const second = await join(elsewhere, { group, instance: 'second', topics });
    const isShared = (): boolean =>
      (second.assignments.at(-1)?.length ?? 0) === Math.floor(log.partitions / 2) && owned([first, second]).length === log.partitions;
    await eventually(subject, 'a fair share each', isShared);
    assert.deepEqual(owned([first, second]), allOf(log));
    const kept = first.assignments.at(-1)!;
    assert.ok(kept.every((partition) => first.assignments[0]!.includes(partition)));
    await append(subject, log, topics, ['1']);
    await eventually(subject, 'every record once', () => first.records.length + second.records.length >= 2 * log.partitions);
    for (const member of [first, second])
      for (const { partition } of member.records)
        assert.ok(member.assignments.at(-1)!.includes(partition), 'both topics of a number go together');
    assert.equal(first.records.length + second.records.length, 2 * log.partitions);
    await second.close();
    await eventually(subject, 'all for the first again', () => owned([first]).length === log.partitions);
    await first.close();
  },

  async 'get the records of a partition in order, one call at a time'(subject, open) {
    const log = await open();
    const [group, topics] = [subject.newName(), subject.topics.slice(0, 2)];
    const busy = new Set<string>();
    const member = await join(log, {
      ...{ group, instance: 'a', topics },
      async batch({ topic, partition }) {
        const name = `${topic}/${partition}`;
        assert.ok(!busy.has(name), 'the call before has not ended');
        busy.add(name);
        await subject.sleep(20);
        busy.delete(name);
      },
    });
    await eventually(subject, 'an assignment', () => member.assignments.length > 0);
    const values = Array.from({ length: 5 }, (_, index) => String(index));
    for (const value of values) await append(subject, log, topics, [value]);
    await eventually(subject, 'all records', () => member.records.length >= values.length * 2 * log.partitions);
    for (const [key, records] of Map.groupBy(member.records, (record) => record.key!.toString()))
      assert.deepEqual(records.map(textOf), values.map((value) => `${key}=${value}`)); // prettier-ignore
    await member.close();
    assert.deepEqual(member.crashes, []);
  },

  async 'join anew when a batch is fenced, and read on from where they are told'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[0], partition: 0 };
    const [group, { end }] = [subject.newName(), await log.bounds(place)];
    let taken = end;
    let isFenced = false;
    const seen: LogRecord[] = [];
    const member = await join(log, {
      ...{ group, instance: 'a', topics: [place.topic] },
      start: (partition) => new Map(partition === 0 ? [[place.topic, taken]] : []),
      async batch({ partition }, records) {
        if (partition !== 0) return;
        seen.push(...records);
        if (!isFenced) {
          isFenced = true;
          throw new StreamError('FENCED', 'the partition has been lost');
        }
        taken = records.at(-1)!.offset + 1;
      },
    });
    await eventually(subject, 'an assignment', () => member.assignments.length > 0);
    await append(subject, log, [place.topic], ['1', '2']);
    await eventually(subject, 'both records', () => taken > end);
    await eventually(subject, 'the second', () => seen.at(-1)!.value!.toString() === '2' && taken === seen.at(-1)!.offset + 1);
    assert.ok(member.assignments.length >= 2);
    assert.equal(seen.filter(({ offset }) => offset === end).length, 2, 'what was fenced comes again');
    assert.deepEqual(member.crashes, []);
    await member.close();
  },

  async 'end with any other failure of a batch'(subject, open) {
    const log = await open();
    const topics = [subject.topics[0]];
    const batch = async (): Promise<void> => Promise.reject(new Error('broken'));
    const member = await join(log, { group: subject.newName(), instance: 'a', topics, batch });
    await eventually(subject, 'an assignment', () => member.assignments.length > 0);
    await append(subject, log, topics, ['1']);
    await eventually(subject, 'the end', () => member.crashes.length > 0);
    assert.deepEqual(member.crashes.map(({ message }) => message), ['broken']); // prettier-ignore
    await member.close();
  },

  async 'hand everything over at once to one that comes back under the same name'(subject, open) {
    const [log, elsewhere, again] = [await open(), await open(), await open()];
    const [group, topics] = [subject.newName(), subject.topics.slice(0, 1)];
    const [stays, former] = [
      await join(log, { group, instance: 'stays', topics }),
      await join(elsewhere, { group, instance: 'back', topics }),
    ];
    const isShared = (): boolean => {
      const shares = [stays, former].map(({ assignments }) => assignments.at(-1)?.length ?? 0);
      return Math.min(...shares) > 0 && owned([stays, former]).length === log.partitions;
    };
    await eventually(subject, 'shares', isShared);
    const [before, share] = [stays.assignments.length, former.assignments.at(-1)];
    const back = await join(again, { group, instance: 'back', topics });
    await eventually(subject, 'the share of before', () => back.assignments.length > 0);
    assert.deepEqual(back.assignments[0], share);
    await eventually(subject, 'the end of its former self', () => former.crashes.length > 0);
    assert.equal(stays.assignments.length, before, 'nobody else has noticed');
    await Promise.all([stays.close(), back.close(), former.close()]);
  },

  async 'end when they are to read what retention has removed'(subject, open) {
    const log = await open();
    const place = { topic: subject.topics[1], partition: 3 % log.partitions };
    const { end } = await log.bounds(place);
    await append(subject, log, [place.topic], ['1', '2']);
    await eventually(subject, 'the records', async () => (await log.bounds(place)).end > end + 2);
    await subject.expire(place, end + 1);
    const start = (partition: number): ReadonlyMap<string, number> => new Map(partition === place.partition ? [[place.topic, end]] : []);
    const member = await join(log, { group: subject.newName(), instance: 'a', topics: [place.topic], start });
    await eventually(subject, 'the end', () => member.crashes.length > 0);
    assert.equal((member.crashes[0] as StreamError).code, 'OFFSET_EXPIRED');
    assert.deepEqual(member.records.filter(({ partition }) => partition === place.partition), []); // prettier-ignore
    await member.close();
  },
};
