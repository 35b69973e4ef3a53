// The test kit: a topology without a broker. What it cannot show (transactions, rebalances, crashes) is tested on the real one.
import assert from 'node:assert/strict';
import type { Event, Job, Topic, TypedRecord } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import type { LogRecord } from './event-log.ts';
import { HeldLines, lineOf, placeOf, type HeldEntry } from './held.ts';
import type { Context, Input, JobFailure, Put, Topology } from './topology.ts';

export { eventLogConformance } from './conformance/event-log.ts';
export type { RawTransaction, Subject } from './conformance/subject.ts';
export { MemoryLog } from './memory-log.fixture.ts';
export { ModelBroker } from './model/broker.ts';
export { ModelDisk } from './model/disk.ts';
export { jsonCodec } from './model/json-codec.ts';
export { createModelLog } from './model/model-log.ts';
export { createNetwork } from './model/network.ts';
export { runSchedules } from './model/schedule.ts';
export type { Summary } from './model/schedule.ts';
export { newActor, Scheduler } from './model/scheduler.ts';
export { keptSeeds } from './model/seeds.ts';

type PipeOptions = { readonly id?: string; readonly correlationId?: string; readonly atMs?: number };
const defaultTimeMs = Date.UTC(2026, 0, 1);

/**
 * Feeds a topology inputs one by one and shows what it emits, keeps and schedules.
 * The same `handle` and the same ids as in production; every event is delivered in the order of the calls.
 * A stage that throws makes the call throw; with `parks` it is parked as in production, and `parked`, `retry` and `drop` tell of it.
 */
export const topologyDriver = (topology: Topology, options: DriverOptions = {}): TopologyDriver => new TopologyDriver(topology, options);

export type DriverOptions = { readonly parks?: boolean };
/** A record that the stage could not take, and how many wait behind it. */
export type ParkedInput = { readonly place: string; readonly reason: string; readonly attempts: number; readonly behind: number };

type RecordInput = Extract<Input, { kind: 'event' | 'record' }>;
type HeldInput = { readonly input: RecordInput; readonly reason: string; readonly attempts: number };

export class TopologyDriver {
  #topology: Topology;
  readonly #parks: boolean;
  readonly #lines = new HeldLines();
  readonly #held = new Map<string, HeldInput>();
  readonly #rows = new Map<string, TypedRecord>();
  /** Time of the mark by marks and id. */
  readonly #marks = new Map<string, number>();
  readonly #jobs = new Map<string, Job>();
  readonly #tables = new Map<string, readonly Event[]>();
  readonly #emitted: { readonly topic: string; readonly key: string; readonly event: Event }[] = [];
  readonly #ignored: string[] = [];
  readonly #noted: string[] = [];
  readonly #offsets = new Map<string, number>();
  #eventsCount = 0;

  constructor(topology: Topology, { parks = false }: DriverOptions = {}) {
    this.#topology = topology;
    this.#parks = parks;
  }

  /** Feeds an event, as if it had been read from `topic` with this key. */
  pipe(topic: Topic, key: string, event: TypedRecord, options: PipeOptions = {}): void {
    assert.ok(this.#topology.inputs.includes(topic), `${this.#topology.group} does not read ${topic.name}`);
    const atMs = options.atMs ?? defaultTimeMs;
    this.#takeRecord({ kind: 'event', event: this.#eventOf(event, key, options), record: this.#recordOf(topic, key, atMs), atMs });
  }

  /** Feeds a record undecoded, for topologies with `decode: 'raw'`. */
  pipeRaw(record: LogRecord): void {
    this.#takeRecord({ kind: 'record', record, atMs: record.timestampMs });
  }

  /** What is parked, in the order of the calls. */
  parked(): readonly ParkedInput[] {
    return [...this.#held].flatMap(([place, { input, reason, attempts }]) => {
      const line = lineOf(input.record);
      if (this.#lines.first(line)?.place !== place) return [];
      const behind = [...this.#held.values()].filter((held) => lineOf(held.input.record) === line).length - 1;
      return [{ place, reason, attempts, behind }];
    });
  }

  /** Runs a parked record again, and in order those behind it, up to the next that fails. */
  retry(place: string): void {
    const { input } = this.#parkedAt(place);
    this.#lines.set(lineOf(input.record), this.#entryOf(input, false));
    this.#goOn();
  }

  /** Gives a parked record up. */
  drop(place: string): void {
    const { input } = this.#parkedAt(place);
    this.#held.delete(place);
    this.#lines.remove(lineOf(input.record), input.record.offset);
    this.#goOn();
  }

  /** Goes on with another version of the topology, as after a deploy: rows, marks, jobs and what is held stay. */
  deploy(topology: Topology): void {
    this.#topology = topology;
  }

  /** Replaces a shared table: events by key. A topology that watches it is told by `tellOf`. */
  table(name: string, events: Readonly<Record<string, TypedRecord>>): void {
    const sorted = Object.entries(events).toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#tables.set(
      name,
      sorted.map(([key, event]) => this.#eventOf(event, key, {})),
    );
  }

  /** Feeds that a watched table has changed. */
  tellOf(table: string, options: { readonly atMs?: number } = {}): void {
    assert.ok(this.#topology.watches?.includes(table), `the topology ${this.#topology.group} does not watch ${table}`);
    this.#take({ kind: 'table', table, partition: 0, atMs: options.atMs ?? defaultTimeMs });
  }

  emitted(topic: Topic): readonly Event[] {
    return this.#emitted.filter((entry) => entry.topic === topic.name).map((entry) => entry.event);
  }

  keys(topic: Topic): readonly string[] {
    return this.#emitted.filter((entry) => entry.topic === topic.name).map((entry) => entry.key);
  }

  row(store: string, key: string): TypedRecord['data'] | undefined {
    return this.#rows.get(`${store}\0${key}`)?.data;
  }

  jobs(): readonly Job[] {
    return [...this.#jobs.values()].filter((job) => !this.#isTimer(job));
  }

  timers(): readonly Job[] {
    return [...this.#jobs.values()].filter((job) => this.#isTimer(job));
  }

  /** Lets a timer come: at its time, unless another is given. */
  fire(id: string, options: { readonly atMs?: number } = {}): void {
    const timer = this.#finished(id);
    assert.ok(this.#isTimer(timer), `${id} is a job: finishJob or failJob ends it`);
    this.#take({ kind: 'timer', timer, atMs: Math.max(timer.notBeforeMs, options.atMs ?? 0) });
  }

  finishJob(id: string, result: unknown, options: { readonly atMs?: number } = {}): void {
    this.#take({ kind: 'job-done', job: this.#finished(id), result, atMs: options.atMs ?? defaultTimeMs });
  }

  failJob(id: string, failure: JobFailure, options: { readonly atMs?: number } = {}): void {
    this.#take({ kind: 'job-failed', job: this.#finished(id), failure, atMs: options.atMs ?? defaultTimeMs });
  }

  /** What steps had counted, in the order of the calls. */
  noted(): readonly string[] {
    return [...this.#noted];
  }

  /** The named reasons why inputs led to nothing. */
  ignored(): readonly string[] {
    return [...this.#ignored];
  }

  #takeRecord(input: RecordInput): void {
    const place = placeOf(input.record);
    if (!this.#parks) this.#take(input);
    else if (this.#lines.has(lineOf(input.record))) {
      this.#held.set(place, { input, reason: '', attempts: 0 });
      this.#lines.set(lineOf(input.record), this.#entryOf(input, false));
    } else this.#tryRecord(input);
  }

  #tryRecord(input: RecordInput): void {
    const place = placeOf(input.record);
    try {
      this.#take(input);
      this.#held.delete(place);
      this.#lines.remove(lineOf(input.record), input.record.offset);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error; // What the test kit itself finds wrong.
      const attempts = (this.#held.get(place)?.attempts ?? 0) + 1;
      this.#held.set(place, { input, reason: error instanceof Error ? error.message : String(error), attempts });
      this.#lines.set(lineOf(input.record), this.#entryOf(input, true));
    }
  }

  #goOn(): void {
    for (const line of this.#lines.ready())
      for (let first = this.#lines.first(line); first && !first.isParked; first = this.#lines.first(line))
        this.#tryRecord(this.#held.get(first.place)!.input);
  }

  #parkedAt(place: string): HeldInput {
    const held = this.parked().some((each) => each.place === place) ? this.#held.get(place) : undefined;
    const places = this.parked().map((each) => each.place);
    assert.ok(held, `nothing is parked at ${place}; parked are: ${places.join(', ') || 'none'}`);
    return held;
  }

  #entryOf({ record }: RecordInput, isParked: boolean): HeldEntry {
    return { place: placeOf(record), offset: record.offset, isParked, bytes: 0 };
  }

  #take(input: Input): void {
    const topology = this.#topology;
    const step = topology.handle(input, this.#context(input.atMs));
    if (step.ignored !== undefined) this.#ignored.push(step.ignored);
    this.#noted.push(...(step.noted ?? []));
    const outcome = outcomeOf(topology, input, step);
    for (const { emit, event } of outcome.events) {
      assert.ok(topology.outputs.includes(emit.topic), `${topology.group} emits to ${emit.topic.name}, which it does not declare`);
      assert.ok(emit.topic.records.includes(event.type), `${emit.topic.name} does not carry ${event.type}`);
      this.#emitted.push({ topic: emit.topic.name, key: emit.key, event });
    }
    for (const put of step.put ?? []) this.#put(put);
    for (const { marks, id } of step.mark ?? []) {
      this.#ttlMsOf(marks);
      this.#marks.set(`${marks}\0${id}`, input.atMs);
    }
    for (const id of step.cancel ?? []) this.#jobs.delete(id);
    for (const { id, priority } of step.prioritize ?? []) {
      const job = this.#jobs.get(id);
      if (job !== undefined) this.#jobs.set(id, { ...job, priority });
    }
    for (const job of outcome.jobs) this.#jobs.set(job.id, job);
  }

  #put({ store, key, row }: Put): void {
    const topic = this.#topology.stores[store];
    assert.ok(topic, `the topology ${this.#topology.group} declares no store ${store}`);
    if (row === null) this.#rows.delete(`${store}\0${key}`);
    else {
      assert.ok(topic.records.includes(row.type), `${topic.name} does not carry ${row.type}`);
      this.#rows.set(`${store}\0${key}`, row);
    }
  }

  #ttlMsOf(marks: string): number {
    const spec = this.#topology.marks?.[marks];
    assert.ok(spec, `the topology ${this.#topology.group} declares no marks ${marks}`);
    return spec.ttlMs;
  }

  #context(atMs: number): Context {
    const { group, stores, tables } = this.#topology;
    return {
      get: (store, key, type) => {
        assert.ok(stores[store], `the topology ${group} declares no store ${store}`);
        const row = this.#rows.get(`${store}\0${key}`);
        return row?.type === type ? (row.data as never) : undefined;
      },
      keys: (store, { after, limit }) => {
        const keys = [...this.#rows.keys()].flatMap((key) => (key.startsWith(`${store}\0`) ? [key.slice(store.length + 1)] : []));
        const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        return sorted.slice(after === undefined ? 0 : sorted.findLastIndex((key) => key <= after) + 1).slice(0, limit);
      },
      isMarked: (marks, id) => {
        const ttlMs = this.#ttlMsOf(marks);
        const markedAtMs = this.#marks.get(`${marks}\0${id}`);
        return markedAtMs !== undefined && atMs - markedAtMs < ttlMs;
      },
      table: (name) => {
        assert.ok(tables?.[name], `the topology ${group} declares no table ${name}`);
        return this.#tables.get(name) ?? [];
      },
    };
  }

  #recordOf(topic: Topic, key: string, atMs: number): LogRecord {
    const offset = this.#offsets.get(topic.name) ?? 0;
    this.#offsets.set(topic.name, offset + 1);
    return { topic: topic.name, partition: 0, offset, timestampMs: atMs, key: Buffer.from(key), value: Buffer.alloc(0), headers: {} };
  }

  #eventOf(record: TypedRecord, key: string, options: PipeOptions): Event {
    const id = options.id ?? `event-${(this.#eventsCount += 1)}`;
    const meta = { id, source: '/test', timeMs: options.atMs ?? defaultTimeMs, subject: key, causationId: null, traceparent: null };
    return { ...record, meta: { ...meta, correlationId: options.correlationId ?? id } };
  }

  #isTimer({ kind }: Job): boolean {
    return this.#topology.timers?.includes(kind) ?? false;
  }

  #finished(id: string): Job {
    const job = this.#jobs.get(id);
    assert.ok(job, `no job ${id} is due; due are: ${[...this.#jobs.keys()].join(', ') || 'none'}`);
    this.#jobs.delete(id);
    return job;
  }
}
