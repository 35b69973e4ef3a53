import type { Topic } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { EventLog } from './event-log.ts';
import type { StateStore } from './state-store.ts';

/**
 * Brings a local store up to the end of its state topics, from where its position says it stands: after a clean stop nothing is
 * read, after a kill -9 the tail, with an empty folder everything.
 *
 * Must run after the writer has been opened: only then is there nobody left who could write to these partitions.
 * @returns how many records were applied
 * @throws StreamError `STORE_FAILED` when the store is ahead of the log: it belongs to another cluster
 */
export async function restore(
  log: EventLog,
  store: StateStore,
  stores: Readonly<Record<string, Topic>>,
  partition: number,
): Promise<number> {
  let applied = 0;
  for (const [name, topic] of Object.entries(stores)) {
    const place = { topic: topic.name, partition };
    const { first, end } = await log.bounds(place);
    const from = store.position().changelog.get(topic.name) ?? first;
    if (from > end) {
      throw new StreamError(
        'STORE_FAILED',
        `the local state knows ${topic.name}/${partition} up to ${from}, the log ends at ${end}: delete the state folder`,
      );
    }
    await log.read(place, { from: Math.max(from, first), to: end }, async (records, next) => {
      const puts = records.map((record) => ({ store: name, key: record.key?.toString() ?? '', value: record.value }));
      await store.commit({ puts, position: { changelog: new Map([...store.position().changelog, [topic.name, next]]) } });
      applied += records.length;
    });
  }
  return applied;
}
