import { topics } from '@waybill/domain';
import { encodeParkedCommand, type ParkedCommand } from '../parked-command.ts';
import { jsonCodec } from './json-codec.ts';
import { newActor } from './scheduler.ts';
import { modelTopics } from './workload.ts';
import type { World } from './world.ts';

type Parked = Pick<ParkedCommand, 'partition'> & { readonly code: string };

/**
 * Somebody who sees to what is parked: gives up what cannot be read, and has everything else tried again, also too early, twice, or
 * when it has long been done.
 */
export async function operate(world: World, isOver: () => boolean): Promise<void> {
  const { broker, scheduler } = world;
  const { random } = scheduler;
  const clock = scheduler.clockOf(newActor('operator'));
  while (!isOver()) {
    await clock.sleep(1_000 + random.below(8_000));
    const parked = broker.topic(topics.parked.name).flatMap(({ history }) => history);
    const held = heldPlaces(world);
    for (const { key, value } of parked) {
      const id = key!.toString();
      if (!random.chance(held.has(id) ? 0.7 : 0.02)) continue;
      const { partition, code } = jsonCodec.decodeSync(value!).data as unknown as Parked;
      const record = encodeParkedCommand(jsonCodec, {
        ...{ app: 'model', kind: 'record', id, partition, correlationId: 'operator' },
        ...{ wish: code === 'RECORD_UNDECODABLE' ? 'drop' : 'retry', requestedBy: 'operator', reason: 'seen to' },
        requestedAtMs: clock.now(),
      });
      broker.partition(record).append(random.chance(0.1) ? [record, record] : [record], clock.now());
    }
  }
}

function heldPlaces({ broker }: World): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { records } of broker
    .topic(modelTopics.held.name)
    .map((partition) => partition.fetch(partition.first, Number.POSITIVE_INFINITY)))
    for (const { key, value } of records) {
      if (value === null) places.delete(key!.toString());
      else places.add(key!.toString());
    }
  return places;
}
