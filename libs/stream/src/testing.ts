// The test kit: a topology without a broker. What it cannot show (transactions, rebalances, crashes) is tested on the real one.
import assert from 'node:assert/strict';
import type { Event, Job, Topic, TypedRecord } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import type { LogRecord } from './event-log.ts';
import type { Context, Input, JobFailure, Step, Topology } from './topology.ts';

type PipeOptions = { readonly id?: string; readonly correlationId?: string; readonly atMs?: number };
const defaultTimeMs = Date.UTC(2026, 0, 1);

/**
 * Feeds a topology inputs one by one and shows what it emits, keeps and schedules.
 * The same `handle` and the same ids as in production; every event is delivered in the order of the calls.
 */
export function topologyDriver(topology: Topology) {
  const rows = new Map<string, TypedRecord>();
  const jobs = new Map<string, Job>();
  const tables = new Map<string, Map<string, Event>>();
  const emitted: { topic: string; key: string; event: Event }[] = [];
  const ignored: string[] = [];
  const offsets = new Map<string, number>();

  const context: Context = {
    get: (store, key, type) => {
      assert.ok(topology.stores[store], `the topology ${topology.group} declares no store ${store}`);
      const row = rows.get(`${store}\0${key}`);
      return row?.type === type ? (row.data as never) : undefined;
    },
    table: (name) => {
      assert.ok(topology.tables?.[name], `the topology ${topology.group} declares no table ${name}`);
      return [...(tables.get(name) ?? new Map<string, Event>())].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, event]) => event);
    },
  };

  function take(input: Input): void {
    const step: Step = topology.handle(input, context);
    if (step.ignored !== undefined) ignored.push(step.ignored);
    const outcome = outcomeOf(topology, input, step);
    for (const { emit, event } of outcome.events) {
      assert.ok(topology.outputs.includes(emit.topic), `${topology.group} emits to ${emit.topic.name}, which it does not declare`);
      assert.ok(emit.topic.records.includes(event.type), `${emit.topic.name} does not carry ${event.type}`);
      emitted.push({ topic: emit.topic.name, key: emit.key, event });
    }
    for (const { store, key, row } of step.put ?? []) {
      const topic = topology.stores[store];
      assert.ok(topic, `the topology ${topology.group} declares no store ${store}`);
      if (row === null) rows.delete(`${store}\0${key}`);
      else {
        assert.ok(topic.records.includes(row.type), `${topic.name} does not carry ${row.type}`);
        rows.set(`${store}\0${key}`, row);
      }
    }
    for (const id of step.cancel ?? []) jobs.delete(id);
    for (const job of outcome.jobs) {
      assert.ok(topology.jobs?.[job.kind], `the topology ${topology.group} declares no job ${job.kind}`);
      jobs.set(job.id, job);
    }
  }

  const recordOf = (topic: Topic, key: string, atMs: number): LogRecord => {
    const offset = offsets.get(topic.name) ?? 0;
    offsets.set(topic.name, offset + 1);
    return { topic: topic.name, partition: 0, offset, timestampMs: atMs, key: Buffer.from(key), value: Buffer.alloc(0), headers: {} };
  };

  const eventOf = (record: TypedRecord, key: string, count: number, options: PipeOptions): Event => {
    const id = options.id ?? `event-${count}`;
    const meta = { id, source: '/test', timeMs: options.atMs ?? defaultTimeMs, subject: key, causationId: null, traceparent: null };
    return { ...record, meta: { ...meta, correlationId: options.correlationId ?? id } };
  };

  const finish = (id: string): Job => {
    const job = jobs.get(id);
    assert.ok(job, `no job ${id} is due; due are: ${[...jobs.keys()].join(', ') || 'none'}`);
    jobs.delete(id);
    return job;
  };

  let count = 0;
  return {
    /** Feeds an event, as if it had been read from `topic` with this key. */
    pipe(topic: Topic, key: string, event: TypedRecord, options: PipeOptions = {}): void {
      assert.ok(topology.inputs.includes(topic), `${topology.group} does not read ${topic.name}`);
      const atMs = options.atMs ?? defaultTimeMs;
      take({ kind: 'event', event: eventOf(event, key, (count += 1), options), record: recordOf(topic, key, atMs), atMs });
    },
    /** Feeds a record undecoded, for topologies with `decode: 'raw'`. */
    pipeRaw(record: LogRecord): void {
      take({ kind: 'record', record, atMs: record.timestampMs });
    },
    /** Replaces a shared table: events by key. */
    table(name: string, events: Readonly<Record<string, TypedRecord>>): void {
      tables.set(name, new Map(Object.entries(events).map(([key, event]) => [key, eventOf(event, key, (count += 1), {})])));
    },
    emitted: (topic: Topic): readonly Event[] => emitted.filter((entry) => entry.topic === topic.name).map((entry) => entry.event),
    keys: (topic: Topic): readonly string[] => emitted.filter((entry) => entry.topic === topic.name).map((entry) => entry.key),
    row: (store: string, key: string): TypedRecord['data'] | undefined => rows.get(`${store}\0${key}`)?.data,
    jobs: (): readonly Job[] => [...jobs.values()],
    finishJob(id: string, result: unknown, options: { readonly atMs?: number } = {}): void {
      take({ kind: 'job-done', job: finish(id), result, atMs: options.atMs ?? defaultTimeMs });
    },
    failJob(id: string, failure: JobFailure, options: { readonly atMs?: number } = {}): void {
      take({ kind: 'job-failed', job: finish(id), failure, atMs: options.atMs ?? defaultTimeMs });
    },
    ignored: (): readonly string[] => [...ignored],
  };
}
