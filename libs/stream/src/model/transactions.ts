import type { NewRecord } from '../event-log.ts';
import { BrokerError } from './broker-error.ts';
import type { Partition } from './partition.ts';
import type { Scheduler } from './scheduler.ts';

/** What a producer shows with every request. */
export type ProducerIdentity = { readonly id: string; readonly epoch: number };
/** Next offset per topic/partition of a group, not yet committed. */
export type PendingOffsets = ReadonlyMap<string, number>;

type Producer = {
  epoch: number;
  timeoutMs: number;
  /** `ending` until every marker is written. */
  state: 'empty' | 'ongoing' | 'ending';
  partitions: Set<Partition>;
  offsets: Map<string, number>;
  cancelTimeout: () => void;
};

/**
 * The transaction coordinator. A transaction's end is decided at once and answered, its markers are written one by one afterwards;
 * until then the producer's next request is told to wait. A producer that opens anew ends the transaction of the one before it.
 */
export class Transactions {
  readonly #scheduler: Scheduler;
  readonly #commitOffsets: (offsets: PendingOffsets) => void;
  readonly #producers = new Map<string, Producer>();

  constructor(scheduler: Scheduler, commitOffsets: (offsets: PendingOffsets) => void) {
    this.#scheduler = scheduler;
    this.#commitOffsets = commitOffsets;
  }

  /** @throws BrokerError `CONCURRENT_TRANSACTIONS` while an earlier transaction is being ended; ask again */
  open(id: string, timeoutMs: number): ProducerIdentity {
    const producer = this.#producers.get(id) ?? newProducer(timeoutMs);
    this.#producers.set(id, producer);
    producer.timeoutMs = timeoutMs;
    if (producer.state === 'ongoing') {
      producer.epoch += 1;
      this.#end(id, producer, 'aborted');
    }
    if (producer.state === 'ending') throw new BrokerError('CONCURRENT_TRANSACTIONS');
    producer.epoch += 1;
    return { id, epoch: producer.epoch };
  }

  addPartitions(identity: ProducerIdentity, partitions: readonly Partition[]): void {
    const producer = this.#begin(identity);
    for (const partition of partitions) producer.partitions.add(partition);
  }

  /** @returns the offset of the first record. @throws BrokerError `INVALID_TXN_STATE` for a partition that was not added */
  append(identity: ProducerIdentity, partition: Partition, records: readonly NewRecord[], nowMs: number): number {
    const producer = this.#current(identity);
    if (producer.state !== 'ongoing' || !producer.partitions.has(partition)) throw new BrokerError('INVALID_TXN_STATE');
    return partition.append(records, nowMs, identity.id);
  }

  addOffsets(identity: ProducerIdentity, offsets: PendingOffsets): void {
    const producer = this.#begin(identity);
    for (const [place, offset] of offsets) producer.offsets.set(place, offset);
  }

  end(identity: ProducerIdentity, state: 'committed' | 'aborted'): void {
    const producer = this.#current(identity);
    if (producer.state !== 'ongoing') throw new BrokerError('INVALID_TXN_STATE');
    this.#end(identity.id, producer, state);
  }

  /** True when no transaction is open or being ended. */
  isQuiet(): boolean {
    return [...this.#producers.values()].every(({ state }) => state === 'empty');
  }

  #begin(identity: ProducerIdentity): Producer {
    const producer = this.#current(identity);
    if (producer.state === 'ending') throw new BrokerError('CONCURRENT_TRANSACTIONS');
    if (producer.state === 'ongoing') return producer;
    producer.state = 'ongoing';
    const expire = (): void => {
      producer.epoch += 1;
      this.#end(identity.id, producer, 'aborted');
    };
    producer.cancelTimeout = this.#scheduler.post(`broker: transaction of ${identity.id} times out`, expire, {
      delayMs: producer.timeoutMs,
    });
    return producer;
  }

  #current({ id, epoch }: ProducerIdentity): Producer {
    const producer = this.#producers.get(id);
    if (!producer || producer.epoch !== epoch) throw new BrokerError('INVALID_PRODUCER_EPOCH');
    return producer;
  }

  #end(id: string, producer: Producer, state: 'committed' | 'aborted'): void {
    producer.cancelTimeout();
    producer.state = 'ending';
    const { partitions, offsets } = producer;
    producer.partitions = new Set();
    producer.offsets = new Map();
    let left = partitions.size + 1;
    const marked = (): void => {
      if (--left === 0) producer.state = 'empty';
    };
    const post = (what: string, write: () => void): void => {
      const { random } = this.#scheduler;
      const delayMs = random.chance(0.15) ? random.below(random.chance(0.5) ? 10_000 : 200) : 0;
      const run = (): void => {
        write();
        marked();
      };
      this.#scheduler.post(`broker: ${id} ${state} in ${what}`, run, { delayMs });
    };
    for (const partition of partitions) post(placeName(partition), () => partition.mark(id, state));
    post('the offsets', () => {
      if (state === 'committed') this.#commitOffsets(offsets);
    });
  }
}

const newProducer = (timeoutMs: number): Producer => ({
  ...{ epoch: 0, timeoutMs, state: 'empty', partitions: new Set(), offsets: new Map(), cancelTimeout: () => undefined },
});

const placeName = ({ place }: Partition): string => `${place.topic}/${place.partition}`;
