import { deterministicId, topics, type EventOf } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord, NewRecord, Offsets, TopicPartition } from './event-log.ts';
import { placeOf } from './held.ts';
import { decodeEvent, encodeEvent } from './record.ts';
import { inputsOf, type Topology } from './topology.ts';
import { appOf, versionGroup, versionTopic } from './versions.ts';
import type { Work } from './work.ts';

/** Which version of an app is live. Without an event it is the first, and always was. */
export type Projection = {
  readonly app: string;
  readonly liveVersion: number;
  /** All that were ever live before, newest first. */
  readonly formerVersions: readonly number[];
} & Partial<Pick<ProjectionSwap['data'], 'changedBy' | 'changedAtMs' | 'reason'>>;

export type ProjectionSwap = EventOf<'ProjectionSwapped'>;

/** The name of the table that every app with versions reads; no topology can declare it, because a declared name is an identifier. */
export const projectionsTable = '@projections';

type Place = Pick<LogRecord, 'topic' | 'partition' | 'offset'>;

/**
 * What keeps the events of an app's versions from being said twice or never, on one partition number.
 *
 * A record is *settled* when a version other than this one has committed an offset behind it and does not hold it. One rule:
 * - the live version takes every record, and emits for those that are not settled;
 * - every other version takes settled records only, and emits nothing: it *follows*.
 *
 * So whatever is settled has been emitted for exactly once, by induction: a follower makes nothing settled that was not, and the live one
 * emits in the transaction that settles. A swap hands this over without a moment agreed upon: the new live task first opens the
 * writers of all versions that were ever live, which fences them and decides what they had open, and looks where they got to only
 * then. What they write later they write after having read the catalog again behind a writer of their own (`Task`), as followers. The
 * new one may be behind what is settled, never ahead of it; it runs over the rest in silence and speaks from there on.
 *
 * Offsets of a group without members expire (`offsets.retention.minutes`, 7 days): until then the new version must have passed them.
 */
export type Gate = {
  readonly isLive: boolean;
  isSettled(record: Place): boolean;
  /** Asks again how far the others are; only a follower needs to. */
  look(signal?: AbortSignal): Promise<void>;
};

export type GateOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topology: Topology;
  readonly partition: number;
};

/**
 * Must be called after this version's own writer was opened, and again after each time: a catalog read before could be outdated by a
 * swap whose fence went to the writer before.
 * @returns undefined for an app that has no versions
 * @throws StreamError `FENCED` when another writer is being opened at the same moment
 */
export async function openGate(options: GateOptions, signal?: AbortSignal): Promise<Gate | undefined> {
  const { log, codec, topology, partition } = options;
  if (topology.rebuild === undefined) return undefined;
  const { version = 1 } = topology;
  const { liveVersion, formerVersions } = await readProjection(log, codec, appOf(topology), signal);
  const isLive = liveVersion === version;
  const others = new Set([liveVersion, ...formerVersions]);
  others.delete(version);
  const views = [...others].map((other) => new VersionView(options, other));
  if (isLive) for (const { group } of views) await (await log.openWriter(group, partition, signal)).close();
  const look = async (again = signal): Promise<void> => void (await Promise.all(views.map((view) => view.look(isLive, again))));
  await look();
  return { isLive, isSettled: (record) => views.some((view) => view.hasSettled(record)), look };
}

/** For a filter over works in their order: lets through, of each topic, what comes before the first record that is not settled. */
export function isNext(gate: Gate): (pending: { readonly work: Work }) => boolean {
  const waiting = new Set<string>();
  return ({ work }) => {
    if (work.kind !== 'record' || waiting.has(work.record.topic)) return false;
    if (gate.isSettled(work.record)) return true;
    waiting.add(work.record.topic);
    return false;
  };
}

/** What another version has settled, as of the last look. Once true it stays true. */
class VersionView {
  readonly group: string;
  readonly #options: GateOptions;
  readonly #heldPlace: TopicPartition;
  #next: Offsets = new Map();
  #held = new Set<string>();
  #heldNext = 0;

  constructor(options: GateOptions, version: number) {
    const { topology, partition } = options;
    this.#options = options;
    this.group = versionGroup(appOf(topology), version);
    this.#heldPlace = { topic: versionTopic(topology.held, version).name, partition };
  }

  hasSettled(record: Place): boolean {
    if (record.offset >= (this.#next.get(record.topic) ?? 0)) return false;
    return this.#held.size === 0 || !this.#held.has(placeOf(record));
  }

  /**
   * Offsets first, then what is held: a row is in the transaction of the offset that passes its record. Of a writer that may still write,
   * the end of a transaction can show on the offsets before it does on the rows, so nothing may be open where they lie.
   */
  async look(isFenced: boolean, signal?: AbortSignal): Promise<void> {
    const { log, topology, partition } = this.#options;
    const names = inputsOf(topology).map(({ name }) => name);
    const next = await log.committed(this.group, names, partition, signal);
    if (!isFenced && (await log.hasOpenTransaction(this.#heldPlace, signal))) return;
    const { first, end } = await log.bounds(this.#heldPlace, signal);
    const take = (records: readonly LogRecord[]): void => {
      for (const { key, value } of records) {
        if (value === null) this.#held.delete(key!.toString());
        else this.#held.add(key!.toString());
      }
    };
    await log.read(this.#heldPlace, { from: Math.max(first, this.#heldNext), to: end }, take, signal);
    this.#heldNext = end;
    this.#next = next;
  }
}

/** The newest word on an app's versions that is in the log now. What cannot be read is no word. */
export async function readProjection(log: EventLog, codec: Codec, app: string, signal?: AbortSignal): Promise<Projection> {
  const place = { topic: topics.projections.name, partition: log.partitionOf(app) };
  const { first, end } = await log.bounds(place, signal);
  let newest: Projection = { app, liveVersion: 1, formerVersions: [] };
  const take = async (records: readonly LogRecord[]): Promise<void> => {
    for (const record of records) {
      const swap = await findSwap(codec, record);
      if (swap?.data.app === app) newest = swap.data;
    }
  };
  await log.read(place, { from: first, to: end }, take, signal);
  return newest;
}

async function findSwap(codec: Codec, record: LogRecord): Promise<ProjectionSwap | undefined> {
  try {
    const event = await decodeEvent(codec, record);
    return event.type === 'ProjectionSwapped' ? event : undefined;
  } catch (error) {
    if (error instanceof StreamError && error.handling !== 'park') throw error;
    return undefined;
  }
}

export type SwapRequest = {
  readonly to: number;
  readonly changedBy: string;
  readonly reason: string;
  readonly changedAtMs: number;
};

/** The word that makes another version live. @throws Error when it is live already */
export function swapOf({ app, liveVersion, formerVersions }: Projection, request: SwapRequest): ProjectionSwap {
  const { to, changedBy, reason, changedAtMs } = request;
  if (to === liveVersion) throw new Error(`version ${to} of ${app} is live already`);
  const former = [liveVersion, ...formerVersions.filter((version) => version !== liveVersion && version !== to)];
  const id = deterministicId('projection', app, to, changedBy, changedAtMs);
  return {
    type: 'ProjectionSwapped',
    data: { app, liveVersion: to, formerVersions: former, changedBy, reason, changedAtMs },
    meta: { id, source: '/waybill/cli', timeMs: changedAtMs, subject: app, correlationId: id, causationId: null, traceparent: null },
  };
}

export const encodeSwap = (codec: Codec, log: Pick<EventLog, 'partitionOf'>, swap: ProjectionSwap): NewRecord =>
  encodeEvent(codec, { topic: topics.projections, partition: log.partitionOf(swap.data.app), key: swap.data.app }, swap);
