import { deterministicId, topics, type Event, type Job, type RecordType, type TypedRecord } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord, NewRecord } from './event-log.ts';
import { decodeEvent, encodeEvent } from './record.ts';
import type { StateStore, StoreChanges } from './state-store.ts';
import type { Context, Input, Step, Topology } from './topology.ts';
import type { JobEnd, Work } from './work.ts';

/** Store name of the job rows; no topology can declare it, because a declared name is an identifier. */
export const jobStore = '@jobs';

/** A transaction in the making: everything that a run of inputs leads to. Nothing of it is visible yet. */
export type Draft = {
  readonly records: readonly NewRecord[];
  readonly puts: StoreChanges['puts'];
  /** Next offset per input topic. */
  readonly consumed: ReadonlyMap<string, number>;
  /** Job rows as they will be; `null` for those that end. */
  readonly jobs: ReadonlyMap<string, Job | null>;
  readonly parked: readonly { readonly code: string; readonly reason: string; readonly record: LogRecord }[];
  readonly ignored: readonly string[];
};

export type DraftDependencies = {
  readonly topology: Topology;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly store: StateStore;
  readonly partition: number;
  readonly table: Context['table'];
  readonly now: () => number;
};

/**
 * Runs the stage over works in order, each seeing the rows that the ones before it have left.
 * What cannot be decoded, or makes the stage throw, is parked with its bytes and leaves no other trace.
 * @throws StreamError `LOG_UNAVAILABLE` when a schema cannot be read now: the works wait
 */
export async function draftTransaction(dependencies: DraftDependencies, works: readonly Work[]): Promise<Draft> {
  const draft = new Drafting(dependencies);
  for (const work of works) await (work.kind === 'record' ? draft.takeRecord(work.record) : draft.takeJobEnd(work));
  return draft.finish();
}

type Row = { readonly store: string; readonly key: string; readonly row: TypedRecord | null; readonly origin: string };

class Drafting {
  readonly #dependencies: DraftDependencies;
  readonly #events: NewRecord[] = [];
  /** Newest row per store and key; only that is written, however often it changed within the transaction. */
  readonly #rows = new Map<string, Row>();
  readonly #consumed = new Map<string, number>();
  readonly #parked: Draft['parked'][number][] = [];
  readonly #ignored: string[] = [];
  readonly #context: Context;

  constructor(dependencies: DraftDependencies) {
    this.#dependencies = dependencies;
    this.#context = { get: (store, key, type) => this.#get(store, key, type) as never, table: dependencies.table };
  }

  async takeRecord(record: LogRecord): Promise<void> {
    this.#consumed.set(record.topic, record.offset + 1);
    const origin = `${record.topic}/${record.partition}/${record.offset}`;
    try {
      const input: Input =
        this.#dependencies.topology.decode === 'raw'
          ? { kind: 'record', record, atMs: record.timestampMs }
          : { kind: 'event', event: await decodeEvent(this.#dependencies.codec, record), record, atMs: record.timestampMs };
      this.#apply(input, origin);
    } catch (error) {
      if (error instanceof StreamError && error.handling === 'retry') throw error;
      const code = error instanceof StreamError ? error.code : 'STAGE_FAILED';
      this.#park(record, code, error instanceof Error ? error.message : String(error));
    }
  }

  async takeJobEnd({ job, end, atMs }: Extract<Work, { kind: 'job-end' }>): Promise<void> {
    const row = this.#get(jobStore, job.id, 'Job');
    const isCurrent =
      row?.status === 'due' && row.causeId === job.causeId && row.attempt === job.attempt && row.createdAtMs === job.createdAtMs;
    if (!isCurrent) return; // Replaced or cancelled while it ran.
    const spec = this.#dependencies.topology.jobs?.[job.kind];
    const origin = `job/${job.id}`;
    const attempts = job.attempt + 1;
    if (!end.ok && !end.final && spec && attempts < spec.attemptsMax) {
      this.#putJob({ ...row, attempt: attempts, notBeforeMs: end.retryAtMs, lastError: failureText(end) }, origin);
      return;
    }
    // Before the step, which may schedule the same id anew.
    if (end.ok) this.#put({ store: jobStore, key: job.id, row: null, origin });
    else this.#putJob({ ...row, attempt: attempts, status: 'parked', lastError: failureText(end) }, origin);
    try {
      this.#apply(
        end.ok
          ? { kind: 'job-done', job, result: end.result, atMs }
          : { kind: 'job-failed', job, failure: { code: end.code, reason: end.reason, attempts }, atMs },
        origin,
      );
    } catch (error) {
      this.#putJob(
        {
          ...row,
          attempt: attempts,
          status: 'parked',
          lastError: `STAGE_FAILED: ${error instanceof Error ? error.message : String(error)}`,
        },
        origin,
      );
    }
  }

  finish(): Draft {
    const { topology, codec, partition } = this.#dependencies;
    const rows = [...this.#rows.values()].map((entry) => ({ ...entry, value: entry.row === null ? null : codec.encode(entry.row) }));
    const changes = rows.map(({ store, key, value, origin }): NewRecord => {
      const topic = store === jobStore ? topology.jobTopic! : topology.stores[store]!;
      return { topic: topic.name, partition, key, value, headers: { 'waybill-origin': Buffer.from(origin) } };
    });
    const jobs = rows
      .filter(({ store }) => store === jobStore)
      .map(({ key, row }) => [key, (row?.data as Job | undefined) ?? null] as const);
    return {
      records: [...this.#events, ...changes],
      puts: rows.map(({ store, key, value }) => ({ store, key, value })),
      consumed: this.#consumed,
      jobs: new Map(jobs),
      parked: this.#parked,
      ignored: this.#ignored,
    };
  }

  /** All of a step or, when anything in it is wrong, nothing: every check and encoding comes before the first change. */
  #apply(input: Input, origin: string): void {
    const { topology } = this.#dependencies;
    const step = topology.handle(input, this.#context);
    const outcome = outcomeOf(topology, input, step);
    const events = outcome.events.map(({ emit, event }) => this.#encode(emit, event));
    const rows = (step.put ?? []).map(({ store, key, row }) => {
      if (!topology.stores[store]) throw new Error(`${topology.group} declares no store ${store}`);
      return { store, key, row, origin };
    });
    this.#events.push(...events);
    for (const row of rows) this.#put(row);
    for (const id of step.cancel ?? []) this.#put({ store: jobStore, key: id, row: null, origin });
    for (const job of outcome.jobs) this.#putJob(job, origin);
    if (step.ignored !== undefined) this.#ignored.push(step.ignored);
  }

  #encode(emit: NonNullable<Step['emit']>[number], event: Event): NewRecord {
    const { topology, log, codec } = this.#dependencies;
    if (!topology.outputs.includes(emit.topic)) throw new Error(`${topology.group} emits to ${emit.topic.name}, which it does not declare`);
    const partition = 'partition' in emit && emit.partition !== undefined ? emit.partition : log.partitionOf(emit.key);
    return encodeEvent(codec, { topic: emit.topic, partition, key: emit.key }, event);
  }

  #park(record: LogRecord, code: string, reason: string): void {
    const { topology, codec, now } = this.#dependencies;
    const parkedAtMs = now();
    const { topic, partition, offset, timestampMs, key, value } = record;
    const headers = Object.entries(record.headers).map(([name, bytes]) => ({ name, value: bytes }));
    const place = `${topic}/${partition}/${offset}`;
    const id = deterministicId('parked', topology.group, place);
    const correlationId = record.headers['correlationid']?.toString() ?? id;
    const meta = {
      id,
      source: `/waybill/${topology.group}`,
      timeMs: parkedAtMs,
      subject: place,
      correlationId,
      causationId: null,
      traceparent: null,
    };
    const data = {
      app: topology.group,
      topic,
      partition,
      offset,
      timestampMs,
      key,
      value,
      headers,
      code,
      reason: reason.slice(0, 2_000),
      parkedAtMs,
    };
    this.#events.push(encodeEvent(codec, { topic: topics.parked, partition, key: place }, { type: 'RecordParked', data, meta }));
    this.#parked.push({ code, reason, record });
  }

  #get<T extends RecordType>(store: string, key: string, type: T): Extract<TypedRecord, { type: T }>['data'] | undefined {
    const changed = this.#rows.get(`${store}\0${key}`);
    if (changed) return changed.row?.type === type ? (changed.row.data as never) : undefined;
    const bytes = this.#dependencies.store.get(store, key);
    const row = bytes && this.#dependencies.codec.decodeSync(bytes);
    return row?.type === type ? (row.data as never) : undefined;
  }

  #put(row: Row): void {
    this.#rows.set(`${row.store}\0${row.key}`, row);
  }

  #putJob(job: Job, origin: string): void {
    this.#put({ store: jobStore, key: job.id, row: { type: 'Job', data: job }, origin });
  }
}

const failureText = (end: Extract<JobEnd, { ok: false }>): string => `${end.code}: ${end.reason}`.slice(0, 2_000);
