import { newActor } from './scheduler.ts';
import { modelTopics } from './workload.ts';
import { sessionTimeoutMs, type Process, type World } from './world.ts';

type Fault = (world: World, process: Process) => Promise<void>;

const hourMs = 60 * 60 * 1_000;
const stateTopics = [modelTopics.keys, modelTopics.open, modelTopics.jobs, modelTopics.held, modelTopics.rules];

const chaosActor = newActor('chaos');
const sleep = (world: World, ms: number): Promise<void> => world.scheduler.clockOf(chaosActor).sleep(ms);
const pause = (world: World, msMax: number): Promise<void> => sleep(world, world.scheduler.random.below(msMax));

/** As a supervisor does, unless another process goes by the name already. */
export function restart(world: World, instance: string): void {
  if (!world.processes.some((process) => process.instance === instance && world.isAlive(process))) world.start(instance);
}

const statePartitions = (world: World) => stateTopics.flatMap((topic) => world.broker.topic(topic.name));

/** All that is done to a running system, by name. Each mends itself, so that any may follow any. */
const faults: Readonly<Record<string, Fault>> = {
  async kill(world, process) {
    world.kill(process);
    await pause(world, 20_000);
    restart(world, process.instance);
  },
  async killAndWipe(world, process) {
    for (const each of world.processes) if (each.instance === process.instance) world.kill(each);
    process.disk.wipe();
    await pause(world, 5_000);
    restart(world, process.instance);
  },
  /** Longer than its session: others take over, and it does not know. */
  async zombie(world, process) {
    process.actor.status = 'paused';
    await pause(world, 6 * sessionTimeoutMs);
    if (process.actor.status === 'paused') process.actor.status = 'running';
  },
  async stop(world, process) {
    await world.close(process);
    await pause(world, 5_000);
    restart(world, process.instance);
  },
  /** A second process under the same static name, and on the same disk. */
  async usurper(world, process) {
    world.start(process.instance);
  },
  /** Another process opens its stores, and is gone again. */
  async takenStores(_world, { disk, partitions }) {
    for (const partition of partitions) await disk.openStoreOf(newActor('interloper'))('model', partition);
  },
  async newcomer(world) {
    const process = world.start(`newcomer-${world.scheduler.random.below(3)}`);
    await pause(world, 30_000);
    await world.close(process);
  },
  async outage(world) {
    world.outagesCount += 1;
    await pause(world, 40_000);
    world.outagesCount -= 1;
  },
  async storm(world) {
    world.stormsCount += 1;
    await pause(world, 5_000);
    world.stormsCount -= 1;
  },
  async fullDisk(world, process) {
    process.disk.isFailing = true;
    await pause(world, 10_000);
    process.disk.isFailing = false;
  },
  async clockJump(world, process) {
    process.actor.skewMs += world.scheduler.random.pick([-hourMs, hourMs]);
  },
  async compaction(world) {
    for (const partition of statePartitions(world)) partition.compact(partition.stableEnd - world.scheduler.random.below(5), true);
  },
  /** Others take over, and tombstones vanish before this one is back. */
  async longNight(world, process) {
    world.kill(process);
    await pause(world, 60_000);
    // No restore takes a night.
    while (world.processes.some((each) => world.isAlive(each) && each.readsCount > 0)) await sleep(world, 100);
    world.skewMs += 25 * hourMs;
    for (const { actor } of world.processes) actor.skewMs += 25 * hourMs;
    for (const partition of statePartitions(world)) partition.compact(partition.stableEnd, false);
    await pause(world, 5_000);
    restart(world, process.instance);
  },
};

/** Does `count` faults at any moment, several at a time; resolves when all are mended. */
export async function wreak(world: World, count: number, names: readonly string[] = Object.keys(faults)): Promise<void> {
  const { random } = world.scheduler;
  const mending: Promise<void>[] = [];
  for (let done = 0; done < count; done++) {
    await pause(world, random.chance(0.7) ? 100 : 15_000);
    const alive = world.processes.filter(world.isAlive);
    if (alive.length === 0) continue;
    const name = random.pick(names);
    world.count(name);
    world.scheduler.trace.push(`${Math.round(world.scheduler.elapsedMs)} chaos: ${name}`);
    mending.push(faults[name]!(world, random.pick(alive)));
  }
  await Promise.all(mending);
}
