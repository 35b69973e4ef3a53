import assert from 'node:assert/strict';
import type { EventLog, Group, GroupHandlers, Headers, LogRecord, NewRecord, TopicPartition } from '../event-log.ts';

/** A transaction that is made step by step, as the port does not. */
export type RawTransaction = {
  append(records: readonly NewRecord[]): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
};

/** The log under test and what is needed around it. Topics may hold records of other tests. */
export type Subject = {
  /** A client of its own, as another process has it. The suite closes it. */
  open(): Promise<EventLog>;
  /** Two topics of events and one that is compacted, with as many partitions as the log says. */
  readonly topics: readonly [events: string, others: string, state: string];
  /** A name that nobody has used: of a group, a writer or a key. */
  newName(): string;
  begin(id: string): Promise<RawTransaction>;
  /** Makes retention pass `offset`. */
  expire(place: TopicPartition, offset: number): Promise<void>;
  /** Compacts the topic of state, so that most of what was superseded is gone. */
  compact(place: TopicPartition): Promise<void>;
  sleep(ms: number): Promise<void>;
};

/** One promise of the port. `open` gives clients, which are closed when the rule has ended. */
export type Rule = (subject: Subject, open: () => Promise<EventLog>) => Promise<void>;
export type Rules = Readonly<Record<string, Rule>>;

export const recordOf = (place: TopicPartition, key: string | null, value: string | null, headers: Headers = {}): NewRecord => ({
  ...{ topic: place.topic, partition: place.partition, key, value: value === null ? null : Buffer.from(value), headers },
});

/** A committed record as `key=value`. */
export const textOf = ({ key, value }: LogRecord): string => `${key?.toString() ?? ''}=${value?.toString() ?? ''}`;

/** All that is committed in [from, to), and where reading ended. */
export async function readAll(log: EventLog, place: TopicPartition, range: { readonly from: number; readonly to: number }) {
  const records: LogRecord[] = [];
  let end = range.from;
  await log.read(place, range, (found, next) => {
    assert.ok(next > end && next <= range.to, `reading goes from ${end} to ${next}, within ${range.to}`);
    records.push(...found);
    end = next;
  });
  assert.equal(end, range.to);
  return records;
}

/** What is there behind `from`, once there are at least `count`; a marker may be written after its transaction is answered. */
export async function readSome(subject: Subject, log: EventLog, place: TopicPartition, from: number, count: number) {
  let records: readonly LogRecord[] = [];
  await eventually(subject, `${count} records in ${place.topic}/${place.partition}`, async () => {
    const { end } = await log.bounds(place);
    records = await readAll(log, place, { from, to: end });
    return records.length >= count;
  });
  return records;
}

/** @throws AssertionError naming what did not come about */
export async function eventually(subject: Subject, what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await isSo()) return;
    await subject.sleep(50);
  }
  assert.fail(`never came: ${what}`);
}

/** A member of a group that keeps what it sees. */
export type Member = {
  readonly assignments: (readonly number[])[];
  readonly records: LogRecord[];
  readonly crashes: Error[];
  close(): Promise<void>;
};

export type JoinOptions = {
  readonly group: string;
  readonly instance: string;
  readonly topics: readonly string[];
  /** Where reading begins; by default behind all that is there. */
  readonly start?: (partition: number) => ReadonlyMap<string, number>;
  readonly batch?: GroupHandlers['batch'];
};

export async function join(log: EventLog, options: JoinOptions): Promise<Member> {
  const ends = new Map<string, Promise<number>>();
  const places = options.topics.flatMap((topic) => Array.from({ length: log.partitions }, (_, partition) => ({ topic, partition })));
  for (const place of places) ends.set(`${place.topic}/${place.partition}`, log.bounds(place).then(({ end }) => end)); // prettier-ignore
  const known = new Map(await Promise.all([...ends].map(async ([name, end]) => [name, await end] as const)));
  const atEnd = (partition: number): ReadonlyMap<string, number> =>
    new Map(options.topics.map((topic) => [topic, known.get(`${topic}/${partition}`)!]));
  const { start = atEnd, batch } = options;
  const member = { assignments: [] as (readonly number[])[], records: [] as LogRecord[], crashes: [] as Error[] };
  const group: Group = await log.joinGroup({
    ...{ group: options.group, instance: options.instance, topics: options.topics, sessionTimeoutMs: 6_000 },
    handlers: {
      async assigned(partitions) {
        member.assignments.push(partitions);
        return new Map(partitions.map((partition) => [partition, start(partition)]));
      },
      async batch(place, records) {
        await batch?.(place, records);
        member.records.push(...records);
      },
      crashed: (error) => member.crashes.push(error),
    },
  });
  return { ...member, close: () => group.close() };
}
