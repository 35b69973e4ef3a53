import type { EventLog } from '../event-log.ts';
import { StreamError } from '../errors.ts';
import { runTopology, type Running } from '../runtime.ts';
import type { OpenStore } from '../state-store.ts';
import type { Topology } from '../topology.ts';
import { BrokerError } from './broker-error.ts';
import { ModelBroker } from './broker.ts';
import { ModelDisk } from './disk.ts';
import { jsonCodec } from './json-codec.ts';
import { createModelLog } from './model-log.ts';
import { calm, createNetwork, type Weather } from './network.ts';
import { newActor, type Actor, type Scheduler } from './scheduler.ts';

/** Breaks a part of the runtime's surroundings on purpose, to see whether the oracle notices. */
export type Mutation = {
  readonly log?: (log: EventLog, broker: ModelBroker) => EventLog;
  readonly openStore?: (open: OpenStore) => OpenStore;
  /** Names of the faults that are to bring it to light; all by default. */
  readonly faults?: readonly string[];
};

/** One life of an app's instance. */
export type Process = {
  readonly actor: Actor;
  readonly instance: string;
  readonly disk: ModelDisk;
  readonly log: EventLog;
  /** Answers that a restore waits for. */
  readsCount: number;
  running: Running | undefined;
  partitions: readonly number[];
};

export type WorldOptions = { readonly scheduler: Scheduler; readonly partitionCount: number; readonly mutation?: Mutation };

export const sessionTimeoutMs = 10_000;
/** How soon a supervisor starts a process anew. */
const restartMs = 1_000;
/** Within it a process has to close, whatever the log does. */
const closeMsMax = 30_000;
const storm: Weather = { lostRequest: 0.15, lostAnswer: 0.15, late: 0.05 };

/** A cluster, machines with disks, and processes that a supervisor starts again when they end by themselves. */
export class World {
  readonly scheduler: Scheduler;
  readonly broker: ModelBroker;
  /** How often each fault was met. */
  readonly faults = new Map<string, number>();
  /** What should never be seen. */
  readonly violations: string[] = [];
  readonly processes: Process[] = [];
  /** By how much all wall clocks are ahead of the time that the scheduler knows. */
  skewMs = 0;
  /** Whether the stage has been corrected: until then it throws now and then. */
  isMended = false;
  /** How things are when nothing in particular is going on. */
  climate: Weather = calm;
  stormsCount = 0;
  outagesCount = 0;
  readonly #mutation: Mutation;
  readonly #topologyOf: (actor: Actor) => Topology;
  readonly #disks = new Map<string, ModelDisk>();
  #livesCount = 0;

  constructor({ scheduler, partitionCount, mutation = {} }: WorldOptions, topologyOf: (actor: Actor) => Topology) {
    this.scheduler = scheduler;
    this.broker = new ModelBroker(scheduler, partitionCount);
    this.#mutation = mutation;
    this.#topologyOf = topologyOf;
  }

  count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }

  diskOf(instance: string): ModelDisk {
    const disk = this.#disks.get(instance) ?? new ModelDisk(this.scheduler);
    this.#disks.set(instance, disk);
    return disk;
  }

  /** The log as an actor sees it. */
  logOf(actor: Actor): EventLog {
    const { scheduler, broker } = this;
    const weather = (): Weather | undefined => (this.outagesCount > 0 ? undefined : this.stormsCount > 0 ? storm : this.climate);
    const network = createNetwork({ scheduler, actor, weather, onFault: (kind) => this.count(kind) });
    return createModelLog({ scheduler, broker, actor, network });
  }

  start(instance: string): Process {
    const actor = newActor(`${instance}.${(this.#livesCount += 1)}`);
    actor.skewMs = this.skewMs;
    const process: Process = {
      actor,
      instance,
      disk: this.diskOf(instance),
      log: this.logOf(actor),
      readsCount: 0,
      running: undefined,
      partitions: [],
    };
    this.processes.push(process);
    const { log = (own) => own, openStore = (own) => own } = this.#mutation;
    const starting = runTopology({
      topology: this.#topologyOf(actor),
      log: log(countReads(process), this.broker),
      codec: jsonCodec,
      openStore: openStore(process.disk.openStoreOf(actor)),
      instance,
      sessionTimeoutMs,
      clock: this.scheduler.clockOf(actor),
      random: this.scheduler.random.next,
      observer: { assigned: (partitions) => (process.partitions = partitions) },
      onCrash: (error) => this.#crash(process, error),
    });
    starting.then(
      (running) => (process.running = running),
      (error: unknown) => this.#crash(process, error),
    );
    return process;
  }

  isAlive = (process: Process): boolean => process.actor.status !== 'dead';

  kill(process: Process): void {
    this.scheduler.kill(process.actor);
    process.running = undefined;
  }

  /** As a process ends that is asked to: in order, and within a bound. */
  async close(process: Process): Promise<void> {
    const { actor, running, log } = process;
    const startedMs = this.scheduler.elapsedMs;
    let wasPaused = false;
    if (running) {
      const end = Promise.withResolvers<void>();
      const close = (): void => {
        const failed = (error: unknown): void => this.#judge(process, error);
        void running.close().then(log.close, failed).then(end.resolve);
      };
      this.scheduler.post(`${actor.name} closes`, close, { actor });
      const tick = (): void => {
        wasPaused ||= actor.status !== 'running';
        if (actor.status === 'dead') end.resolve();
        else this.scheduler.post(`${actor.name} is being closed`, tick, { delayMs: 1_000 });
      };
      tick();
      await end.promise;
    }
    if (!wasPaused && this.scheduler.elapsedMs - startedMs > closeMsMax) this.violations.push(`${actor.name} took too long to close`);
    this.kill(process);
  }

  #judge(process: Process, error: unknown): void {
    this.count('crash');
    if (!isExpected(error)) this.violations.push(`${process.actor.name} ended: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** It ends by itself, as a process does that has nothing left to do but be started anew. */
  #crash(process: Process, error: unknown): void {
    if (!this.isAlive(process)) return;
    this.#judge(process, error);
    const end = (): void => {
      if (!this.isAlive(process)) return;
      this.kill(process);
      // A static name that another process uses by now is its own supervisor's business.
      const isSuperseded = this.processes.some((other) => other.instance === process.instance && this.isAlive(other));
      if (!isSuperseded) this.start(process.instance);
    };
    this.scheduler.post(`${process.actor.name} ends and is started anew`, end, { delayMs: restartMs });
  }
}

/** The log of a process, where it shows when a store is being restored. */
function countReads(process: Process): EventLog {
  const { log } = process;
  const counted = async <T>(reading: Promise<T>): Promise<T> => {
    process.readsCount += 1;
    return reading.finally(() => (process.readsCount -= 1));
  };
  return { ...log, bounds: (...place) => counted(log.bounds(...place)), read: (...place) => counted(log.read(...place)) };
}

/** Ends that the runtime promises: the instance's name or its store belong to another, or the disk is full. */
function isExpected(error: unknown): boolean {
  if (error instanceof BrokerError) return error.type === 'FENCED_INSTANCE_ID';
  return error instanceof StreamError && (error.code === 'STORE_FAILED' || error.code === 'FENCED');
}
