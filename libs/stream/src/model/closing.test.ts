import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ruleRecord } from './feeder.ts';
import { newActor, Scheduler } from './scheduler.ts';
import { modelTopics, workload } from './workload.ts';
import { sessionTimeoutMs, World, type Process } from './world.ts';

const partitionCount = 4;

describe('an app that closes', () => {
  it('leaves its partitions to others at once, also when its disk is full', async () => {
    const scheduler = new Scheduler(1);
    const clock = scheduler.clockOf(newActor('test'));
    const world = new World({ scheduler, partitionCount }, () => workload(async () => null, () => true)); // prettier-ignore
    for (const partition of world.broker.topic(modelTopics.rules.name)) partition.append([ruleRecord(partition.place.partition)], 0);
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await clock.sleep(10);
    };
    const owns = (process: Process, count: number) => (): boolean => process.partitions.length === count;
    await scheduler.run(
      (async () => {
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
      })(),
      { actionsMax: 20_000, virtualMsMax: 60_000 },
    );
    assert.deepEqual(world.violations, []);
  });
});
