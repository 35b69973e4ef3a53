import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TaskStore } from '../state-store.ts';
import { feed, ruleRecord } from './feeder.ts';
import { newActor, Scheduler } from './scheduler.ts';
import { modelTopics, workload } from './workload.ts';
import { sessionTimeoutMs, World, type Mutation, type Process } from './world.ts';

const partitionCount = 4;

/** A world with its rules, on the clock of the scheduler that runs it. */
function startWorld(mutation: Mutation = {}) {
  const scheduler = new Scheduler(1);
  const clock = scheduler.clockOf(newActor('test'));
  const world = new World({ scheduler, partitionCount, mutation }, () => workload(async () => null, () => true)); // prettier-ignore
  for (const partition of world.broker.topic(modelTopics.rules.name)) partition.append([ruleRecord(partition.place.partition)], 0);
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await clock.sleep(10);
  };
  const run = async (story: () => Promise<void>): Promise<void> => {
    await scheduler.run(story(), { actionsMax: 20_000, virtualMsMax: 60_000 });
    assert.deepEqual(world.violations, []);
  };
  return { scheduler, world, until, run };
}
const owns = (process: Process, count: number) => (): boolean => process.partitions.length === count;

describe('an app that closes', () => {
  it('leaves its partitions to others at once, also when its disk is full', async () => {
    const { scheduler, world, until, run } = startWorld();
    await run(async () => {
      const closing = world.start('closing');
      await until(owns(closing, partitionCount));
      const staying = world.start('staying');
      await until(owns(staying, partitionCount / 2));
      closing.disk.isFailing = true;
      const startedMs = scheduler.elapsedMs;
      await assert.rejects(closing.running!.close(), { code: 'STORE_FAILED' });
      await until(owns(staying, partitionCount));
      assert.ok(scheduler.elapsedMs - startedMs < sessionTimeoutMs);
      await world.close(staying);
    });
  });

  it('leaves all the other stores whole, and others its partitions, where one does not come to its end', async () => {
    const stores = new Map<number, TaskStore>();
    const endless: Mutation['openStore'] = (open) => async (group, partition) => {
      const store = await open(group, partition);
      if (group === 'model') stores.set(partition, store);
      return partition === 0 ? Object.assign(store, { close: () => new Promise<void>(() => undefined) }) : store;
    };
    const { scheduler, world, until, run } = startWorld({ openStore: endless });
    await run(async () => {
      const closing = world.start('closing');
      await until(owns(closing, partitionCount));
      void feed(scheduler, world.broker, 60);
      const isAhead = (partition: number): boolean =>
        stores.get(partition)!.position() !== closing.disk.durable('model', partition).position;
      const others = [...stores.keys()].filter((partition) => partition !== 0);
      await until(() => others.filter(isAhead).length >= 2);
      const startedMs = scheduler.elapsedMs;
      await assert.rejects(closing.running!.close(), { code: 'STORE_FAILED', message: /partition 0 of model is still closing/ });
      assert.ok(scheduler.elapsedMs - startedMs < 20_000);
      assert.deepEqual(others.filter(isAhead), []);
      world.kill(closing);
      const next = world.start('next');
      await until(owns(next, partitionCount));
      world.kill(next);
    });
  });
});
