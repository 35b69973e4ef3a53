import type { TopicPartition } from '../event-log.ts';
import { BrokerError } from './broker-error.ts';
import { Groups } from './groups.ts';
import { Partition, type Fetched } from './partition.ts';
import type { Scheduler } from './scheduler.ts';
import { Transactions } from './transactions.ts';

/** A cluster seen as one broker: topics come into being when they are named. It answers at once; the way to it is `network.ts`. */
export class ModelBroker {
  readonly partitionCount: number;
  readonly groups: Groups;
  readonly transactions: Transactions;
  /** Fewer entries to a fetch than there are make positions that lie in the middle of transactions. */
  entriesPerFetch = 1_000;
  readonly #scheduler: Scheduler;
  readonly #partitions = new Map<string, Partition>();
  readonly #committed = new Map<string, number>();

  constructor(scheduler: Scheduler, partitionCount: number) {
    this.#scheduler = scheduler;
    this.partitionCount = partitionCount;
    this.groups = new Groups(scheduler, partitionCount);
    this.transactions = new Transactions(scheduler, (offsets) => {
      for (const [place, offset] of offsets) this.#committed.set(place, offset);
    });
  }

  partition(place: TopicPartition): Partition {
    const name = `${place.topic}/${place.partition}`;
    const partition = this.#partitions.get(name) ?? new Partition({ topic: place.topic, partition: place.partition });
    this.#partitions.set(name, partition);
    return partition;
  }

  /** All partitions of a topic. */
  topic(topic: string): readonly Partition[] {
    return Array.from({ length: this.partitionCount }, (_, partition) => this.partition({ topic, partition }));
  }

  /** Waits up to `waitMs` for the first thing to show. @throws BrokerError `OFFSET_OUT_OF_RANGE` */
  async fetch(place: TopicPartition, offset: number, waitMs: number): Promise<Fetched> {
    const partition = this.partition(place);
    const fetch = (): Fetched => partition.fetch(offset, this.entriesPerFetch);
    for (let isLate = false; ;) {
      const fetched = fetch();
      if (fetched.next > offset || isLate) return fetched;
      const { promise, resolve } = Promise.withResolvers<void>();
      const forget = partition.onGrowth(resolve);
      const giveUp = (): void => {
        isLate = true;
        resolve();
      };
      const cancel = this.#scheduler.post(`broker: a fetch of ${place.topic}/${place.partition} has waited`, giveUp, { delayMs: waitMs });
      await promise;
      forget();
      cancel();
    }
  }

  committed(group: string, place: TopicPartition): number | undefined {
    return this.#committed.get(committedName(group, place));
  }
}

export const committedName = (group: string, { topic, partition }: TopicPartition): string => `${group} ${topic}/${partition}`;

/** Longest record, as the topics of production have it. */
export const recordBytesMax = 4 * 1_048_576;

export function refuseLong(bytes: number): void {
  if (bytes > recordBytesMax) throw new BrokerError('MESSAGE_TOO_LARGE');
}
