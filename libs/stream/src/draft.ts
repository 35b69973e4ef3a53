import { deterministicId, topics, type Event, type Job, type RecordType, type TypedRecord } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import type { Clock } from './clock.ts';
import { StreamError } from './errors.ts';
import { valueBytesMax, type Codec, type EventLog, type LogRecord, type NewRecord } from './event-log.ts';
import { MarksDraft, type Sweep } from './marks.ts';
import { decodeEvent, encodeEvent } from './record.ts';
import { rowKeyBytesMax, type StateStore, type StoreChanges } from './state-store.ts';
import type { Context, Input, Step, Topology } from './topology.ts';
import type { JobEnd, Work } from './work.ts';

/** Store name of the job rows; no topology can declare it, because a declared name is an identifier. */
export const jobStore = '@jobs';

/** A transaction in the making: everything that a run of inputs leads to. Nothing of it is visible yet. */
export type Draft = {
  readonly records: readonly NewRecord[];
  readonly puts: StoreChanges['puts'];
  readonly sweeps: readonly Sweep[];
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
  readonly clock: Clock;
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

type Change = { readonly store: string; readonly key: string; readonly row: TypedRecord | null; readonly origin: string };
/** With its bytes: what cannot be encoded has to show before anything of its step counts. */
type Row = Change & { readonly value: Buffer | null };

class Drafting {
  readonly #dependencies: DraftDependencies;
  readonly #events: NewRecord[] = [];
  /** Newest row per store and key; only that is written, however often it changed within the transaction. */
  readonly #rows = new Map<string, Row>();
  readonly #consumed = new Map<string, number>();
  readonly #parked: Draft['parked'][number][] = [];
  readonly #ignored: string[] = [];
  readonly #marks: MarksDraft;
  readonly #context: Context;
  /** Of the input that is being handled. */
  #atMs = 0;
  /** A row whose writer's schema has not been loaded yet: written by another version of the app. */
  #unread: Buffer | undefined;

  constructor(dependencies: DraftDependencies) {
    this.#dependencies = dependencies;
    this.#marks = new MarksDraft(dependencies.topology, dependencies.store);
    this.#context = {
      get: (store, key, type) => this.#get(store, key, type) as never,
      isMarked: (marks, id) => this.#marks.isMarked(marks, id, this.#atMs),
      table: dependencies.table,
    };
  }

  async takeRecord(record: LogRecord): Promise<void> {
    this.#consumed.set(record.topic, record.offset + 1);
    const origin = `${record.topic}/${record.partition}/${record.offset}`;
    try {
      const input: Input =
        this.#dependencies.topology.decode === 'raw'
          ? { kind: 'record', record, atMs: record.timestampMs }
          : { kind: 'event', event: await decodeEvent(this.#dependencies.codec, record), record, atMs: record.timestampMs };
      await this.#apply(input, origin);
    } catch (error) {
      if (isToWait(error)) throw error;
      const code = error instanceof StreamError ? error.code : 'STAGE_FAILED';
      this.#park(record, code, error instanceof Error ? error.message : String(error));
    }
  }

  async takeJobEnd({ job, end, atMs }: Extract<Work, { kind: 'job-end' }>): Promise<void> {
    const row = await this.#reading(() => this.#get(jobStore, job.id, 'Job'));
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
    if (end.ok) this.#put(this.#rowOf({ store: jobStore, key: job.id, row: null, origin }));
    else this.#putJob({ ...row, attempt: attempts, status: 'parked', lastError: failureText(end) }, origin);
    try {
      await this.#apply(
        end.ok
          ? { kind: 'job-done', job, result: end.result, atMs }
          : { kind: 'job-failed', job, failure: { code: end.code, reason: end.reason, attempts }, atMs },
        origin,
      );
    } catch (error) {
      if (isToWait(error)) throw error;
      this.#putJob(
        {
          ...row,
          attempt: attempts,
          status: 'parked',
          lastError: `STAGE_FAILED: ${error instanceof Error ? error.message : String(error)}`.slice(0, 2_000),
        },
        origin,
      );
    }
  }

  finish(): Draft {
    const { topology, partition, codec, clock } = this.#dependencies;
    const rows = [...this.#rows.values()];
    const changes = rows.map(({ store, key, value, origin }): NewRecord => {
      const topic = store === jobStore ? topology.jobTopic! : topology.stores[store]!;
      return { topic: topic.name, partition, key, value, headers: { 'waybill-origin': Buffer.from(origin) } };
    });
    const jobs = rows
      .filter(({ store }) => store === jobStore)
      .map(({ key, row }) => [key, (row?.data as Job | undefined) ?? null] as const);
    return {
      records: [...this.#events, ...changes, ...this.#marks.records(codec, partition)],
      puts: [...rows.map(({ store, key, value }) => ({ store, key, value })), ...this.#marks.puts()],
      sweeps: this.#marks.sweeps(clock.now()),
      consumed: this.#consumed,
      jobs: new Map(jobs),
      parked: this.#parked,
      ignored: this.#ignored,
    };
  }

  /** All of a step or, when anything in it is wrong, nothing: every check and encoding comes before the first change. */
  async #apply(input: Input, origin: string): Promise<void> {
    const { topology } = this.#dependencies;
    this.#atMs = input.atMs;
    const step = await this.#reading(() => topology.handle(input, this.#context));
    const outcome = outcomeOf(topology, input, step);
    const events = outcome.events.map(({ emit, event }) => this.#encode(emit, event));
    const changes: Change[] = (step.put ?? []).map(({ store, key, row }) => {
      if (!topology.stores[store]) throw new Error(`${topology.group} declares no store ${store}`);
      return { store, key, row, origin };
    });
    for (const id of step.cancel ?? []) changes.push({ store: jobStore, key: id, row: null, origin });
    for (const job of outcome.jobs) changes.push({ store: jobStore, key: job.id, row: { type: 'Job', data: job }, origin });
    const rows = changes.map((change) => this.#rowOf(change));
    for (const mark of step.mark ?? []) this.#marks.check(mark);
    this.#events.push(...events);
    for (const row of rows) this.#put(row);
    for (const mark of step.mark ?? []) this.#marks.add(mark, input.atMs);
    if (step.ignored !== undefined) this.#ignored.push(step.ignored);
  }

  /** Runs what reads rows; loads the schema that a row turns out to need, and runs it again. */
  async #reading<T>(read: () => T): Promise<T> {
    for (;;) {
      this.#unread = undefined;
      try {
        return read();
      } catch (error) {
        const bytes = this.#unread as Buffer | undefined; // Set by `#get`, which the compiler does not see.
        if (bytes === undefined) throw error;
        await this.#dependencies.codec.decode(bytes);
      }
    }
  }

  #encode(emit: NonNullable<Step['emit']>[number], event: Event): NewRecord {
    const { topology, log, codec } = this.#dependencies;
    if (!topology.outputs.includes(emit.topic)) throw new Error(`${topology.group} emits to ${emit.topic.name}, which it does not declare`);
    const partition = 'partition' in emit && emit.partition !== undefined ? emit.partition : log.partitionOf(emit.key);
    const record = encodeEvent(codec, { topic: emit.topic, partition, key: emit.key }, event);
    refuseLong(`${event.type} for ${emit.topic.name}`, record.value, valueBytesMax);
    return record;
  }

  #rowOf(change: Change): Row {
    const { store, key, row } = change;
    if (store === jobStore && !this.#dependencies.topology.jobTopic)
      throw new Error(`${this.#dependencies.topology.group} has no job topic`);
    const value = row === null ? null : this.#dependencies.codec.encode(row);
    refuseLong(`the key of a row of ${store}`, Buffer.from(`${store}${key}`), rowKeyBytesMax);
    refuseLong(`a row of ${store}`, value, valueBytesMax);
    return { ...change, value };
  }

  #park(record: LogRecord, code: string, reason: string): void {
    const { topology, codec, clock } = this.#dependencies;
    const parkedAtMs = clock.now();
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
    this.#unread = bytes;
    const row = bytes && this.#dependencies.codec.decodeSync(bytes);
    this.#unread = undefined;
    return row?.type === type ? (row.data as never) : undefined;
  }

  #put(row: Row): void {
    this.#rows.set(`${row.store}\0${row.key}`, row);
  }

  #putJob(job: Job, origin: string): void {
    this.#put(this.#rowOf({ store: jobStore, key: job.id, row: { type: 'Job', data: job }, origin }));
  }
}

/** Neither the record nor the stage is at fault: the same work has to be tried again. */
const isToWait = (error: unknown): boolean => error instanceof StreamError && error.handling === 'retry';

/** Said here, where it parks one record: the broker or the store would say it of a whole transaction, for ever. */
function refuseLong(what: string, bytes: Buffer | null, bytesMax: number): void {
  if (bytes !== null && bytes.length > bytesMax) throw new Error(`${what} is ${bytes.length} bytes long; the limit is ${bytesMax}`);
}

const failureText = (end: Extract<JobEnd, { ok: false }>): string => `${end.code}: ${end.reason}`.slice(0, 2_000);
