import { topics } from '@waybill/domain';
import type { LogRecord } from '../event-log.ts';
import { JobError, type JobAttempt } from '../topology.ts';
import { restart, wreak } from './chaos.ts';
import { feed, ruleRecord } from './feeder.ts';
import { calm } from './network.ts';
import { operate } from './operator.ts';
import { assertExactlyOnce, type Evidence } from './oracle.ts';
import { newActor, Scheduler, type Actor } from './scheduler.ts';
import { isHopeless, modelTopics, workload, type Occurrence } from './workload.ts';
import { World, type Mutation } from './world.ts';

export type ScheduleResult = {
  /** How often each fault was met. */
  readonly faults: ReadonlyMap<string, number>;
  readonly actions: readonly string[];
  readonly virtualMs: number;
};

export type ScheduleOptions = { readonly mutation?: Mutation | undefined; readonly traceTo?: (actions: readonly string[]) => void };

/** After the last fault everything has to come to rest within it: an hour that a clock has jumped, and then some. */
const restMsMax = 90 * 60 * 1_000;
const bounds = { actionsMax: 100_000, virtualMsMax: 4 * restMsMax };

/**
 * One run of the real runtime over the model broker, all of it decided by the seed: how many instances and partitions there are, what
 * is fed, what goes wrong and when. Ends in the oracle.
 * @throws ScheduleError with the seed, when anything promised does not hold
 */
export async function runSchedule(seed: number, { mutation, traceTo }: ScheduleOptions = {}): Promise<ScheduleResult> {
  const scheduler = new Scheduler(seed);
  try {
    const faults = await scheduler.run(live(scheduler, mutation), bounds);
    return { faults, actions: scheduler.trace, virtualMs: scheduler.elapsedMs };
  } catch (error) {
    throw new ScheduleError(seed, error);
  } finally {
    traceTo?.(scheduler.trace);
  }
}

/** A schedule whose outcome is wrong. Its seed repeats it. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
  readonly seed: number;

  constructor(seed: number, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`seed ${seed}: ${what}\nrepeat it with: MODEL_SEED=${seed} node --test libs/stream/src/model/schedule.test.ts`, { cause });
    this.seed = seed;
  }
}

export type Summary = {
  readonly schedulesCount: number;
  readonly actionsCount: number;
  readonly virtualMs: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly failures: readonly ScheduleError[];
};

/** Runs schedules one after the other, up to `failuresMax` that fail. */
export async function runSchedules(
  seeds: Iterable<number>,
  { failuresMax = 5, ...options }: ScheduleOptions & { readonly failuresMax?: number } = {},
): Promise<Summary> {
  const faults = new Map<string, number>();
  const failures: ScheduleError[] = [];
  let [schedulesCount, actionsCount, virtualMs] = [0, 0, 0];
  for (const seed of seeds) {
    schedulesCount += 1;
    try {
      const result = await runSchedule(seed, options);
      actionsCount += result.actions.length;
      virtualMs += result.virtualMs;
      for (const [fault, count] of result.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      failures.push(error);
      if (failures.length >= failuresMax) break;
    }
  }
  return { schedulesCount, actionsCount, virtualMs, faults, failures };
}

async function live(scheduler: Scheduler, mutation: Mutation | undefined): Promise<ReadonlyMap<string, number>> {
  const { random } = scheduler;
  const effects = new Set<string>();
  const workBy =
    (actor: Actor) =>
    async (work: Occurrence, { signal }: JobAttempt) => {
      await scheduler.clockOf(actor).sleep(random.below(random.chance(0.1) ? 30_000 : 500), signal);
      if (isHopeless(work)) throw new JobError('HOPELESS', 'no try can help', { retry: false });
      if (random.chance(0.2)) throw new JobError('PASSING', 'try again', { retry: true });
      effects.add(work.id);
      return work.id;
    };
  const partitionCount = 1 + random.below(3);
  const world: World = new World({ scheduler, partitionCount, ...(mutation && { mutation }) }, (actor) =>
    workload(workBy(actor), () => world.isMended),
  );
  const loss = (most: number): number => random.next() * most;
  if (random.chance(0.7)) world.climate = { lostRequest: loss(0.03), lostAnswer: loss(0.03), late: loss(0.01) };
  world.broker.entriesPerFetch = 1 + random.below(20);
  for (const partition of world.broker.topic(modelTopics.rules.name)) partition.append([ruleRecord(partition.place.partition)], 0);

  const reader = startReader(world);
  const instances = Array.from({ length: 1 + random.below(3) }, (_, index) => `app-${index}`);
  for (const instance of instances) world.start(instance);
  let isOver = false;
  const operating = operate(world, () => isOver);
  scheduler.post('the stage is corrected', () => (world.isMended = true), { delayMs: random.below(60_000) });
  await Promise.all([feed(scheduler, world.broker, 10 + random.below(40)), wreak(world, 1 + random.below(8), mutation?.faults)]);
  world.climate = calm;
  await comeToRest(world, instances);
  isOver = true;
  await operating;
  const owners = await comeToRest(world, instances); // Once more from what lies on the disks.
  await assertExactlyOnce({ world, owners, seen: await reader.stop(), effects });
  return world.faults;
}

/** A reader of everything, from the first moment on. */
function startReader(world: World) {
  const seen = new Map<string, LogRecord[]>();
  const reached = new Map<string, number>();
  const closing = new AbortController();
  const names = [...Object.values(modelTopics), topics.parked].map(({ name }) => name);
  const following = world.logOf(newActor('reader')).follow({
    topics: names,
    from: () => 0,
    onRecords({ topic, partition }, records, next) {
      const name = `${topic}/${partition}`;
      reached.set(name, next);
      seen.set(name, [...(seen.get(name) ?? []), ...records]);
    },
    signal: closing.signal,
  });
  return {
    async stop() {
      const partitions = names.flatMap((name) => world.broker.topic(name));
      const isThere = (): boolean =>
        partitions.every(({ place, stableEnd }) => (reached.get(`${place.topic}/${place.partition}`) ?? 0) >= stableEnd);
      while (!isThere()) await world.scheduler.clockOf(newActor('world')).sleep(100);
      closing.abort(new Error('the reader stops'));
      await following;
      return seen;
    },
  };
}

/** Waits until everything fed has been dealt with, and has all processes close. @returns those that owned the partitions at last */
async function comeToRest(world: World, instances: readonly string[]): Promise<Evidence['owners']> {
  const clock = world.scheduler.clockOf(newActor('world'));
  const startedMs = world.scheduler.elapsedMs;
  for (let waitMs = 500; ; waitMs = Math.min(2 * waitMs, 60_000)) {
    for (const { actor } of world.processes) if (actor.status === 'paused') actor.status = 'running';
    for (const instance of instances) restart(world, instance);
    await clock.sleep(waitMs);
    const missing = unrestOf(world);
    if (missing === undefined) break;
    if (world.scheduler.elapsedMs - startedMs > restMsMax) throw new Error(`it does not come to rest: ${missing}`);
  }
  const alive = world.processes.filter(world.isAlive);
  const owners = alive.map(({ disk, partitions }) => ({ disk, partitions })); // While they close, others still take over.
  await Promise.all(alive.map((process) => world.close(process)));
  return owners;
}

/** What there is still to do, if anything. */
function unrestOf({ broker, processes, isAlive }: World): string | undefined {
  if (!broker.transactions.isQuiet()) return 'a transaction is open';
  const owned = processes.filter(isAlive).flatMap(({ running, partitions }) => (running?.ready() ? partitions : []));
  if (owned.length !== broker.partitionCount || new Set(owned).size !== owned.length) return `partitions ${String(owned)} are owned`;
  for (const topic of [modelTopics.left, modelTopics.right])
    for (const { place, history } of broker.topic(topic.name)) {
      const last = Math.max(-1, ...history.map(({ offset }) => offset));
      if ((broker.committed('model', place) ?? 0) <= last) return `${place.topic}/${place.partition} is not read to its end`;
    }
  for (const partition of [modelTopics.jobs, modelTopics.held].flatMap(({ name }) => broker.topic(name))) {
    const { records } = partition.fetch(partition.first, Number.POSITIVE_INFINITY);
    const rows = new Map(records.map(({ key, value }) => [key!.toString(), value]));
    for (const [id, value] of rows) if (value !== null) return `the row of ${id} is left in ${partition.place.topic}`;
  }
  return undefined;
}
