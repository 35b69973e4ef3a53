import type { NewRecord } from '../event-log.ts';
import { partitionOfKey } from '../partition-of-key.ts';
import { eventHeaders } from '../record.ts';
import type { ModelBroker } from './broker.ts';
import { jsonCodec } from './json-codec.ts';
import { newActor, type Scheduler } from './scheduler.ts';
import { asRecord, modelTopics, type Occurrence } from './workload.ts';

export type Feed = {
  /** Occurrences by topic, in the order in which they were sent; those of aborted transactions are not among them. */
  readonly occurrencesCount: number;
  readonly poisonCount: number;
};

export function ruleRecord(partition: number): NewRecord {
  return eventRecord(modelTopics.rules.name, partition, 'rule', 'rule', { rule: 'any' });
}

function eventRecord(topic: string, partition: number, key: string, id: string, data: object): NewRecord {
  const meta = { id, source: '/model', timeMs: 0, subject: key, correlationId: id, causationId: null, traceparent: null };
  const record = asRecord(data);
  return { topic, partition, key, value: jsonCodec.encode(record), headers: eventHeaders({ ...record, meta }) };
}

/**
 * Appends occurrences as producers do: some twice, some in transactions that lie open for a while and end one way or the other
 * in between, and now and then something that nobody can read.
 */
export async function feed(scheduler: Scheduler, broker: ModelBroker, recordsCount: number): Promise<Feed> {
  const { random } = scheduler;
  const clock = scheduler.clockOf(newActor('feeder'));
  const sent: NewRecord[] = [];
  const ending: Promise<void>[] = [];
  let occurrencesCount = 0;
  let poisonCount = 0;
  let transactionsCount = 0;
  const keyed = (side: 'left' | 'right', key: string, id: string, data: object): NewRecord =>
    eventRecord(modelTopics[side].name, partitionOfKey(key, broker.partitionCount), key, id, data);
  const next = (): NewRecord => {
    if (sent.length > 0 && random.chance(0.2)) return random.pick(sent);
    const side = random.pick(['left', 'right'] as const);
    const number = occurrencesCount++;
    const occurrence: Occurrence = { id: `${side}-${number}`, key: `${side}-key-${random.below(4)}`, number };
    return keyed(side, occurrence.key, occurrence.id, occurrence);
  };
  const appendAll = (records: readonly NewRecord[], transaction?: string): void => {
    for (const record of records) broker.partition(record).append([record], clock.now(), transaction);
  };
  const transact = async (records: readonly NewRecord[]): Promise<void> => {
    const id = `feeder-${transactionsCount++}`;
    const isCommitted = random.chance(0.5);
    // An aborted one holds what must never be seen.
    const written = isCommitted ? records : records.map((record) => ({ ...record, value: Buffer.from('aborted') }));
    for (const record of written) {
      appendAll([record], id);
      await clock.sleep(random.below(10));
    }
    await clock.sleep(random.below(2_000));
    if (isCommitted) sent.push(...records);
    for (const partition of new Set(written.map((record) => broker.partition(record))))
      partition.mark(id, isCommitted ? 'committed' : 'aborted');
  };
  for (let fedCount = 0; fedCount < recordsCount;) {
    const records = Array.from({ length: 1 + random.below(4) }, next);
    fedCount += records.length;
    if (random.chance(0.03)) appendAll([{ ...keyed('left', `poison-${poisonCount++}`, 'poison', {}), value: Buffer.from('{') }]);
    if (random.chance(0.2)) ending.push(transact(records));
    else {
      appendAll(records);
      sent.push(...records);
    }
    await clock.sleep(random.chance(0.7) ? random.below(60) : random.below(3_000));
  }
  await Promise.all(ending);
  return { occurrencesCount, poisonCount };
}
