import type { TopicPartition } from '../event-log.ts';
import { ModelBroker } from '../model/broker.ts';
import { createModelLog } from '../model/model-log.ts';
import { calm, createNetwork } from '../model/network.ts';
import { newActor, Scheduler } from '../model/scheduler.ts';
import { eventLogConformance } from './event-log.ts';
import type { RawTransaction, Subject } from './subject.ts';

const seedsCount = 10;

function subjectOf(scheduler: Scheduler): Subject {
  const broker = new ModelBroker(scheduler, 2 + scheduler.random.below(3));
  broker.entriesPerFetch = 1 + scheduler.random.below(10);
  const actor = newActor('test');
  let namesCount = 0;
  const newName = (): string => `name-${(namesCount += 1)}`;
  return {
    async open() {
      const client = newActor(newName());
      const network = createNetwork({ scheduler, actor: client, weather: () => calm });
      return createModelLog({ scheduler, broker, actor: client, network });
    },
    topics: ['events', 'others', 'state'],
    newName,
    async begin(id): Promise<RawTransaction> {
      const identity = broker.transactions.open(id, 60_000);
      return {
        async append(records) {
          const partitions = [...Map.groupBy(records, (record) => broker.partition(record))];
          broker.transactions.addPartitions(identity, partitions.map(([partition]) => partition)); // prettier-ignore
          for (const [partition, group] of partitions) broker.transactions.append(identity, partition, group, 0);
        },
        commit: async () => broker.transactions.end(identity, 'committed'),
        abort: async () => broker.transactions.end(identity, 'aborted'),
      };
    },
    expire: async (place: TopicPartition, offset: number) => broker.partition(place).expire(offset),
    async compact(place: TopicPartition) {
      const partition = broker.partition(place);
      partition.compact(partition.stableEnd, false);
    },
    sleep: (ms) => scheduler.clockOf(actor).sleep(ms),
  };
}

eventLogConformance('the model', async (rule) => {
  for (let seed = 1; seed <= seedsCount; seed++) {
    const scheduler = new Scheduler(seed);
    await scheduler.run(rule(subjectOf(scheduler)));
  }
});
