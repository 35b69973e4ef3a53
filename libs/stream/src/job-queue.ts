import type { Circuit, Verdict } from './breaker.ts';
import { Heap } from './heap.ts';
import type { JobRow } from './topology.ts';

/** A job as the queue knows it: `dueAtMs` is when it may begin, by the time that `take` is called with. */
export type Queued = { readonly job: JobRow; readonly dueAtMs: number };

export type KindLimits = {
  readonly concurrencyMax: number;
  readonly perHostMax: number;
  /** No work, only a time: it has no host, and does not count towards the limit of all kinds. */
  readonly isTimer: boolean;
};

export type JobQueueOptions = {
  readonly kinds: ReadonlyMap<string, KindLimits>;
  /** Under way at the same time, of all kinds together. */
  readonly jobsMax: number;
  readonly newCircuit: () => Circuit;
};

/** The jobs of one kind and host. Those without a host share a lane that has no limit and no circuit of its own. */
type Lane<T> = {
  readonly kind: Kind<T>;
  readonly host: string | null;
  readonly circuit: Circuit | undefined;
  /** Those that could begin now: the first to go first, and the longest due. */
  readonly ready: Heap<T>;
  readonly readyByAge: Heap<T>;
  startsCount: number;
  /** Ready, waiting or under way. */
  jobsCount: number;
  runningCount: number;
};

type Kind<T> = {
  readonly name: string;
  readonly limits: KindLimits;
  readonly lanes: Map<string | null, Lane<T>>;
  /** Those that have not been due yet when somebody looked. */
  readonly later: Heap<T>;
  /** Lanes whose first job could begin now. */
  readonly open: Heap<Lane<T>>;
  readonly openByAge: Heap<Lane<T>>;
  runningCount: number;
};

export type HostCircuit = { readonly kind: string; readonly host: string } & Pick<Circuit, 'state' | 'openSinceMs'>;

/** Circuits that are remembered of hosts without jobs. Hosts come from outside: their number is not ours. */
const idleLanesMax = 1_000;
/** Of so many starts, in all and of each host, one is for the job that is due longest, whatever its priority. */
const startsPerTurn = 10;

/**
 * Which job is next: of all that are due and within every limit the one with the highest priority; among equals that of the host with
 * the fewest under way, then the longest due. So a host with a long backlog leaves the others their share. Every tenth start is for the
 * job that is due longest: among all that may begin, and among those of each host. So no flood of urgent jobs holds up the others for
 * ever, and it costs the urgent ones a tenth of the places while others wait. Timers go by their time alone.
 *
 * Pure but for the circuits. A job that waits costs nothing while others are taken: what is due later, and what its kind, its host or
 * the host's circuit holds back, is not looked at.
 */
export class JobQueue<T extends Queued> {
  readonly #kinds: ReadonlyMap<string, Kind<T>>;
  readonly #options: JobQueueOptions;
  /** Lanes with ready jobs whose circuit lets none through before its time. */
  readonly #shut = new Heap<Lane<T>>((a, b) => a.circuit!.opensAtMs < b.circuit!.opensAtMs);
  readonly #underWay = new Map<T, { readonly lane: Lane<T>; readonly tell: ((verdict: Verdict) => Promise<void>) | undefined }>();
  /** Lanes without jobs whose circuit has something to remember, the longest idle first. */
  readonly #idle = new Set<Lane<T>>();
  #runningCount = 0;
  #startsCount = 0;

  constructor(options: JobQueueOptions) {
    this.#options = options;
    this.#kinds = new Map(
      [...options.kinds].map(([name, limits]) => [
        name,
        {
          name,
          limits,
          lanes: new Map<string | null, Lane<T>>(),
          later: new Heap<T>(isJobOlder),
          open: new Heap<Lane<T>>(isLaneBefore),
          openByAge: new Heap<Lane<T>>(isLaneOlder),
          runningCount: 0,
        },
      ]),
    );
  }

  /** Jobs of a kind that is not known are not taken in: another version of the app has left them. */
  add(item: T): void {
    const lane = this.#findLane(item.job) ?? this.#newLane(item.job);
    if (!lane) return;
    lane.jobsCount += 1;
    this.#idle.delete(lane);
    lane.kind.later.set(item);
  }

  /** Forgets a job that has not been taken. @returns whether it was there */
  delete(item: T): boolean {
    const lane = this.#findLane(item.job);
    if (!lane || !(lane.kind.later.delete(item) || takeOut(lane, item))) return false;
    lane.jobsCount -= 1;
    this.#refresh(lane, undefined);
    return true;
  }

  /** The next job to begin; it counts towards the limits until it is released. */
  take(nowMs: number): T | undefined {
    for (const kind of this.#kinds.values()) this.#admit(kind, nowMs);
    for (let lane = this.#shut.first(); lane && lane.circuit!.opensAtMs <= nowMs; lane = this.#shut.first()) this.#refresh(lane, nowMs);
    const isTurn = isTurnAfter(this.#startsCount);
    let lane = this.#firstLane(isTurn);
    // A circuit may have opened, or be probed, since its lane was put where it is.
    for (; lane?.circuit && lane.circuit.opensAtMs > nowMs; lane = this.#firstLane(isTurn)) this.#refresh(lane, nowMs);
    if (!lane) return undefined;
    const item = (isTurn || isTurnAfter(lane.startsCount) ? lane.readyByAge : lane.ready).first()!;
    takeOut(lane, item);
    lane.startsCount += 1;
    if (!lane.kind.limits.isTimer) this.#startsCount += 1;
    this.#underWay.set(item, { lane, tell: lane.circuit?.enter() });
    this.#count(lane, 1);
    this.#refresh(lane, nowMs);
    return item;
  }

  /** Of timers no more than can begin: a million may be due at the same full hour, and to move all of them at once takes seconds. */
  #admit(kind: Kind<T>, nowMs: number): void {
    const { later } = kind;
    for (let item = later.first(); item && item.dueAtMs <= nowMs && hasPlace(kind); item = later.first()) {
      later.delete(item);
      const lane = this.#findLane(item.job)!;
      lane.ready.set(item);
      lane.readyByAge.set(item);
      this.#refresh(lane, nowMs);
    }
  }

  /** How a try went, for the circuit of its host. Resolves once that counts. */
  async tell(item: T, verdict: Verdict): Promise<void> {
    const taken = this.#underWay.get(item);
    await taken?.tell?.(verdict);
    if (taken) this.#refresh(taken.lane, undefined);
  }

  /** Its place is free again. It must have been told how it went. */
  release(item: T): void {
    const taken = this.#underWay.get(item);
    if (!taken) return;
    this.#underWay.delete(item);
    taken.lane.jobsCount -= 1;
    this.#count(taken.lane, -1);
    this.#refresh(taken.lane, undefined);
  }

  /** When `take` may find something that it does not find now, without any other change; infinite when nothing waits for a time. */
  get nextAtMs(): number {
    let nextAtMs = this.#shut.first()?.circuit!.opensAtMs ?? Infinity;
    for (const kind of this.#kinds.values()) if (hasPlace(kind)) nextAtMs = Math.min(nextAtMs, kind.later.first()?.dueAtMs ?? Infinity);
    return nextAtMs;
  }

  get underWayCount(): number {
    return this.#underWay.size;
  }

  /** Hosts that have jobs or have failed of late. */
  get circuits(): readonly HostCircuit[] {
    const lanes = [...this.#kinds.values()].flatMap((kind) => [...kind.lanes.values()]);
    return lanes.flatMap(({ kind: { name }, host, circuit }) => {
      if (host === null || !circuit) return [];
      const { state, openSinceMs } = circuit;
      return [{ kind: name, host, state, openSinceMs }];
    });
  }

  #firstLane(isTurn: boolean): Lane<T> | undefined {
    const isBefore: typeof isLaneBefore = isTurn ? isLaneOlder : isLaneBefore;
    let first: Lane<T> | undefined;
    for (const { limits, open, openByAge, runningCount } of this.#kinds.values()) {
      const lane = (isTurn ? openByAge : open).first();
      const isFull = runningCount >= limits.concurrencyMax || (!limits.isTimer && this.#runningCount >= this.#options.jobsMax);
      if (lane && !isFull && (!first || isBefore(lane, first))) first = lane;
    }
    return first;
  }

  #findLane({ kind, host }: JobRow): Lane<T> | undefined {
    const known = this.#kinds.get(kind);
    return known?.lanes.get(known.limits.isTimer ? null : host);
  }

  #newLane(job: JobRow): Lane<T> | undefined {
    const kind = this.#kinds.get(job.kind);
    if (!kind) return undefined;
    const host = kind.limits.isTimer ? null : job.host;
    const circuit = host === null ? undefined : this.#options.newCircuit();
    const heaps = { ready: new Heap<T>(isJobBefore), readyByAge: new Heap<T>(isJobOlder) };
    const lane: Lane<T> = { kind, host, circuit, ...heaps, startsCount: 0, jobsCount: 0, runningCount: 0 };
    kind.lanes.set(host, lane);
    return lane;
  }

  #count(lane: Lane<T>, change: 1 | -1): void {
    lane.runningCount += change;
    lane.kind.runningCount += change;
    if (!lane.kind.limits.isTimer) this.#runningCount += change;
  }

  /** Puts a lane where it belongs after anything about it has changed. Without a time an open circuit is looked at again by `take`. */
  #refresh(lane: Lane<T>, nowMs: number | undefined): void {
    const { kind, circuit, ready } = lane;
    const perHostMax = lane.host === null ? kind.limits.concurrencyMax : kind.limits.perHostMax;
    const canBegin = ready.size > 0 && lane.runningCount < perHostMax;
    const opensAtMs = circuit?.opensAtMs ?? 0;
    const isOpen = opensAtMs === 0 || (nowMs !== undefined && opensAtMs <= nowMs);
    for (const open of [kind.open, kind.openByAge]) {
      if (canBegin && isOpen) open.set(lane);
      else open.delete(lane);
    }
    if (canBegin && !isOpen && opensAtMs < Infinity) this.#shut.set(lane);
    else this.#shut.delete(lane);
    this.#idle.delete(lane);
    if (lane.jobsCount > 0) return;
    if (!circuit || circuit.isFresh) kind.lanes.delete(lane.host);
    else this.#idle.add(lane);
    const [oldest] = this.#idle;
    if (this.#idle.size <= idleLanesMax || !oldest) return;
    this.#idle.delete(oldest);
    oldest.kind.lanes.delete(oldest.host);
  }
}

function takeOut<T extends Queued>({ ready, readyByAge }: Lane<T>, item: T): boolean {
  readyByAge.delete(item);
  return ready.delete(item);
}

const isTurnAfter = (startsCount: number): boolean => startsCount % startsPerTurn === startsPerTurn - 1;

const isJobOlder = ({ job: a, dueAtMs: aMs }: Queued, { job: b, dueAtMs: bMs }: Queued): boolean => (aMs !== bMs ? aMs < bMs : a.id < b.id);

/** Whether a due job of the kind is worth a look; one without a place has it once another is released. */
const hasPlace = <T extends Queued>({ limits, lanes, runningCount }: Kind<T>): boolean =>
  !limits.isTimer || runningCount + (lanes.get(null)?.ready.size ?? 0) < limits.concurrencyMax;

const isJobBefore = (a: Queued, b: Queued): boolean =>
  a.job.priority !== b.job.priority ? a.job.priority > b.job.priority : isJobOlder(a, b);

function isLaneBefore<T extends Queued>(a: Lane<T>, b: Lane<T>): boolean {
  const [first, second] = [a.ready.first()!, b.ready.first()!];
  if (first.job.priority === second.job.priority && a.runningCount !== b.runningCount) return a.runningCount < b.runningCount;
  return isJobBefore(first, second);
}

const isLaneOlder = <T extends Queued>(a: Lane<T>, b: Lane<T>): boolean => isJobOlder(a.readyByAge.first()!, b.readyByAge.first()!);
